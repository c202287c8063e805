// Short tasks are handed over ahead of free slots, and taken back when they would wait behind a long one.
#include "taskmesh/core/tasks/slots.hpp"

#include "executor_support.hpp"

namespace slots_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

/// The worker has seen that name take so long.
void teach(Desk& desk, const std::string& name, Duration elapsed, std::uint32_t counter) {
  proto::Submit submit = desk.submit(counter);
  submit.name = name;
  REQUIRE(started(desk.turn_with(submit)) == std::vector<std::uint32_t>{counter});
  desk.finish(counter, elapsed);
  desk.turn();
}

void say_many(Desk& desk, const std::string& name, std::uint32_t from, std::uint32_t count) {
  for (std::uint32_t i = from; i < from + count; ++i) {
    proto::Submit submit = desk.submit(i);
    submit.name = name;
    desk.say(submit);
  }
}

std::vector<std::uint32_t> row(std::uint32_t from, std::uint32_t count) {
  std::vector<std::uint32_t> numbers;
  for (std::uint32_t i = 0; i < count; ++i) numbers.push_back(from + i);
  return numbers;
}

}  // namespace

SCENARIO("tasks of unknown length go to free slots only", "[core][executor][slots]") {
  Desk desk{Desk::plain(2)};
  say_many(desk, "echo", 1, 10);
  CHECK(started(desk.turn()) == row(1, 2));
  CHECK(desk.role.running() == 2);
  CHECK(desk.role.queued() == 8);
}

