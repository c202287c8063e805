#include "taskmesh/core/mesh/load_view.hpp"

#include <catch2/catch.hpp>

#include "core/mesh_support.hpp"

namespace load_view_test {

using namespace mesh_test;

namespace {

proto::Load busy(std::uint32_t queued, std::uint32_t running, std::uint32_t slots,
                 std::uint32_t clients = 1) {
  return {queued, running, slots, clients, 0, 0};
}

}  // namespace

SCENARIO("the key of a worker is its load per slot, with what is under way times the clients",
         "[core][load]") {
  LoadView view;
  const NodeId worker = node_id(1);
  CHECK(view.key(worker) == 0.0);
  CHECK(view.load(worker) == nullptr);
  CHECK(view.unanswered(worker) == 0);

  view.on_answer(worker, busy(6, 2, 4, 3), at(0s).at);
  CHECK(view.key(worker) == 2.0);
  CHECK(view.load(worker)->queued == 6);
  view.placed(worker);
  view.placed(worker);
  CHECK(view.unanswered(worker) == 2);
  CHECK(view.key(worker) == 3.5);  // (6 + 2 + 2 x 3) / 4
  view.answered(worker);
  CHECK(view.key(worker) == 2.75);
  view.answered(worker, 1'000);  // A repeated answer cannot make it negative.
  CHECK(view.unanswered(worker) == 0);
  CHECK(view.key(worker) == 2.0);
}

SCENARIO("what a worker does not say counts as one", "[core][load]") {
  LoadView view;
  view.placed(node_id(1));
  CHECK(view.key(node_id(1)) == 1.0);
  CHECK(view.load(node_id(1)) == nullptr);
  view.on_answer(node_id(1), busy(1, 0, 0, 0), at(0s).at);
  CHECK(view.key(node_id(1)) == 2.0);
  view.answered(node_id(9));  // Of a worker that nobody knows.
  CHECK(view.unanswered(node_id(9)) == 0);
}

SCENARIO("a heartbeat counts only where no answer is fresh", "[core][load]") {
  LoadView view;
  const NodeId worker = node_id(1);
  GIVEN("a worker that never answered") {
    view.on_heartbeat(worker, busy(1, 0, 1), at(0s).at);
    view.on_heartbeat(worker, busy(2, 0, 1), at(1s).at);
    THEN("each heartbeat counts") { CHECK(view.key(worker) == 2.0); }
  }
  GIVEN("an answer") {
    view.on_answer(worker, busy(5, 0, 1), at(0s).at);
    THEN("heartbeats count from 10 s after it on, until the next answer") {
      view.on_heartbeat(worker, busy(1, 0, 1), at(9999ms).at);
      CHECK(view.key(worker) == 5.0);
      view.on_heartbeat(worker, busy(1, 0, 1), at(10s).at);
      CHECK(view.key(worker) == 1.0);
      view.on_answer(worker, busy(7, 0, 1), at(10100ms).at);
      view.on_heartbeat(worker, busy(1, 0, 1), at(12s).at);
      CHECK(view.key(worker) == 7.0);
    }
  }
}

SCENARIO("a worker whose slots are all stuck comes after each other one", "[core][load]") {
  LoadView view;
  const auto tell = [&](unsigned worker, std::uint32_t queued, std::uint32_t stuck) {
    proto::Load load = busy(queued, 2, 2);
    load.stuck = stuck;
    view.on_answer(node_id(worker), load, at(0s).at);
    return view.key(node_id(worker));
  };
  const double all_stuck = tell(1, 0, 2);
  const double one_stuck = tell(2, 50'000, 1);
  const double both_stuck_and_more_waits = tell(3, 1, 2);
  CHECK(one_stuck == 50'001.0);
  CHECK(all_stuck > one_stuck);
  CHECK(both_stuck_and_more_waits > all_stuck);
}

SCENARIO("of many clients one at a time believes a heartbeat", "[core][load]") {
  std::uint32_t beats = 0;
  for (std::uint64_t seed = 1; seed <= 100; ++seed) {
    LoadView view{seed};
    const NodeId worker = node_id(1);
    proto::Load load = busy(5, 0, 1);
    view.on_answer(worker, load, at(0s).at);
    const double before = view.key(worker);
    load.queued = 1;
    load.clients = 10;
    for (int second = 10; view.key(worker) == before; ++second, ++beats) {
      REQUIRE(second < 1'000);
      view.on_heartbeat(worker, load, at(std::chrono::seconds(second)).at);
    }
  }
  CHECK(beats > 700);  // Ten on average.
  CHECK(beats < 1'400);
}

SCENARIO("what a worker holds for this client weighs as often as there are clients", "[core][load]") {
  LoadView view;
  const NodeId worker = node_id(1);
  view.on_answer(worker, busy(2, 0, 1), at(0s).at);
  const double idle = view.key(worker);
  view.placed(worker);
  view.answered(worker);
  view.held(worker);
  CHECK(view.key(worker) > idle);
  CHECK(view.unanswered(worker) == 0);  // It takes nothing of the window.
  view.released(worker);
  CHECK(view.key(worker) == idle);
  view.released(worker);  // Never below none.
  view.released(node_id(9));
  CHECK(view.key(worker) == idle);
}

SCENARIO("rows come and go, and say so", "[core][load]") {
  LoadView view;
  view.on_answer(node_id(1), busy(1, 0, 1), at(0s).at);
  const LoadView::Row* row = view.row(node_id(1));
  const std::uint64_t version = view.version();
  view.on_answer(node_id(1), busy(2, 0, 1), at(1s).at);
  view.placed(node_id(1));
  CHECK(view.version() == version);
  CHECK(view.row(node_id(1)) == row);
  CHECK(row->key() == view.key(node_id(1)));
  view.forget(node_id(1));
  CHECK(view.row(node_id(1)) == nullptr);
  CHECK(view.key(node_id(1)) == 0.0);
  CHECK(view.version() != version);
  const std::uint64_t after = view.version();
  view.forget(node_id(1));
  CHECK(view.version() == after);
}

}  // namespace load_view_test
