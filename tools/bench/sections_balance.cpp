// Sections: does work reach whoever is free? Beside the ideal: one queue before all slots, and nobody on the way.
#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "bench/ideal_queue.hpp"
#include "bench/sections.hpp"
#include "bench/statistics.hpp"
#include "bench/window.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::bench {

namespace {

using Seconds = std::chrono::duration<double>;

constexpr std::size_t workers_count = 4;
constexpr std::uint64_t makespan_tasks = 400;
constexpr double open_loop_s = 4;  // Of each load, in each round.
constexpr double paused_loop_s = 12;

Clock::duration ticks(double seconds) {
  return std::chrono::duration_cast<Clock::duration>(Seconds(seconds));
}

/// Sends each at its time; when each has ended, as seen by the client, from the first one's time on.
std::vector<double> mesh_ends(Client& client, const std::vector<Arrival>& all) {
  std::vector<double> ends(all.size());
  std::atomic<std::uint64_t> failed{0};
  const auto window =
      std::make_shared<Window>();  // The last one to leave may still be in it when we are gone.
  const auto start = Clock::now();
  for (std::size_t i = 0; i < all.size(); ++i) {
    std::this_thread::sleep_until(start + ticks(all[i].at_s));
    if (!window->enter(all.size() + 1)) throw std::runtime_error("the window is full");
    client.async(take_us(static_cast<int>(all[i].takes_s * 1e6)), {.replicas = 0})
        .then([&, i, window](const TaskResult<int>& result) {
          if (!result.outcome) ++failed;
          ends[i] = Seconds(Clock::now() - start).count();
          window->leave();
        });
  }
  if (!window->wait_for_all() || failed > 0) throw std::runtime_error("a task failed, or did not end");
  return ends;
}

Latency sojourns(const std::vector<Arrival>& all, const std::vector<double>& ends) {
  std::vector<double> times_us;
  for (std::size_t i = 0; i < all.size(); ++i) times_us.push_back((ends[i] - all[i].at_s) * 1e6);
  return {.p50_us = percentile(times_us, 0.50), .p99_us = percentile(times_us, 0.99)};
}

void open_loop(const Bench& bench, Figures& figures, const std::string& title,
               const std::vector<double>& slowness) {
  std::vector<WorkerShape> shapes;
  double speed = 0;
  for (const double factor : slowness) {
    shapes.push_back({.slots = 1, .slowness = factor});
    speed += 1 / factor;
  }
  const BenchMesh mesh(shapes);
  Client client(mesh.client());
  mesh_ends(client, arrivals(0, 100, 0));
  for (std::uint64_t round = 1; round <= bench.rounds; ++round) {
    for (const double load : {0.80, 0.95}) {
      const double per_s = load * speed / task_mean_s;
      const auto count = static_cast<std::size_t>(per_s * open_loop_s);
      const auto all = arrivals(round, bench.tasks == 0 ? count : bench.tasks, per_s);
      const Latency ideal = sojourns(all, ideal_ends(all, slowness));
      const Latency ours = sojourns(all, mesh_ends(client, all));
      const std::string name = title + " " + std::to_string(static_cast<int>(load * 100)) + " % load ";
      figures.add(name + "p50 / ideal", "us", ours.p50_us, ideal.p50_us);
      figures.add(name + "p99 / ideal", "us", ours.p99_us, ideal.p99_us);
    }
  }
}

/// One of 4 stands still for 5 of 12 seconds: what waits there waits, and what comes goes elsewhere.
void paused_loop(const Bench& bench, Figures& figures) {
  constexpr double load = 0.6;  // The other three have 80 % meanwhile.
  const BenchMesh mesh(alike(workers_count, 1));
  Client client(mesh.client());
  mesh_ends(client, arrivals(0, 100, 0));
  for (std::uint64_t round = 1; round <= std::max<std::uint64_t>(bench.rounds / 3, 1); ++round) {
    const double per_s = load * workers_count / task_mean_s;
    const auto count = static_cast<std::size_t>(per_s * paused_loop_s);
    const auto all = arrivals(round, bench.tasks == 0 ? count : bench.tasks, per_s);
    const Pause pause{.from_s = all.back().at_s / 6, .to_s = all.back().at_s / 6 * 3.5};
    const auto start = Clock::now();
    std::jthread pauser([&] {
      std::this_thread::sleep_until(start + ticks(pause.from_s));
      mesh.pause();
      std::this_thread::sleep_until(start + ticks(pause.to_s));
      mesh.go_on();
    });
    const auto ends = mesh_ends(client, all);
    pauser.join();
    const Latency ours = sojourns(all, ends);
    const Latency ideal = sojourns(all, ideal_ends(all, std::vector<double>(workers_count, 1), pause));
    figures.add("one paused, 60 % load p50 / ideal", "us", ours.p50_us, ideal.p50_us);
    figures.add("one paused, 60 % load p99 / ideal", "us", ours.p99_us, ideal.p99_us);
  }
}

}  // namespace

/// No order of the tasks can end before the sum shared out evenly, nor before the longest one.
void measure_makespan(const Bench& bench, Figures& figures) {
  const BenchMesh mesh(alike(workers_count, 1));
  Client client(mesh.client());
  mesh_ends(client, arrivals(0, 100, 0));
  for (std::uint64_t round = 1; round <= bench.rounds; ++round) {
    const auto all = arrivals(round, bench.tasks == 0 ? makespan_tasks : bench.tasks, 0);
    double sum_s = 0;
    double longest_s = 0;
    for (const Arrival& task : all) {
      sum_s += task.takes_s;
      longest_s = std::max(longest_s, task.takes_s);
    }
    const double bound_ms = std::max(sum_s / workers_count, longest_s) * 1000;
    const auto ours = mesh_ends(client, all);
    const auto ideal = ideal_ends(all, std::vector<double>(workers_count, 1));
    figures.add("makespan / bound", "ms", *std::max_element(ours.begin(), ours.end()) * 1000, bound_ms);
    figures.add("makespan of one ideal queue / bound", "ms",
                *std::max_element(ideal.begin(), ideal.end()) * 1000, bound_ms);
  }
}

void measure_open_loop(const Bench& bench, Figures& figures) {
  paused_loop(bench, figures);
  open_loop(bench, figures, "4 alike,", {1, 1, 1, 1});
  open_loop(bench, figures, "one slow,", {1, 1, 1, 4});
}

}  // namespace taskmesh::bench