SCENARIO("short tasks are handed over ahead, as long as they are short in all", "[core][executor][slots]") {
  GIVEN("a name that takes 20 us") {
    Desk desk;
    teach(desk, "echo", 20us, 1'000);
    WHEN("a flood comes") {
      say_many(desk, "echo", 1, 30);
      const Effects out = desk.turn();
      THEN("200 us worth of it is handed over; one runs, the others count as queued") {
        CHECK(started(out) == row(1, 10));
        CHECK(desk.role.running() == 1);
        CHECK(desk.role.queued() == 29);
        CHECK(desk.ask(1).state == TaskState::running);
        CHECK(desk.ask(2).state == TaskState::queued);
        CHECK(desk.ask(2).attempt == 0);
        CHECK(out.wake_at == desk.now.at + 5ms);
        CHECK(desk.counters.started == 2);
      }
      AND_WHEN("four of them end") {
        for (std::uint32_t i = 1; i <= 4; ++i) desk.finish(i, 20us);
        THEN("four more follow, and the fifth runs") {
          CHECK(started(desk.turn()) == row(11, 4));
          CHECK(desk.role.running() == 1);
          CHECK(desk.ask(5).state == TaskState::running);
          CHECK(desk.counters.started == 6);
        }
      }
      AND_WHEN("they end in another order than they were handed over") {
        desk.finish(7, 20us);
        desk.finish(1, 20us);
        desk.turn();
        THEN("the slots are right all the same") {
          CHECK(desk.ask(7).state == TaskState::success);
          CHECK(desk.ask(7).attempt == 1);
          CHECK(desk.ask(2).state == TaskState::running);
          CHECK(desk.role.running() == 1);
          CHECK(desk.role.queued() == 27);
        }
      }
    }
  }
}

SCENARIO("how much goes ahead is bounded by number and by the slots that long tasks leave",
         "[core][executor][slots]") {
  GIVEN("a name that takes next to nothing, two slots") {
    Desk desk{Desk::plain(2)};
    teach(desk, "echo", 0us, 1'000);
    say_many(desk, "echo", 1, 2 + 2 * limits::hand_over_max + 1);
    THEN("the number handed over ahead has a limit too") {
      CHECK(started(desk.turn()).size() == 2 + 2 * limits::hand_over_max);
      CHECK(desk.role.running() == 2);
    }
  }
  GIVEN("two slots, one of them held by a task of unknown length") {
    Desk desk{Desk::plain(2)};
    teach(desk, "echo", 20us, 1'000);
    say_many(desk, "sleep", 500, 1);
    desk.turn();
    WHEN("a flood comes") {
      say_many(desk, "echo", 1, 30);
      THEN("only the other slot counts") { CHECK(started(desk.turn()).size() == 10); }
    }
    WHEN("both are held by such tasks") {
      say_many(desk, "sleep", 501, 1);
      desk.turn();
      say_many(desk, "echo", 1, 30);
      THEN("nothing goes ahead") { CHECK(desk.turn().run.empty()); }
    }
  }
  GIVEN("a queue with a long task in front of short ones") {
    Desk desk;
    teach(desk, "echo", 20us, 1'000);
    teach(desk, "sleep", 10ms, 1'001);
    say_many(desk, "echo", 1, 1);
    say_many(desk, "sleep", 2, 1);
    say_many(desk, "echo", 3, 5);
    THEN("nothing overtakes it") { CHECK(started(desk.turn()) == row(1, 1)); }
  }
}

SCENARIO("a longer observation is believed at once, a shorter one slowly", "[core][executor][slots]") {
  Desk desk;
  teach(desk, "echo", 20us, 1'000);
  teach(desk, "echo", 10ms, 1'001);
  std::uint32_t counter = 1'002;
  WHEN("one took 10 ms") {
    say_many(desk, "echo", 1, 5);
    THEN("nothing goes ahead any more") { CHECK(started(desk.turn()).size() == 1); }
  }
  WHEN("ten short ones follow") {
    for (int i = 0; i < 10; ++i) teach(desk, "echo", 20us, counter++);
    say_many(desk, "echo", 1, 5);
    THEN("that is not enough") { CHECK(started(desk.turn()).size() == 1); }
  }
  WHEN("sixty short ones follow") {
    for (int i = 0; i < 60; ++i) teach(desk, "echo", 20us, counter++);
    say_many(desk, "echo", 1, 5);
    THEN("it is short again") { CHECK(started(desk.turn()).size() == 5); }
  }
}

SCENARIO("what waits behind a task that turned out long is taken back", "[core][executor][slots]") {
  GIVEN("two slots and a flood of which ten are handed over for each") {
    Desk desk{Desk::plain(2)};
    teach(desk, "echo", 20us, 1'000);
    say_many(desk, "echo", 1, 40);
    REQUIRE(started(desk.turn()) == row(1, 20));
    WHEN("5 ms pass and nothing ends") {
      CHECK_FALSE(desk.turn_after(4'999us).recall);
      const Effects due = desk.turn_after(1us);
      THEN("it is recalled, once") {
        CHECK(due.recall);
        CHECK(due.run.empty());
        CHECK(due.wake_at == desk.now.at + 5ms);
        CHECK_FALSE(desk.turn().recall);
        CHECK(desk.turn_after(5ms).recall);
      }
      AND_WHEN("the executor gives back what it has not started") {
        Returned returned;
        for (const std::uint32_t i : row(3, 18)) returned.ids.push_back(id(i));
        desk.role.on_returned(returned, desk.now, desk.out);
        const Effects out = desk.turn();
        THEN("all wait again, nothing is handed over while both slots are stuck") {
          CHECK(out.run.empty());
          CHECK_FALSE(out.recall);
          CHECK(desk.role.running() == 2);
          CHECK(desk.role.queued() == 38);
        }
        THEN("they start in their old order, before those that came later") {
          desk.finish(1, 5ms);
          CHECK(started(desk.turn()) == row(3, 1));
          desk.finish(3, 5ms);
          CHECK(started(desk.turn()) == row(4, 1));
        }
      }
    }
    WHEN("one slot is stuck and the other one works on") {
      for (std::uint32_t i = 2; i <= 20; ++i) desk.finish(i, 20us);
      const Effects out = desk.turn_after(5ms);
      THEN("200 us in all is handed over from now on: one slot's worth, the stuck task included") {
        CHECK(started(out) == row(21, 9));
        CHECK(desk.role.running() == 2);
      }
    }
  }
}

SCENARIO("a known short task with a slot of its own may still wait inside the executor",
         "[core][executor][slots]") {
  Desk desk{Desk::plain(2)};
  teach(desk, "echo", 20us, 1'000);
  say_many(desk, "echo", 1, 2);
  const Effects out = desk.turn();
  REQUIRE(started(out) == row(1, 2));
  CHECK(out.run.front().expected == 20us);  // Both may share a thread of the executor.
  WHEN("the first turns out to be long") {
    CHECK(desk.turn_after(5ms).recall);
    desk.role.on_returned({{id(2)}}, desk.now, desk.out);
    CHECK(desk.ask(2).attempt == 0);
    THEN("the second starts in the other slot") { CHECK(started(desk.turn()) == row(2, 1)); }
  }
}

SCENARIO("what moved up may still wait inside the executor", "[core][executor][slots]") {
  GIVEN("a task that moved up, but waits behind a long one inside the executor") {
    Desk desk{Desk::plain(2)};
    teach(desk, "echo", 20us, 1'000);
    say_many(desk, "echo", 1, 3);
    REQUIRE(started(desk.turn()) == row(1, 3));
    desk.finish(2, 20us);
    CHECK(desk.turn().wake_at == desk.now.at + 5ms);
    CHECK(desk.ask(3).state == TaskState::running);
    WHEN("5 ms pass") {
      const Effects due = desk.turn_after(5ms);
      THEN("it is recalled too, and starts in the free slot") {
        CHECK(due.recall);
        desk.role.on_returned({{id(3)}}, desk.now, desk.out);
        CHECK(desk.ask(3).state == TaskState::queued);
        CHECK(desk.ask(3).attempt == 0);
        CHECK(started(desk.turn()) == row(3, 1));
      }
      THEN("it is not asked for again if it was started") {
        CHECK_FALSE(desk.turn_after(100ms).recall);
        desk.finish(3, 20us);
        CHECK(desk.ask(3).state == TaskState::success);
      }
    }
  }
}

SCENARIO("what expires after it was handed over is told once", "[core][executor][slots]") {
  GIVEN("tasks handed over ahead whose deadline passes") {
    Desk desk;
    teach(desk, "echo", 20us, 1'000);
    for (std::uint32_t i = 1; i <= 3; ++i) {
      proto::Submit submit = desk.waiting(i);
      submit.name = "echo";
      if (i > 1) submit.deadline_ms = 2;
      desk.say(submit);
    }
    REQUIRE(started(desk.turn()) == row(1, 3));
    const Effects due = desk.turn_after(2ms);
    CHECK(records<proto::Notify>(due, Desk::a).size() == 2);
    WHEN("one is given back and the other one ends late") {
      desk.role.on_returned({{id(2), id(77)}}, desk.now, desk.out);
      desk.finish(3);
      desk.turn();
      THEN("neither is told or started again") {
        CHECK(desk.ask(2).state == TaskState::expired);
        CHECK(desk.ask(2).attempt == 0);
        CHECK(desk.ask(3).state == TaskState::expired);
        CHECK(desk.counters.late_ends == 1);
        CHECK(desk.role.queued() == 0);
        desk.finish(1);
        CHECK(records<proto::Notify>(desk.turn(), Desk::a).size() == 1);
        CHECK(desk.role.running() == 0);
        CHECK(desk.role.idle());
      }
    }
  }
}

SCENARIO("the oldest running task is told by its age", "[core][executor][slots]") {
  Desk desk{Desk::plain(2)};
  CHECK(desk.role.oldest_ms(desk.now.at) == 0);
  desk.turn_with(desk.submit(1));
  desk.turn_after(1'500ms);
  desk.turn_with(desk.submit(2));
  desk.turn_after(500ms);
  CHECK(desk.role.oldest_ms(desk.now.at) == 2'000);
  desk.finish(1);
  CHECK(desk.role.oldest_ms(desk.now.at) == 500);
}

}  // namespace slots_test
