// Tasks whose workers have died while they had them.  proto/05-keepers.md section 10.
#include <catch2/catch.hpp>

#include "core/copies_bench.hpp"

namespace taskmesh::core::copies_test::suspects_test {
namespace {

/// Held here for worker 2; `deaths` of workers 11, 12... lie behind it.
proto::Repl copy_of(std::uint32_t number, std::size_t deaths = 0, bool begun = false) {
  proto::Repl record{.id = task(number, 1), .owner = node_id(2), .epoch = 5, .holders = {node_id(1)}};
  record.submit = {.seq = 1, .id = record.id, .name = "add"};
  if (begun) record.flags = proto::Repl::begun_flag;
  for (std::size_t i = 0; i < deaths; ++i) {
    const std::string name = "w1" + std::to_string(i + 1);
    record.past.edit().deaths.push_back({node_id(static_cast<std::uint8_t>(11 + i)), {1'000'000}, name});
  }
  return record;
}

std::vector<proto::Repl> told(const Bench& bench) { return bench.sent<proto::Repl>(bench.links[3]); }

void confirm(Bench& bench, std::uint32_t number) {
  bench.say(bench.links[3], proto::ReplOk{{bench.claim(task(number, 1))}});
}

}  // namespace

SCENARIO("what a dead worker had starts when those that hold it know that it does", "[core][suspects]") {
  Bench bench{2};
  bench.say(from(2), copy_of(1));
  bench.dies(2);
  REQUIRE(told(bench).size() == 1);
  REQUIRE(told(bench)[0].past->deaths.size() == 1);
  CHECK(told(bench)[0].past->deaths[0].name == "w2");
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) == 0);
  confirm(bench, 1);
  REQUIRE(told(bench).size() == 1);
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) != 0);
  CHECK(bench.runs.empty());
  confirm(bench, 1);
  CHECK(bench.runs.size() == 1);
  bench.finish(bench.runs[0]);
  CHECK(bench.sent<proto::Done>(bench.links[3]).size() == 1);
}

SCENARIO("a worker that leaves, and one that had not started it, are not held against a task",
         "[core][suspects]") {
  Bench bench{2};
  const bool leaves = GENERATE(false, true);
  bench.say(from(2), leaves ? copy_of(1) : copy_of(1, 1));
  if (leaves) {
    bench.say(bench.links[2], proto::Bye{node_id(2), 1});
  } else {
    bench.dies(2);
  }
  REQUIRE(told(bench).size() == 1);
  CHECK(told(bench)[0].past->deaths.size() == (leaves ? 0U : 1U));
}

SCENARIO("after a second death a task runs alone", "[core][suspects]") {
  Bench bench{2, {}, 2};
  bench.submit(7);
  REQUIRE(bench.runs.size() == 1);
  bench.say(from(2), copy_of(1, 1, true));
  bench.dies(2);
  confirm(bench, 1);
  bench.submit(8);
  CHECK(bench.runs.size() == 1);  // One of two slots is free.
  bench.finish(bench.runs[0]);
  REQUIRE(told(bench).size() == 1);
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) != 0);
  confirm(bench, 1);
  REQUIRE(bench.runs.size() == 2);
  CHECK(bench.runs[1].id == task(1, 1));
  bench.submit(9);
  CHECK(bench.runs.size() == 2);
  WHEN("it ends well") {
    bench.finish(bench.runs[1]);
    THEN("the others run, and it is not blamed") {
      CHECK(bench.runs.size() == 4);
      CHECK(bench.sent<proto::Done>(bench.links[3])[0].report->state == TaskState::success);
    }
  }
}

SCENARIO("a task that kills the worker where it runs alone is quarantined, and its error names the dead",
         "[core][suspects]") {
  Bench bench{2};
  const bool begun = GENERATE(true, false);
  bench.say(from(2), copy_of(1, 2, begun));
  bench.say(client, proto::Query{.request = 7, .flags = proto::Query::wait_flag, .ids = {task(1, 1)}});
  bench.dies(2);
  CHECK(bench.runs.empty());
  CHECK(bench.node.counters().condemned == (begun ? 1U : 0U));
  if (!begun) return;  // It had not started there.
  REQUIRE(bench.sent<proto::Notify>(client).size() == 1);
  const proto::TaskReport report = *bench.sent<proto::Notify>(client)[0].report;
  CHECK(report.state == TaskState::failure);
  CHECK_THAT(report.fault->what, Catch::Contains("is quarantined"));
  CHECK_THAT(report.fault->why, Catch::Contains("3 workers have died") && Catch::Contains("'w11' at 1970") &&
                                    Catch::Contains("'w12'") && Catch::Contains("'w2'"));
}

