// Balance: how long do tasks wait when clients place them and free workers steal them, all with the product's own nodes?
//
// Workers with one slot in the simulated world, without faults; Poisson arrivals, each at a random client, with
// heavy-tailed times of 10 ms on average (tools/bench/ideal_queue.hpp); a record is 0.05 to 0.5 ms under way. Times are
// from submit to the end at the worker. The yardstick is one ideal queue before all workers with the same tasks, and nobody on
// the way. One seed, one history.
#pragma once

#include <cstdint>
#include <vector>

namespace taskmesh::sim {

struct BalanceCell {
  std::uint32_t workers = 4;
  std::uint32_t clients = 1;
  std::uint32_t load_percent = 80;
  double slowness = 1;  ///< Of the first worker: a task takes so many times as long there.
  bool pause = false;   ///< The first worker stands still for 5 s.
  bool steals = true;
};

struct BalanceOutcome {
  double p50_ms = 0;
  double p99_ms = 0;
  double ideal_p50_ms = 0;
  double ideal_p99_ms = 0;
  double stolen = 0;  ///< Of 100 tasks.
  double asks = 0;    ///< STEAL and HINT records for each task.
  double p50() const { return p50_ms / ideal_p50_ms; }
  double p99() const { return p99_ms / ideal_p99_ms; }
};

/// The settings of the table in docs/performance.md.
const std::vector<BalanceCell>& balance_cells();

/// `tasks` 0: 400 for each worker, 20,000 at least.
BalanceOutcome run_balance(const BalanceCell& cell, std::size_t tasks, std::uint64_t seed);

}  // namespace taskmesh::sim
