// Does work reach whoever is free? The product's own nodes on virtual time, against one ideal queue before all workers.
// The whole table: taskmesh_balance (docs/performance.md).
#include "sim/balance.hpp"

#include <catch2/catch.hpp>

#include "sim/world.hpp"

namespace taskmesh::sim::balance_test {
namespace {

/// The same without stealing.
BalanceOutcome unstolen(BalanceCell cell) {
  cell.steals = false;
  return run_balance(cell, 20'000, 1);
}

/// STEAL and HINT records that were ever sent.
std::uint64_t asks(const World& world) { return world.counters().steal_asks + world.counters().hints; }

}  // namespace

TEST_CASE("an idle mesh says nothing about stealing, before work came and after it", "[sim][balance]") {
  World world(3);
  for (int i = 0; i < 5; ++i) {
    Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(10'000 + i), .slots = 1, .serves = {"work"}};
    world.add(plan);
  }
  const Host client = world.add({.kind = core::NodeKind::client});
  std::size_t ended = 0;
  world.observer.finished = [&](Process&, const core::Finished&) { ++ended; };
  world.run_for(5s);  // They meet, and ask in vain for a while.
  const std::uint64_t settled = asks(world);
  world.run_for(60s);
  CHECK(asks(world) == settled);
  for (std::uint32_t i = 1; i <= 40; ++i) {
    core::SubmitTask task;
    task.id = make_task_id(1'700'000'000'000, 1, world.at(client).config.client_instance, i);
    task.token = i;
    task.name = "work";
    task.wait = true;
    world.give(client, std::move(task));
  }
  world.run_for(5s);
  CHECK(ended == 40);
  const std::uint64_t after = asks(world);
  CHECK(after > settled);
  world.run_for(60s);
  CHECK(asks(world) == after);
}

TEST_CASE("with stealing tasks wait hardly longer than in one ideal queue", "[sim][balance]") {
  const BalanceCell cell{16, 10, 80};
  const BalanceOutcome ours = run_balance(cell, 20'000, 1);
  CHECK(ours.p99() <= 1.4);
  CHECK(ours.p50() <= 1.5);  // A copy is made before each start.
  CHECK(ours.stolen > 10);
  CHECK(unstolen(cell).p99() > 2);
}

TEST_CASE("few workers, a slow one, and one that stands still: tails are shorter with stealing",
          "[sim][balance]") {
  for (const BalanceCell& cell : {BalanceCell{4, 1, 80}, BalanceCell{4, 1, 80, 4}}) {
    INFO("slowness " << cell.slowness);
    CHECK(run_balance(cell, 20'000, 1).p99() < 0.9 * unstolen(cell).p99());
  }
  // Who stands still gives nothing, and others wait for its copies (copy_patience).
  const BalanceCell still{4, 1, 60, 1, true};
  CHECK(run_balance(still, 20'000, 1).p99() < unstolen(still).p99());
}

TEST_CASE("the same seed gives the same balance", "[sim][balance]") {
  const BalanceCell cell{4, 3, 90};
  const BalanceOutcome one = run_balance(cell, 2'000, 7);
  const BalanceOutcome two = run_balance(cell, 2'000, 7);
  CHECK(one.p99_ms == two.p99_ms);
  CHECK(one.stolen == two.stolen);
}

}  // namespace taskmesh::sim::balance_test
