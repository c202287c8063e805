// Sections: what a mesh costs that has nothing to do, and what more workers cost one that has.
#include <algorithm>
#include <thread>

#include "bench/mesh_load.hpp"
#include "bench/sections.hpp"
#include "taskmesh/callback_listener.hpp"

namespace taskmesh::bench {

namespace {

constexpr auto idle_time = std::chrono::seconds(5);  // Several heartbeats of each worker to each.
constexpr auto greeting_time = std::chrono::seconds(1);
constexpr auto greeting_time_each = std::chrono::milliseconds(100);
constexpr double mib = 1024 * 1024;

double seconds(std::chrono::nanoseconds time) { return std::chrono::duration<double>(time).count(); }

/// Until greetings and first heartbeats are over.
void calm_down(std::size_t workers) {
  std::this_thread::sleep_for(greeting_time + greeting_time_each * static_cast<int>(workers));
}

/// With a client and a listener connected, as a web service would have them.
void measure_idle_mesh(const Bench& bench, std::size_t workers, Figures& figures) {
  const BenchMesh mesh(alike(workers, 1));
  Client client(mesh.client());
  const CallbackListener listener("tcp://127.0.0.1:*");
  client.delay_with_callback(stamp(), {.address = listener.address()});
  calm_down(workers);
  const std::string title = "idle mesh of " + std::to_string(workers) + ", per worker: ";
  const auto count = static_cast<double>(workers);
  for (std::uint64_t i = 0; i < bench.rounds; ++i) {
    const auto ran = mesh.processor_time();
    const auto sent = loopback_octets();
    std::this_thread::sleep_for(idle_time);
    const double octets = static_cast<double>(loopback_octets() - sent);
    const double share = seconds(mesh.processor_time() - ran) / seconds(idle_time);
    figures.add(title + "of a core", "%", share * 100 / count);
    figures.add(title + "sent over loopback", "B/s", octets / seconds(idle_time) / count);
  }
}

void measure_mesh_of(const Bench& bench, std::size_t workers, Figures& figures) {
  const BenchMesh mesh(alike(workers, 1));
  const Load load = usual_load(bench);
  MeshLoad tasks(mesh.client(), load);
  RawLoad raw(bench.peer, load);
  calm_down(workers);
  const std::string title = std::to_string(workers) + (workers == 1 ? " worker: " : " workers: ");
  tasks.flood();
  raw.one_way();
  for (std::uint64_t i = 0; i < bench.rounds; ++i) {
    settle();
    figures.add(title + "lone task p50 / raw echo p50", "us", tasks.round_trips().p50_us,
                raw.round_trips().p50_us);
    figures.add(title + "flood / raw one way", "/s", tasks.flood(), raw.one_way());
    settle();
    const auto start = Clock::now();
    Client client(mesh.client());
    client.submit_task<std::string>("echo", std::string("first")).value();
    figures.add(title + "new client to its first result", "ms", seconds(Clock::now() - start) * 1000);
    figures.add(title + "memory of one of them", "MiB", static_cast<double>(mesh.own_memory()) / mib);
  }
  expect_good(tasks);
}

}  // namespace

void measure_idle(const Bench& bench, Figures& figures) {
  measure_idle_mesh(bench, std::min<std::size_t>(3, bench.crowd), figures);
  if (bench.crowd > 3) measure_idle_mesh(bench, bench.crowd, figures);
}

void measure_workers(const Bench& bench, Figures& figures) {
  for (const std::size_t workers : {1U, 3U, 10U, 25U}) {
    if (workers < bench.crowd) measure_mesh_of(bench, workers, figures);
  }
  measure_mesh_of(bench, bench.crowd, figures);
}

}  // namespace taskmesh::bench
