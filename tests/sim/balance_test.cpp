// Does work reach whoever is free? The product's own nodes on virtual time, against one ideal queue before all workers.
// The whole table: taskmesh_balance (docs/performance.md).
#include "sim/balance.hpp"

#include <catch2/catch.hpp>

namespace taskmesh::sim {
namespace {

/// The same without stealing.
BalanceOutcome unstolen(BalanceCell cell) {
  cell.steals = false;
  return run_balance(cell, 20'000, 1);
}

}  // namespace

TEST_CASE("tasks wait hardly longer than in one ideal queue, and longer without stealing", "[sim][balance]") {
  for (const BalanceCell& cell : {BalanceCell{4, 1, 80}, BalanceCell{16, 10, 80}, BalanceCell{16, 50, 95}}) {
    INFO(cell.workers << " workers, " << cell.clients << " clients, " << cell.load_percent << " %");
    const BalanceOutcome ours = run_balance(cell, 20'000, 1);
    CHECK(ours.p99() <= 1.2);
    CHECK(ours.p99() < unstolen(cell).p99());
    CHECK(ours.stolen > 1);
  }
}

TEST_CASE("a worker that is slow, or stands still, keeps few tasks from the others", "[sim][balance]") {
  for (const BalanceCell& cell : {BalanceCell{16, 10, 80, 4}, BalanceCell{16, 10, 80, 1, true}}) {
    INFO((cell.pause ? "stands still" : "slow"));
    const BalanceOutcome ours = run_balance(cell, 20'000, 1);
    CHECK(ours.p99() <= 1.5);
    CHECK(ours.p99() < unstolen(cell).p99());
  }
}

TEST_CASE("the same seed gives the same balance", "[sim][balance]") {
  const BalanceCell cell{4, 3, 90};
  const BalanceOutcome one = run_balance(cell, 2'000, 7);
  const BalanceOutcome two = run_balance(cell, 2'000, 7);
  CHECK(one.p99_ms == two.p99_ms);
  CHECK(one.stolen == two.stolen);
}

}  // namespace taskmesh::sim
