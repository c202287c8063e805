// Deadlines at a worker; and everything at once, at random.
#include <unordered_map>

#include "executor_support.hpp"

namespace executor_time_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

SCENARIO("a deadline ends a task wherever it is", "[core][executor]") {
  GIVEN("one task that runs and one that waits, both due in 500 ms") {
    Desk desk;
    for (const std::uint32_t counter : {1U, 2U}) {
      proto::Submit submit = desk.waiting(counter);
      submit.deadline_ms = 500;
      desk.say(submit);
    }
    const Effects out = desk.turn();
    CHECK(started(out) == std::vector<std::uint32_t>{1});
    CHECK(out.wake_at == desk.now.at + 500ms);
    WHEN("time has almost come") {
      THEN("nothing is told") { CHECK(desk.turn_after(499ms).send.empty()); }
    }
    WHEN("time has come") {
      const Effects due = desk.turn_after(500ms);
      THEN("both are told as expired, the slot stays taken, nothing starts") {
        const auto told = records<proto::Notify>(due, Desk::a);
        REQUIRE(told.size() == 2);
        for (const auto& notify : told) {
          CHECK(notify.report->state == TaskState::expired);
          CHECK(notify.report->fault->kind == static_cast<std::uint8_t>(ErrorKind::timed_out));
        }
        CHECK(desk.counters.expired == 2);
        CHECK(desk.role.running() == 1);
        CHECK(desk.role.queued() == 0);
        CHECK(desk.role.idle());
        CHECK(desk.ask(1).attempt == 1);
        CHECK(desk.ask(2).attempt == 0);
        CHECK(desk.turn_with(desk.submit(3)).run.empty());
      }
      AND_WHEN("the one that ran comes to its own end") {
        desk.say(desk.submit(3));
        desk.finish(1);
        const Effects late = desk.turn();
        THEN("that is dropped and counted, and the slot is free") {
          CHECK(records<proto::Notify>(late).empty());
          CHECK(desk.counters.late_ends == 1);
          CHECK(desk.counters.finished == 0);
          CHECK(desk.ask(1).state == TaskState::expired);
          CHECK(started(late) == std::vector<std::uint32_t>{3});
        }
      }
      AND_WHEN("it is submitted again while its code still runs") {
        proto::Submit again = desk.waiting(1);
        again.flags |= proto::Submit::again_flag;
        const auto told = records<proto::Notify>(desk.turn_with(again), Desk::a);
        THEN("its end is told again, it does not start again") {
          REQUIRE(told.size() == 1);
          CHECK(told[0].report->state == TaskState::expired);
        }
      }
    }
    WHEN("the slot gets free in the very moment of the deadline") {
      desk.now.at += 500ms;
      desk.finish(1);
      const Effects late = desk.turn();
      THEN("the one that waited does not start any more") {
        CHECK(late.run.empty());
        CHECK(desk.ask(2).state == TaskState::expired);
        CHECK(desk.ask(1).state == TaskState::success);
      }
    }
  }
}

