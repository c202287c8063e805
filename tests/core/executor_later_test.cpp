// Tasks that wait for their time or for another attempt, and attempts that take too long.
#include "core/executor_support.hpp"

namespace executor_later_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

proto::Submit delayed(Desk& desk, std::uint32_t counter, std::uint64_t delay_ms) {
  proto::Submit submit = desk.waiting(counter);
  submit.terms = proto::Terms{.delay_ms = delay_ms};
  return submit;
}

/// Pauses without chance: 100 ms, 200 ms, 250 ms, 250 ms ...
proto::Submit stubborn(Desk& desk, std::uint32_t counter, std::uint32_t retries) {
  proto::Submit submit = desk.waiting(counter);
  submit.terms =
      proto::Terms{.retries = retries, .retry_delay_ms = 100, .retry_delay_max_ms = 250, .jitter_percent = 0};
  return submit;
}

proto::Submit limited(Desk& desk, std::uint32_t counter, std::uint64_t limit_ms, std::uint32_t retries = 0) {
  proto::Submit submit = stubborn(desk, counter, retries);
  submit.time_limit_ms = limit_ms;
  return submit;
}

}  // namespace

SCENARIO("a task with a delay starts when it is due, once, and not before", "[core][executor][later]") {
  GIVEN("a free worker and a task that is due in two seconds") {
    Desk desk;
    const Effects taken = desk.turn_with(delayed(desk, 1, 2'000));
    CHECK(taken.run.empty());
    CHECK(accepted(taken, Desk::a) == Ranges{{1, 1}});
    CHECK(taken.wake_at == desk.now.at + 2s);
    CHECK(desk.ask(1).state == TaskState::scheduled);
    CHECK(desk.load().queued == 0);
    CHECK(desk.load().scheduled == 1);
    WHEN("nearly all of the time has passed") {
      const Effects before = desk.turn_after(1'999ms);
      THEN("it has not started, and does so a millisecond later") {
        CHECK(before.run.empty());
        CHECK(started(desk.turn_after(1ms)) == std::vector<std::uint32_t>{1});
        CHECK(desk.ask(1).state == TaskState::running);
        CHECK(desk.turn_after(10s).run.empty());
      }
    }
    WHEN("its client leaves") {
      desk.role.on_link_down(Desk::a);
      THEN("it runs all the same") { CHECK(desk.turn_after(2s).run.size() == 1); }
    }
    WHEN("it is sent again") {
      proto::Submit again = delayed(desk, 1, 1'500);
      again.flags |= proto::Submit::again_flag;
      desk.pass(500ms);
      desk.turn_with(again);
      THEN("it stays one task, due as it was") {
        CHECK(desk.turn_after(1'499ms).run.empty());
        CHECK(desk.turn_after(1ms).run.size() == 1);
        CHECK(desk.turn_after(10s).run.empty());
      }
    }
    WHEN("the slot is taken when it is due") {
      desk.turn_with(desk.submit(2));
      CHECK(desk.turn_after(2s).run.empty());
      THEN("it waits for the slot") {
        CHECK(desk.ask(1).state == TaskState::queued);
        desk.finish(2);
        CHECK(started(desk.turn()) == std::vector<std::uint32_t>{1});
      }
    }
    WHEN("its deadline is the moment in which it is due") {
      proto::Submit submit = delayed(desk, 2, 300);
      submit.deadline_ms = 300;
      desk.turn_with(submit);
      THEN("the deadline wins") {
        CHECK(desk.turn_after(300ms).run.empty());
        CHECK(desk.ask(2).state == TaskState::expired);
      }
    }
  }
  GIVEN("a thousand tasks that are due at the same moment, in front of many slots") {
    Desk desk{Desk::plain(1'000)};
    for (std::uint32_t i = 1; i <= 1'000; ++i) desk.say(delayed(desk, i, 700));
    CHECK(desk.turn().run.empty());
    THEN("all start then, each once") {
      CHECK(desk.turn_after(700ms).run.size() == 1'000);
      CHECK(desk.turn_after(700ms).run.empty());
    }
  }
}

SCENARIO("tasks that wait for their time are inside the bounds of the queue", "[core][executor][later]") {
  GIVEN("a worker with room for three waiting tasks") {
    NodeConfig config = Desk::plain();
    config.queue_tasks_max = 3;
    Desk desk{config};
    for (std::uint32_t i = 1; i <= 4; ++i) desk.say(delayed(desk, i, 60'000));
    desk.turn();
    CHECK(desk.role.scheduled() == 4);  // One more, as the slot is free.
    THEN("a further one is refused, and one that is due fits into the free slot") {
      CHECK(records<proto::Busy>(desk.turn_with(delayed(desk, 5, 60'000))).size() == 1);
      CHECK(desk.role.scheduled() == 4);
    }
    THEN("headers and keys count as octets") {
      NodeConfig small = Desk::plain();
      small.queue_bytes_max = 100;
      Desk tight{small};
      proto::Submit first = tight.submit(1);
      first.terms.edit().headers = {{"name", std::string(60, 'x')}};
      tight.turn_with(first);
      tight.turn_with(tight.submit(2));
      proto::Submit third = tight.submit(3);
      third.terms.edit().headers = {{"name", std::string(60, 'x')}};
      CHECK(records<proto::Busy>(tight.turn_with(third)).size() == 1);
    }
  }
}

SCENARIO("a worker that leaves does not wait for what is due too late", "[core][executor][later]") {
  GIVEN("a task due in 1 s, one due in 60 s, and one that failed and is tried again in 60 s") {
    Desk desk;
    desk.say(delayed(desk, 1, 1'000));
    desk.say(delayed(desk, 2, 60'000));
    proto::Submit again = stubborn(desk, 3, 5);
    again.terms.edit().retry_delay_ms = again.terms.edit().retry_delay_max_ms = 60'000;
    desk.turn_with(again);
    desk.fail(3);
    desk.turn();
    WHEN("it drains for 10 s") {
      desk.role.on_drain(desk.now.at + 10s, desk.now, desk.out);
      desk.turn();
      THEN("the late ones have ended: one was never run, the other one has failed") {
        CHECK(desk.ask(1).state == TaskState::scheduled);
        CHECK(desk.ask(2).state == TaskState::lost);
        CHECK(desk.ask(3).state == TaskState::failure);
        CHECK(desk.turn_after(1s).run.size() == 1);
        desk.fail(1);
        desk.turn();
        CHECK(desk.role.idle());
      }
    }
  }
}

SCENARIO("an attempt that failed is followed by another one, after growing pauses",
         "[core][executor][later]") {
  GIVEN("a task with three retries") {
    Desk desk;
    REQUIRE(desk.turn_with(stubborn(desk, 1, 3)).run.size() == 1);
    WHEN("it fails twice and succeeds then") {
      desk.fail(1, 1);
      const Effects first = desk.turn();
      CHECK(records<proto::Notify>(first).empty());
      const auto waiting = desk.ask(1);
      CHECK(waiting.state == TaskState::retrying);
      CHECK(waiting.attempt == 1);
      CHECK(waiting.fault->why == "on purpose");
      CHECK(desk.load().scheduled == 1);
      CHECK(desk.turn_after(99ms).run.empty());
      const Effects second = desk.turn_after(1ms);
      REQUIRE(second.run.size() == 1);
      CHECK(second.run[0].attempt == 2);
      desk.fail(1, 2);
      desk.turn();
      CHECK(desk.turn_after(199ms).run.empty());
      REQUIRE(desk.turn_after(1ms).run.size() == 1);
      desk.finish(1, 1ms, 3);
      const auto told = records<proto::Notify>(desk.turn());
      THEN("one end is told, of the third attempt") {
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::success);
        CHECK(told[0].report->attempt == 3);
        CHECK_FALSE(told[0].report->fault.has_value());
        CHECK(desk.counters.retried == 2);
      }
    }
    WHEN("it fails always") {
      std::vector<Duration> pauses;
      for (std::uint32_t attempt = 1; attempt <= 3; ++attempt) {
        desk.fail(1, attempt);
        const Effects out = desk.turn();
        REQUIRE(out.wake_at);
        pauses.push_back(*out.wake_at - desk.now.at);
        REQUIRE(desk.turn_after(pauses.back()).run.size() == 1);
      }
      desk.fail(1, 4);
      const auto told = records<proto::Notify>(desk.turn());
      THEN("it has failed after four attempts, with pauses up to the longest") {
        CHECK(pauses == std::vector<Duration>{100ms, 200ms, 250ms});
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::failure);
        CHECK(told[0].report->attempt == 4);
        CHECK(desk.role.idle());
      }
    }
  }
}

SCENARIO("between two attempts a task can be cancelled, and older attempts say nothing",
         "[core][executor][later]") {
  GIVEN("a task with retries that runs") {
    Desk desk;
    REQUIRE(desk.turn_with(stubborn(desk, 1, 3)).run.size() == 1);
    WHEN("it is cancelled between two attempts") {
      desk.fail(1);
      desk.turn();
      CHECK(desk.cancel(1).state == TaskState::cancelled);
      THEN("it does not run again") {
        CHECK(records<proto::Notify>(desk.turn()).at(0).report->state == TaskState::cancelled);
        CHECK(desk.turn_after(10s).run.empty());
      }
    }
    WHEN("the end of an earlier attempt comes again") {
      desk.fail(1, 1);
      desk.turn_after(100ms);
      desk.finish(1, 1ms, 1);
      THEN("it is dropped") {
        CHECK(desk.ask(1).state == TaskState::running);
        CHECK(desk.counters.late_ends == 1);
      }
    }
  }
}

SCENARIO("retries end at the deadline, at errors that stay, and their pauses are left to chance",
         "[core][executor][later]") {
  GIVEN("a task with retries and a deadline") {
    Desk desk;
    proto::Submit submit = stubborn(desk, 1, 1'000);
    submit.deadline_ms = 150;
    desk.turn_with(submit);
    desk.fail(1);
    desk.turn_after(100ms);
    desk.fail(1, 2);
    THEN("the deadline ends it between two attempts, and says what the last one came to") {
      const auto told = records<proto::Notify>(desk.turn_after(60ms));
      REQUIRE(told.size() == 1);
      CHECK(told[0].report->state == TaskState::expired);
      CHECK(told[0].report->fault->why.find("on purpose") != std::string::npos);
    }
  }
  GIVEN("errors that another attempt does not mend") {
    Desk desk;
    const auto kind = GENERATE(ErrorKind::invalid, ErrorKind::not_found, ErrorKind::cancelled);
    desk.turn_with(stubborn(desk, 1, 3));
    desk.fail(1, 1, kind);
    THEN("the first one is the end") {
      desk.turn();
      CHECK(desk.ask(1).state == TaskState::failure);
    }
  }
  GIVEN("retries without a pause, more of them than the back-off has room to grow") {
    Desk desk;
    proto::Submit submit = stubborn(desk, 1, 2'000);
    submit.terms.edit().retry_delay_ms = 0;
    desk.turn_with(submit);
    THEN("none of them waits") {
      for (std::uint32_t attempt = 1; attempt <= 1'500; ++attempt) {
        desk.fail(1, attempt);
        REQUIRE(desk.turn().run.size() == 1);
      }
    }
  }
  GIVEN("full jitter") {
    Desk desk{Desk::plain(200)};
    for (std::uint32_t i = 1; i <= 200; ++i) {
      proto::Submit submit = stubborn(desk, i, 1);
      submit.terms.edit().jitter_percent = 100;
      desk.say(submit);
    }
    desk.turn();
    for (std::uint32_t i = 1; i <= 200; ++i) desk.fail(i);
    desk.turn();
    THEN("the pauses are anywhere between none and all of it") {
      const std::size_t early = desk.turn_after(50ms).run.size();
      CHECK(early > 60);
      CHECK(early < 140);
      CHECK(early + desk.turn_after(50ms).run.size() == 200);
    }
  }
}

SCENARIO("an attempt that takes too long fails at its time limit, and keeps its slot",
         "[core][executor][later]") {
  GIVEN("one slot, a task with a limit of 500 ms, and another one behind it") {
    Desk desk;
    const Effects first = desk.turn_with(limited(desk, 1, 500));
    CHECK(first.wake_at == desk.now.at + 500ms);
    desk.turn_with(desk.submit(2));
    WHEN("its code does not return in time") {
      CHECK(desk.turn_after(499ms).stop.empty());
      const Effects out = desk.turn_after(1ms);
      THEN("it has failed as timed out, its code is asked to stop, and the slot is stuck") {
        const auto told = records<proto::Notify>(out);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::failure);
        CHECK(told[0].report->fault->kind == static_cast<std::uint8_t>(ErrorKind::timed_out));
        CHECK(out.stop == std::vector<Stop>{{id(1), 1}});
        CHECK(out.run.empty());
        CHECK(desk.load().running == 1);
        CHECK(desk.load().stuck == 1);
        CHECK(desk.counters.timed_out == 1);
        AND_WHEN("it returns at last") {
          desk.finish(1);
          const Effects late = desk.turn();
          THEN("its value is dropped and the slot goes to the next one") {
            CHECK(desk.ask(1).state == TaskState::failure);
            CHECK(started(late) == std::vector<std::uint32_t>{2});
            CHECK(desk.load().stuck == 0);
            CHECK(desk.counters.late_ends == 1);
            desk.finish(2);
            desk.turn();
            CHECK(desk.role.records() == 0);
          }
        }
      }
    }
    WHEN("its code returns in time") {
      desk.pass(499ms);
      desk.finish(1);
      THEN("nothing is left of the limit") {
        CHECK(desk.turn().run.size() == 1);
        CHECK(desk.turn_after(1h).stop.empty());
        CHECK(desk.ask(1).state == TaskState::success);
      }
    }
    WHEN("it is cancelled and does not care") {
      CHECK(desk.cancel(1).state == TaskState::running);
      desk.turn_after(500ms);
      THEN("its limit ends it, as cancelled") { CHECK(desk.ask(1).state == TaskState::cancelled); }
    }
  }
}

SCENARIO("after a time limit the next attempt runs beside one that hangs", "[core][executor][later]") {
  GIVEN("two slots and a limited task with a retry, whose first attempt hangs") {
    Desk desk{Desk::plain(2)};
    desk.turn_with(limited(desk, 1, 500, 1));
    desk.turn_after(500ms);
    CHECK(desk.ask(1).state == TaskState::retrying);
    CHECK(desk.load().stuck == 1);
    const Effects out = desk.turn_after(100ms);
    REQUIRE(out.run.size() == 1);
    CHECK(out.run[0].attempt == 2);
    THEN("the hanging one cannot end it any more, the second one does") {
      desk.finish(1, 1s, 1);
      CHECK(desk.ask(1).state == TaskState::running);
      CHECK(desk.load().stuck == 0);
      CHECK(desk.load().running == 1);
      desk.finish(1, 1s, 2);
      desk.turn();
      CHECK(desk.ask(1).state == TaskState::success);
      CHECK(desk.ask(1).attempt == 2);
      CHECK(desk.role.records() == 0);
    }
    THEN("the second one may end it before the first one has returned") {
      desk.finish(1, 1s, 2);
      desk.turn();
      CHECK(desk.ask(1).state == TaskState::success);
      CHECK(desk.load().stuck == 1);
      desk.finish(1, 1s, 1);
      CHECK(desk.load().running == 0);
      CHECK(desk.role.records() == 0);
    }
    THEN("the second one has its own limit") {
      CHECK(desk.turn_after(499ms).stop.empty());
      CHECK(desk.turn_after(1ms).stop == std::vector<Stop>{{id(1), 2}});
      CHECK(desk.ask(1).state == TaskState::failure);
      CHECK(desk.load().stuck == 2);
    }
  }
}

SCENARIO("who has a time limit is not handed over ahead, and a deadline stops code, too",
         "[core][executor][later]") {
  GIVEN("short tasks that may be handed over ahead") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    desk.finish(1, 1us);
    desk.turn();
    desk.say(desk.submit(2));
    desk.say(desk.submit(3));
    desk.say(limited(desk, 4, 500));
    THEN("one with a limit is not: nobody could say when its time begins") {
      CHECK(started(desk.turn()) == std::vector<std::uint32_t>{2, 3});
    }
  }
  GIVEN("a running task whose deadline passes") {
    Desk desk;
    proto::Submit submit = desk.waiting(1);
    submit.deadline_ms = 100;
    desk.turn_with(submit);
    const Effects out = desk.turn_after(100ms);
    THEN("it is asked to stop, too, and its slot is stuck until it does") {
      CHECK(out.stop == std::vector<Stop>{{id(1), 1}});
      CHECK(desk.load().stuck == 1);
      desk.finish(1);
      CHECK(desk.load().stuck == 0);
    }
  }
  GIVEN("code that sees its deadline and returns before the timer is looked at") {
    Desk desk;
    proto::Submit submit = desk.waiting(1);
    submit.deadline_ms = 100;
    desk.turn_with(submit);
    desk.now.at += 101ms;
    desk.finish(1);
    THEN("what it brings is no result") {
      desk.turn();
      CHECK(desk.ask(1).state == TaskState::expired);
      CHECK(desk.load().stuck == 0);
      desk.pass(1s);
      CHECK(desk.ask(1).state == TaskState::expired);
    }
  }
}

SCENARIO("headers travel to the attempt, and terms out of range are refused", "[core][executor][later]") {
  Desk desk;
  GIVEN("a task with headers and a retry") {
    proto::Submit submit = stubborn(desk, 1, 1);
    submit.terms.edit().headers = {{"tenant", "blue"}, {"trace", ""}};
    const Effects out = desk.turn_with(submit);
    THEN("each of its attempts has them") {
      REQUIRE(out.run.size() == 1);
      CHECK(*out.run[0].headers == std::vector<Header>{{"tenant", "blue"}, {"trace", ""}});
      desk.fail(1);
      desk.turn();
      const Effects second = desk.turn_after(100ms);
      REQUIRE(second.run.size() == 1);
      CHECK(second.run[0].headers == out.run[0].headers);
    }
  }
  GIVEN("terms that break a rule") {
    const auto refused = [&](proto::Terms terms) {
      proto::Submit submit = desk.submit(1);
      submit.terms = std::move(terms);
      const auto rejects = records<proto::Reject>(desk.turn_with(submit));
      REQUIRE(rejects.size() == 1);
      return static_cast<proto::Code>(rejects[0].code);
    };
    THEN("the SUBMIT is rejected for good") {
      CHECK(refused({.jitter_percent = 101}) == proto::Code::malformed);
      CHECK(refused({.headers = {{"", "x"}}}) == proto::Code::malformed);
      CHECK(refused({.key = std::string(limits::key_bytes + 1, 'k')}) == proto::Code::too_large);
      CHECK(refused({.headers = {{"h", std::string(limits::headers_bytes, 'x')}}}) == proto::Code::too_large);
      CHECK(refused({.headers = std::vector<Header>(limits::headers_max + 1, {"h", ""})}) ==
            proto::Code::too_large);
    }
  }
}

}  // namespace executor_later_test
