// The wall clock goes wherever people and time servers put it. It is shown, and decides nothing.
#include <catch2/catch.hpp>

#include "core/mesh_support.hpp"
#include "taskmesh/core/node.hpp"

namespace clock_test {

using namespace mesh_test;

namespace {

constexpr LinkId door{LinkId::inbound_bit | 1};

struct Worker {
  Worker() : node(node_config(NodeKind::worker)) {}
  template <class Input>
  Effects& turn(Input input) {
    out.clear();
    node.step(std::move(input), {TimePoint{1h} + elapsed, wall}, out);
    node.turn_end({TimePoint{1h} + elapsed, wall}, out);
    return out;
  }
  TaskState state_of(const TaskId& id) {
    for (const auto& [link, status] :
         sent<proto::Status>(turn(Received{door, proto::Query{1, 0, Codec::cereal, {id}}}))) {
      return status.report.state;
    }
    return TaskState::unknown;
  }

  Duration elapsed = 0s;
  WallTime wall{1'700'000'000'000'000};
  Effects out;
  Node node;
};

proto::Submit submit(std::uint64_t seq) {
  proto::Submit record;
  record.seq = seq;
  record.id = make_task_id(1'700'000'000'000, 0, 9, static_cast<std::uint32_t>(seq));
  record.name = "add";
  record.deadline_ms = 10'000;
  record.result_ttl_ms = 60'000;
  return record;
}

}  // namespace

SCENARIO("a wall clock that jumps expires nothing, kills nobody and forgets no result", "[core][clock]") {
  const std::int64_t jump_us =
      GENERATE(-31'536'000'000'000, -1'700'000'000'000'000, 31'536'000'000'000, 8'000'000'000'000'000'000);
  CAPTURE(jump_us);
  GIVEN("a worker with a peer, a guest, an ended task and one that runs, and a clock that is set") {
    Worker worker;
    const LinkId dialled = worker.turn(found(1)).dial.at(0).link;
    worker.turn(LinkUp{dialled});
    worker.turn(Received{dialled, welcome(1)});
    proto::Hello hello;
    hello.role = proto::Role::client;
    hello.token = std::string(32, 't');
    hello.self = member(2);
    worker.turn(Received{door, hello});
    const Run first = worker.turn(Received{door, submit(1)}).run.at(0);
    worker.turn(Finished{.id = first.id, .attempt = 1});
    const Run second = worker.turn(Received{door, submit(2)}).run.at(0);
    worker.wall.unix_us = jump_us == 8'000'000'000'000'000'000 ? jump_us : worker.wall.unix_us + jump_us;
    worker.turn(Tick{});
    THEN("nothing has changed") {
      CHECK(worker.node.membership().by_node(node_id(1))->liveness == Liveness::alive);
      CHECK(worker.state_of(first.id) == TaskState::success);
      CHECK(worker.state_of(second.id) == TaskState::running);
      AND_THEN("the monotonic clock decides") {
        worker.elapsed += 10s;
        worker.turn(Tick{});
        CHECK(worker.state_of(second.id) == TaskState::expired);
        CHECK(worker.state_of(first.id) == TaskState::success);
        worker.elapsed += 50s;
        worker.turn(Tick{});
        CHECK(worker.node.executor()->idle());
      }
    }
  }
}

}  // namespace clock_test