SCENARIO(
    "a quarantined task that nobody waits for any more is let go of when those that hold it know its end",
    "[core][suspects]") {
  Bench bench{2};
  bench.say(from(2), copy_of(1, 2, true));
  bench.dies(2);
  REQUIRE(bench.sent<proto::Done>(bench.links[3]).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[3]).empty());
  bench.say(bench.links[3], proto::DoneOk{{bench.claim(task(1, 1))}, {}});
  REQUIRE(bench.sent<proto::Release>(bench.links[3]).size() == 1);
  CHECK(bench.sent<proto::Release>(bench.links[3])[0].kept.size() == 1);  // It stays readable there.
}

SCENARIO("what others know to start does so before anything runs alone", "[core][suspects]") {
  Bench bench{2, {}, 2};
  bench.say(from(2), copy_of(1));
  bench.say(from(2), copy_of(2, 1, true));
  bench.dies(2);
  confirm(bench, 1);
  confirm(bench, 2);
  REQUIRE(told(bench).size() == 1);
  CHECK(told(bench)[0].id == task(1, 1));
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) != 0);
  confirm(bench, 1);
  CHECK(told(bench).empty());
  REQUIRE(bench.runs.size() == 1);
  CHECK(bench.runs[0].id == task(1, 1));
  bench.finish(bench.runs[0]);
  REQUIRE(told(bench).size() == 1);
  CHECK(told(bench)[0].id == task(2, 1));  // Alone.
}

SCENARIO("a suspect waits until the deaths behind it are known here, but not for ever", "[core][suspects]") {
  Bench bench{3};
  proto::Repl record = copy_of(1, 1, true);
  record.past.edit().deaths[0].worker = node_id(4);  // Here it is alive.
  record.holders.push_back(node_id(3));
  bench.say(from(2), record);
  bench.dies(2);
  REQUIRE(told(bench).size() == 1);
  confirm(bench, 1);
  CHECK(told(bench).empty());
  GENERATE(true, false) ? bench.dies(4) : bench.pass(limits::suspect_patience);
  REQUIRE(told(bench).size() == 1);
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) != 0);
}

SCENARIO("a holder that was never met is not waited for after a take-over", "[core][suspects]") {
  Bench bench{2};
  proto::Repl record = copy_of(1);
  record.holders.push_back(node_id(77));
  bench.say(from(2), record);
  proto::Done done{.id = record.id, .owner = node_id(2), .epoch = 5, .holders = record.holders};
  done.report = proto::TaskReport{.id = record.id, .state = TaskState::success};
  bench.say(from(2), done);
  bench.dies(2);
  bench.say(bench.links[3], proto::DoneOk{{bench.claim(record.id)}, {}});
  CHECK(bench.sent<proto::Release>(bench.links[3]).size() == 1);
  bench.say(bench.links[3], proto::ReleaseOk{{bench.claim(record.id)}});
  CHECK(bench.node.owner()->open() == 0);
}

SCENARIO("a death between two attempts is not held against a task", "[core][suspects]") {
  Bench bench{2};
  proto::Repl record = copy_of(1);
  record.submit.terms = proto::Terms{.retries = 2, .retry_delay_ms = 60'000, .jitter_percent = 0};
  bench.say(from(2), record);
  bench.dies(2);
  confirm(bench, 1);
  confirm(bench, 1);
  REQUIRE(bench.runs.size() == 1);
  bench.finish(bench.runs[0], false);
  REQUIRE(told(bench).size() == 1);
  CHECK((told(bench)[0].flags & proto::Repl::begun_flag) == 0);
  CHECK(told(bench)[0].past->deaths.size() == 1);
}

}  // namespace taskmesh::core::copies_test::suspects_test
