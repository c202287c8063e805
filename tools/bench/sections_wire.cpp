// Sections: tasks as messages, beside raw libzmq.
#include <unistd.h>

#include <algorithm>
#include <functional>
#include <memory>
#include <numeric>
#include <thread>

#include "bench/mesh_load.hpp"
#include "bench/sections.hpp"

namespace taskmesh::bench {

namespace {

constexpr std::uint64_t kib = 1024;
constexpr std::uint64_t under_way_bytes_max = 64 * kib * kib;  // More is a measurement of memory.
constexpr std::uint64_t slice_bytes_max = 256 * kib * kib;

std::string size_text(std::uint64_t bytes) {
  if (bytes >= kib * kib) return std::to_string(bytes / kib / kib) + " MiB";
  return bytes >= kib ? std::to_string(bytes / kib) + " KiB" : std::to_string(bytes) + " B";
}

/// The same slices on both sides.
struct Sides {
  MeshLoad& mesh;
  RawLoad& raw;
  void use(const Load& load) {
    mesh.use(load);
    raw.use(load);
  }
};

void add_latency(Figures& figures, const std::string& title, const Latency& mesh, const Latency& raw) {
  figures.add(title + " p50 / raw echo p50", "us", mesh.p50_us, raw.p50_us);
  figures.add(title + " p99 / raw echo p99", "us", mesh.p99_us, raw.p99_us);
}

void measure_payload(Sides sides, Load load, Figures& figures) {
  const std::string size = size_text(load.payload_bytes);
  const std::uint64_t most = std::max<std::uint64_t>(slice_bytes_max / load.payload_bytes, 16);
  load.tasks_max = load.tasks_max == 0 ? most : std::min(load.tasks_max, most);
  sides.use(load);
  settle();
  add_latency(figures, size + ": lone task", sides.mesh.round_trips(), sides.raw.round_trips());
  for (const std::uint64_t window : {1U, 16U, 256U, 4096U}) {
    if (window * load.payload_bytes > under_way_bytes_max) continue;
    load.window = window;
    sides.use(load);
    figures.add(size + ", window " + std::to_string(window) + ": flood / raw echo", "/s", sides.mesh.flood(),
                sides.raw.echo());
  }
  figures.add(size + ": fire and forget / raw one way", "/s", sides.mesh.fire_and_forget(),
              sides.raw.one_way());
}

/// Each client from a thread of its own; what they do together.
double flood_of_all(const std::vector<std::unique_ptr<MeshLoad>>& clients) {
  std::vector<double> rates(clients.size());
  std::vector<std::thread> threads;
  for (std::size_t i = 0; i < clients.size(); ++i) {
    threads.emplace_back([&, i] { rates[i] = clients[i]->flood(); });
  }
  for (std::thread& thread : threads) thread.join();
  return std::accumulate(rates.begin(), rates.end(), 0.0);
}

}  // namespace

void settle() { std::this_thread::sleep_for(std::chrono::milliseconds(50)); }

void measure_payloads(const Bench& bench, Figures& figures) {
  const BenchMesh mesh(alike(1, 2));
  Load load = usual_load(bench);
  MeshLoad tasks(mesh.client(), load);
  RawLoad raw(bench.peer, load);
  for (const std::uint64_t bytes : {std::uint64_t{100}, kib, 16 * kib, kib * kib}) {
    load.payload_bytes = bytes;
    Figures warm_up;
    measure_payload({tasks, raw}, load, warm_up);
    for (std::uint64_t i = 0; i < bench.rounds; ++i) measure_payload({tasks, raw}, load, figures);
    expect_good(tasks);
  }
}

/// Of all threads on both sides: what a lone task waits for is somebody to wake up. Noise hardly changes it.
void measure_switches(const Bench& bench, Figures& figures) {
  const BenchMesh mesh(alike(1, 2));
  const Load load = usual_load(bench);
  MeshLoad tasks(mesh.client(), load);
  RawLoad raw(bench.peer, load);
  const auto ours = [&] { return mesh.sleeps() + sleeps_of(::getpid()); };
  const auto theirs = [&] { return sleeps_of(bench.peer.pid()) + sleeps_of(::getpid()); };
  const auto per_task = [](const auto& sleeps, const std::function<Latency()>& slice) {
    const std::uint64_t before = sleeps();
    const std::uint64_t tasks_done = slice().count;
    return static_cast<double>(sleeps() - before) / static_cast<double>(tasks_done);
  };
  tasks.round_trips();
  raw.round_trips();
  for (std::uint64_t i = 0; i < bench.rounds; ++i) {
    const double of_task = per_task(ours, [&] { return tasks.round_trips(); });
    const double of_raw = per_task(theirs, [&] { return raw.round_trips(); });
    figures.add("context switches, lone task / raw echo", "", of_task, of_raw);
  }
  expect_good(tasks);
}

void measure_clients(const Bench& bench, Figures& figures) {
  const Load load = usual_load(bench);
  for (const std::size_t workers : {1U, 3U}) {
    const BenchMesh mesh(alike(workers, workers == 1 ? 2 : 1));
    std::vector<std::unique_ptr<MeshLoad>> clients;
    for (const std::size_t count : {1U, 4U}) {
      while (clients.size() < count) clients.push_back(std::make_unique<MeshLoad>(mesh.client(), load));
      RawLoad raw(bench.peer, load);
      flood_of_all(clients);
      const std::string title =
          std::to_string(count) + (count == 1 ? " client x " : " clients x ") + std::to_string(workers);
      for (std::uint64_t i = 0; i < bench.rounds; ++i) {
        figures.add(title + ": flood / raw one way", "/s", flood_of_all(clients), raw.one_way());
      }
      for (const auto& client : clients) expect_good(*client);
    }
  }
}

void measure_copies(const Bench& bench, Figures& figures) {
  const BenchMesh mesh(alike(3, 1));
  const Load load = usual_load(bench);
  MeshLoad tasks(mesh.client(), load);
  RawLoad raw(bench.peer, load);
  for (std::uint64_t round = 0; round <= bench.rounds; ++round) {
    Figures warm_up;
    Figures& into = round == 0 ? warm_up : figures;
    settle();
    const Latency echo = raw.round_trips();
    for (const int copies : {0, 1, 2}) {
      into.add("accepted, copies " + std::to_string(copies) + ": p50 / raw echo p50", "us",
               tasks.acceptances(copies).p50_us, echo.p50_us);
    }
    const double single = tasks.flood();
    into.add("flood, one copy / none", "/s", tasks.flood(1), single);
    into.add("flood, two copies / none", "/s", tasks.flood(2), single);
  }
  expect_good(tasks);
}

}  // namespace taskmesh::bench
