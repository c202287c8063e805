#include "sim/balance.hpp"

#include <algorithm>
#include <string>
#include <unordered_map>

#include "bench/ideal_queue.hpp"
#include "sim/world.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::sim {

namespace {

using bench::Arrival;

constexpr Duration warm_up = 3s;
constexpr Duration pause_lasts = 5s;

double seconds(Duration span) { return std::chrono::duration<double>(span).count(); }
Duration span_of(double s) { return std::chrono::duration_cast<Duration>(std::chrono::duration<double>(s)); }

class BalanceWorld {
 public:
  BalanceWorld(const BalanceCell& cell, std::vector<Arrival> arrivals, std::uint64_t seed)
      : cell_(cell), arrivals_(std::move(arrivals)), ends_(arrivals_.size()), world_(seed) {
    world_.observer.started = [this](Process& worker, const core::Run&) { starts_at_ = worker.host; };
    world_.observer.behaviour = [this](const core::Run& run) {
      const double factor = starts_at_ == workers_.front() ? cell_.slowness : 1;
      return Behaviour{.takes = span_of(arrivals_[numbers_.at(run.id)].takes_s * factor)};
    };
    world_.observer.finished = [this](Process&, const core::Finished& finished) {
      ends_[numbers_.at(finished.id)] = seconds(world_.now() - start_);
      ++ended_;
    };
  }

  /// When each has ended, from the time of the first on.
  std::vector<double> run(double pause_from_s) {
    for (std::uint32_t i = 0; i < cell_.workers; ++i) {
      Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(10'000 + i), .slots = 1, .serves = {"work"}};
      plan.steals = cell_.steals;
      workers_.push_back(world_.add(plan));
    }
    for (std::uint32_t i = 0; i < cell_.clients; ++i)
      clients_.push_back(world_.add({.kind = core::NodeKind::client}));
    world_.run_for(warm_up);
    before_ = world_.counters();
    start_ = world_.now();
    if (cell_.pause) {
      world_.timeline().after(span_of(pause_from_s), [this] { world_.pause(workers_.front()); });
      world_.timeline().after(span_of(pause_from_s) + pause_lasts,
                              [this] { world_.resume(workers_.front()); });
    }
    submit(0);
    world_.run_until([this] { return ended_ == arrivals_.size(); }, 300s);
    return ends_;
  }
  core::NodeCounters counted() const {
    core::NodeCounters sum = world_.counters();
    sum.stolen -= before_.stolen;
    sum.steal_asks -= before_.steal_asks;
    sum.hints -= before_.hints;
    return sum;
  }

 private:
  void submit(std::size_t number) {
    const Duration due = start_ + span_of(arrivals_[number].at_s) - world_.now();
    world_.timeline().after(due, [this, number] {
      const Host client = clients_[world_.random().below(clients_.size())];
      const std::uint32_t instance = world_.at(client).config.client_instance;
      const auto counter = static_cast<std::uint32_t>(number + 1);
      const TaskId id = make_task_id(1'700'000'000'000, 1, instance, counter);  // One copy.
      numbers_[id] = number;
      core::SubmitTask task;
      task.id = id;
      task.token = number + 1;
      task.name = "work";
      task.wait = true;
      world_.give(client, std::move(task));
      if (number + 1 < arrivals_.size()) submit(number + 1);
    });
  }

  const BalanceCell cell_;
  const std::vector<Arrival> arrivals_;
  std::vector<double> ends_;
  World world_;
  std::vector<Host> workers_;
  std::vector<Host> clients_;
  std::unordered_map<TaskId, std::size_t, core::TaskIdHash> numbers_;
  Host starts_at_ = 0;
  TimePoint start_{};
  std::size_t ended_ = 0;
  core::NodeCounters before_;
};

struct Percentiles {
  double p50_ms = 0;
  double p99_ms = 0;
};

/// The first tenth is warming up.
Percentiles percentiles(const std::vector<Arrival>& arrivals, const std::vector<double>& ends) {
  std::vector<double> times;
  for (std::size_t i = arrivals.size() / 10; i < arrivals.size(); ++i)
    times.push_back((ends[i] - arrivals[i].at_s) * 1'000);
  std::ranges::sort(times);
  return {times[times.size() / 2], times[times.size() * 99 / 100]};
}

}  // namespace

const std::vector<BalanceCell>& balance_cells() {
  static const std::vector<BalanceCell> cells{
      {4, 1, 80},    {4, 1, 95},    {4, 1, 80, 4},   {4, 1, 60, 1, true}, {16, 10, 80},
      {16, 50, 95},  {64, 10, 80},  {64, 50, 95},    {64, 10, 80, 4},     {64, 10, 80, 1, true},
      {256, 50, 80}, {256, 50, 95}, {1'000, 50, 80}, {1'000, 50, 95}};
  return cells;
}

BalanceOutcome run_balance(const BalanceCell& cell, std::size_t tasks, std::uint64_t seed) {
  const double speed = cell.workers - 1 + 1 / cell.slowness;
  const double per_s = cell.load_percent / 100.0 * speed / bench::task_mean_s;
  const std::size_t usual = std::max<std::size_t>(20'000, std::size_t{400} * cell.workers);
  // A pause has to end well before the tasks do.
  const std::size_t least = cell.pause ? static_cast<std::size_t>(12 * per_s) : 0;
  const auto all = bench::arrivals(seed, std::max(tasks == 0 ? usual : tasks, least), per_s);
  std::vector<double> slowness(cell.workers, 1);
  slowness.front() = cell.slowness;
  const double from_s = all.back().at_s / 4;
  const bench::Pause pause =
      cell.pause ? bench::Pause{from_s, from_s + seconds(pause_lasts)} : bench::Pause{};
  BalanceWorld world(cell, all, seed);
  const Percentiles ours = percentiles(all, world.run(from_s));
  const Percentiles ideal = percentiles(all, bench::ideal_ends(all, slowness, pause));
  const core::NodeCounters counted = world.counted();
  const auto count = static_cast<double>(all.size());
  return {.p50_ms = ours.p50_ms,
          .p99_ms = ours.p99_ms,
          .ideal_p50_ms = ideal.p50_ms,
          .ideal_p99_ms = ideal.p99_ms,
          .stolen = 100 * static_cast<double>(counted.stolen) / count,
          .asks = static_cast<double>(counted.steal_asks + counted.hints) / count};
}

}  // namespace taskmesh::sim
