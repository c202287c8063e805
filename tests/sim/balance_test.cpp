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

TEST_CASE("with stealing tasks wait hardly longer than in one ideal queue", "[sim][balance]") {
  const BalanceCell cell{16, 10, 80};
  const BalanceOutcome ours = run_balance(cell, 20'000, 1);
  CHECK(ours.p99() <= 1.2);
  CHECK(ours.p50() <= 1.3);
  CHECK(ours.stolen > 10);
  CHECK(unstolen(cell).p99() > 2);
}

TEST_CASE("few workers, a slow one, and one that stands still: tails are shorter with stealing", "[sim][balance]") {
  for (const BalanceCell& cell :
       {BalanceCell{4, 1, 80}, BalanceCell{4, 1, 80, 4}, BalanceCell{4, 1, 60, 1, true}}) {
    INFO("slowness " << cell.slowness << ", stands still " << cell.pause);
    CHECK(run_balance(cell, 20'000, 1).p99() < 0.85 * unstolen(cell).p99());
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