SCENARIO("deadlines cost no more than the tasks that are there", "[core][executor]") {
  GIVEN("a hundred thousand tasks that expire behind one that runs for ever") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    std::size_t told = 0;
    std::size_t most = 0;
    for (std::uint32_t i = 2; i < 100'002; ++i) {
      proto::Submit submit = desk.submit(i);
      submit.deadline_ms = 10;
      submit.settled = i;
      desk.say(submit);
      if (i % 100 == 0) told += desk.turn_after(20ms).send.size();
      most = std::max(most, desk.role.entries());
    }
    desk.turn_after(20ms);
    THEN("all have expired, and the next one to wait is the next one to start") {
      CHECK(told > 0);
      CHECK(most < 1'000);
      CHECK(desk.counters.expired == 100'000);
      CHECK(desk.role.queued() == 0);
      desk.turn_with(desk.submit(200'000));
      desk.finish(1);
      CHECK(started(desk.turn()) == std::vector<std::uint32_t>{200'000});
    }
  }
  GIVEN("a deadline of five hundred million years") {
    Desk desk;
    proto::Submit submit = desk.submit(1);
    submit.deadline_ms = UINT64_MAX;
    submit.result_ttl_ms = UINT64_MAX;
    submit.age_ms = UINT64_MAX;
    THEN("it is far away, and nothing overflows") {
      const Effects out = desk.turn_with(submit);
      REQUIRE(out.run.size() == 1);
      CHECK(*out.run[0].deadline > desk.now.at + 24h * 365);
    }
  }
}

TEST_CASE("whatever happens, each accepted task ends once and slots are never exceeded", "[core][executor]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 31));
  INFO("seed " << seed);
  Random random{seed};
  NodeConfig config = Desk::plain(1 + static_cast<std::uint32_t>(random.below(4)));
  config.queue_tasks_max = 5;
  Desk desk{config};
  std::vector<TaskId> at_executor;
  std::unordered_map<TaskId, int> ends;
  std::uint32_t counter = 0;
  std::uint64_t handed_over = 0;
  const auto absorb = [&](const Effects& out) {
    for (const Run& run : out.run) {
      REQUIRE((!run.deadline || *run.deadline > desk.now.at));
      REQUIRE(std::find(at_executor.begin(), at_executor.end(), run.id) == at_executor.end());
      at_executor.push_back(run.id);
      ++handed_over;
    }
    Ranges acks;
    for (const auto& notify : records<proto::Notify>(out)) {
      ++ends[notify.report->id];
      acks.push_back({notify.seq, notify.seq});
    }
    if (!acks.empty()) desk.outbox.on_ack(Desk::a, {acks}, desk.now, desk.out);
    if (out.recall && !at_executor.empty()) {
      const auto keep = static_cast<std::ptrdiff_t>(random.below(at_executor.size() + 1));
      desk.role.on_returned({{at_executor.begin() + keep, at_executor.end()}}, desk.now, desk.out);
      at_executor.erase(at_executor.begin() + keep, at_executor.end());
    }
    REQUIRE(desk.role.running() <= config.self.slots);
    REQUIRE(desk.role.running() + desk.role.queued() >= at_executor.size());
  };
  for (int step = 0; step < 3'000; ++step) {
    for (std::uint64_t n = random.below(6); n > 0; --n) {
      const bool again = counter > 0 && random.below(5) == 0;
      proto::Submit submit = desk.waiting(
          again ? counter - static_cast<std::uint32_t>(random.below(std::min(counter, 20U))) : ++counter);
      if (again) submit.flags |= proto::Submit::again_flag;
      if (random.below(3) == 0) submit.deadline_ms = 1 + random.below(20);
      submit.priority = static_cast<Priority>(random.below(4));
      submit.name = random.below(10) == 0 ? "sleep" : "echo";
      desk.say(submit);
    }
    while (!at_executor.empty() && random.below(4) != 0) {
      const auto which =
          static_cast<std::ptrdiff_t>(random.below(std::min<std::size_t>(at_executor.size(), 6)));
      const TaskId done = at_executor[static_cast<std::size_t>(which)];
      at_executor.erase(at_executor.begin() + which);
      desk.finish(counter_of(done), random.below(50) == 0 ? 300us : 5us);
    }
    absorb(desk.turn_after(Duration{static_cast<std::int64_t>(random.below(3'000'000))}));
  }
  for (int round = 0; round < 1'000 && !desk.role.idle(); ++round) {
    for (const TaskId& done : std::exchange(at_executor, {})) desk.finish(counter_of(done), 5us);
    absorb(desk.turn_after(1ms));
  }
  absorb(desk.turn());
  CHECK(desk.role.idle());
  CHECK(desk.role.queued() == 0);
  CHECK(handed_over > 1'000);
  CHECK(desk.counters.busy > 0);
  CHECK(desk.counters.expired > 0);
  CHECK(desk.counters.finished + desk.counters.expired == ends.size());
  // A repetition after the end is told again, so more than one NOTIFY is right; none is not.
  CHECK(desk.counters.submits ==
        desk.counters.finished + desk.counters.expired + desk.counters.duplicates + desk.counters.busy);
}

}  // namespace executor_time_test
