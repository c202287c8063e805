// Sections: callbacks, starts, memory.
#include <stdexcept>

#include "bench/callback_load.hpp"
#include "bench/sections.hpp"

namespace taskmesh::bench {

namespace {

constexpr std::uint64_t queued_default = 1'000'000;

double ms(std::chrono::nanoseconds time) { return std::chrono::duration<double, std::milli>(time).count(); }

void expect_success(const TaskResult<std::string>& result) {
  if (!result.outcome) throw std::runtime_error("a task failed: " + result.outcome.error().what);
}

}  // namespace

void measure_callbacks(const Bench& bench, Figures& figures) {
  const BenchMesh mesh(alike(1, 2));
  const Load load = usual_load(bench);
  CallbackLoad callbacks(mesh.client(), load);
  RawLoad raw(bench.peer, load);
  callbacks.events();
  for (std::uint64_t i = 0; i < bench.rounds; ++i) {
    figures.add("callbacks to one listener / raw one way", "/s", callbacks.events(), raw.one_way());
    settle();
    const Latency delays = callbacks.delays();
    const Latency echo = raw.round_trips();
    figures.add("end to handler p50 / raw echo p50", "us", delays.p50_us, echo.p50_us);
    figures.add("end to handler p99 / raw echo p99", "us", delays.p99_us, echo.p99_us);
  }
}

void measure_start(const Bench& bench, Figures& figures) {
  for (std::uint64_t i = 0; i < bench.rounds; ++i) {
    const BenchMesh mesh(alike(1, 1));
    figures.add("worker process to serving", "ms", ms(mesh.first_start()));
    const auto start = Clock::now();
    Client client(mesh.client());
    expect_success(client.submit_task<std::string>("echo", std::string("first")));
    figures.add("new client to its first result", "ms", ms(Clock::now() - start));
  }
}

/// The worker's one slot is taken, so that all that comes waits.
void measure_memory(const Bench& bench, Figures& figures) {
  const std::uint64_t tasks = bench.tasks == 0 ? queued_default : bench.tasks;
  const BenchMesh mesh({WorkerShape{.slots = 1, .slowness = 1, .queue_tasks_max = tasks + 1}});
  ClientOptions options = mesh.client();
  options.flush_timeout = Duration::zero();
  Client client(std::move(options));
  const SubmitOptions single{.replicas = 0};
  client.delay("sleep_ms", 3'600'000);
  const std::string payload(100, 'x');
  const auto submit = [&](std::uint64_t count) {
    for (std::uint64_t i = 0; i < count; ++i) {
      client.delay(call<std::string>("echo", payload), single);
    }
    if (!client.flush(std::chrono::minutes(1))) throw std::runtime_error("not all tasks were accepted");
  };
  submit(tasks / 10);  // Tables and buffers have their first size.
  const auto before = static_cast<double>(mesh.memory());
  const std::uint64_t counted = tasks - tasks / 10;
  submit(counted);
  const double grown = static_cast<double>(mesh.memory()) - before;
  figures.add("memory per waiting task of 100 B", "B", grown / static_cast<double>(counted));
}

}  // namespace taskmesh::bench
