// Tasks that are taken back, and tasks that join an earlier one by their key.
#include "core/executor_support.hpp"

namespace executor_cancel_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

proto::Submit keyed(Desk& desk, std::uint32_t counter, std::string key) {
  proto::Submit submit = desk.waiting(counter);
  submit.terms.edit().key = std::move(key);
  return submit;
}

TaskState only_end(const Effects& out) {
  const auto told = records<proto::Notify>(out);
  REQUIRE(told.size() == 1);
  return told[0].report->state;
}

}  // namespace

SCENARIO("a cancelled task that waits never runs", "[core][executor][cancel]") {
  GIVEN("one slot, a task in it, one queued and one scheduled behind it") {
    Desk desk;
    desk.turn_with(desk.waiting(1));
    desk.turn_with(desk.waiting(2));
    proto::Submit later = desk.waiting(3);
    later.terms.edit().delay_ms = 500;
    desk.turn_with(later);
    WHEN("the waiting ones are cancelled") {
      CHECK(desk.cancel(2).state == TaskState::cancelled);
      CHECK(only_end(desk.turn()) == TaskState::cancelled);
      CHECK(desk.cancel(3).state == TaskState::cancelled);
      CHECK(only_end(desk.turn()) == TaskState::cancelled);
      THEN("they are never started, and asking again tells the same") {
        desk.finish(1);
        CHECK(desk.turn().run.empty());
        CHECK(desk.turn_after(1s).run.empty());
        CHECK(desk.cancel(2).state == TaskState::cancelled);
        CHECK(desk.ask(2).fault->kind == static_cast<std::uint8_t>(ErrorKind::cancelled));
        CHECK(desk.counters.cancelled == 2);
        CHECK(desk.role.records() == 0);
      }
    }
    WHEN("one that has ended, and one that nobody knows, are cancelled") {
      desk.finish(1);
      desk.turn();
      THEN("nothing changes") {
        CHECK(desk.cancel(1).state == TaskState::success);
        CHECK(desk.ask(1).result == Bytes::copy_of("sum"));
        CHECK(desk.cancel(99).state == TaskState::unknown);
      }
    }
    WHEN("more ids are cancelled in one record than are allowed") {
      desk.role.on_cancel(Desk::a, {.ids = std::vector<TaskId>(limits::query_ids_max + 1)}, desk.now,
                          desk.out);
      THEN("it is refused as a whole") {
        const auto errors = records<proto::ErrorReport>(desk.turn());
        REQUIRE(errors.size() == 1);
        CHECK(errors[0].about == static_cast<std::uint16_t>(proto::Type::cancel));
      }
    }
  }
}

SCENARIO("a running task that is cancelled is asked to stop, and ends as cancelled",
         "[core][executor][cancel]") {
  GIVEN("a task in the only slot, and one behind it") {
    Desk desk;
    desk.turn_with(desk.waiting(1));
    desk.turn_with(desk.submit(2));
    const auto told = desk.cancel(1);
    CHECK(told.state == TaskState::running);
    CHECK(told.flags == proto::TaskReport::stopping_flag);
    const Effects out = desk.turn();
    CHECK(out.stop == std::vector<Stop>{{id(1), 1}});
    CHECK(records<proto::Notify>(out).empty());
    CHECK(out.run.empty());
    CHECK(desk.load().stuck == 0);
    WHEN("it returns a value nevertheless") {
      desk.finish(1);
      THEN("it is cancelled, the value is dropped, and the slot goes on") {
        const Effects end = desk.turn();
        CHECK(only_end(end) == TaskState::cancelled);
        CHECK(started(end) == std::vector<std::uint32_t>{2});
        CHECK(desk.ask(1).result.size() == 0);
        CHECK(desk.ask(1).flags == 0);
      }
    }
    WHEN("it throws") {
      desk.fail(1);
      THEN("it is cancelled") { CHECK(only_end(desk.turn()) == TaskState::cancelled); }
    }
    WHEN("it is cancelled again") {
      THEN("that changes nothing, and it is asked once") {
        CHECK(desk.cancel(1).flags == proto::TaskReport::stopping_flag);
        CHECK(desk.turn().stop.empty());
      }
    }
    WHEN("the executor gives it back instead") {
      desk.role.on_returned({{id(1)}}, desk.now, desk.out);
      THEN("it is cancelled and does not start again") {
        const Effects end = desk.turn();
        CHECK(only_end(end) == TaskState::cancelled);
        CHECK(desk.ask(1).attempt == 0);
        CHECK(started(end) == std::vector<std::uint32_t>{2});
      }
    }
  }
  GIVEN("a short task handed over ahead") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    desk.finish(1, 1us);
    desk.turn();
    desk.say(desk.submit(2));
    desk.say(desk.waiting(3));
    REQUIRE(desk.turn().run.size() == 2);
    CHECK(desk.cancel(3).flags == proto::TaskReport::stopping_flag);
    CHECK(desk.turn().stop == std::vector<Stop>{{id(3), 1}});
    THEN("the executor drops it, and it was never started") {
      Finished dropped{.id = id(3), .attempt = 1, .error = Error{.kind = ErrorKind::cancelled}};
      desk.role.on_finished(std::move(dropped), desk.now, desk.out);
      CHECK(only_end(desk.turn()) == TaskState::cancelled);
      CHECK(desk.ask(3).attempt == 0);
    }
  }
}

SCENARIO("who comes with a key that is known ends as the first one does", "[core][executor][keys]") {
  GIVEN("a task with a key, in the only slot") {
    Desk desk;
    desk.turn_with(keyed(desk, 1, "invoice-42"));
    WHEN("another one comes with that key while it runs") {
      const Effects out = desk.turn_with(keyed(desk, 2, "invoice-42"), Desk::b);
      CHECK(accepted(out, Desk::b).size() == 1);
      CHECK(desk.ask(2).state == TaskState::running);
      CHECK(desk.ask(2).joined->first == id(1));
      THEN("it is told the same end, under its own id, and did not run") {
        desk.finish(1);
        const Effects end = desk.turn();
        const auto told = records<proto::Notify>(end, Desk::b);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->id == id(2));
        CHECK(told[0].report->state == TaskState::success);
        CHECK(told[0].report->result == Bytes::copy_of("sum"));
        CHECK(told[0].report->attempt == 1);
        CHECK(told[0].report->joined->first == id(1));
        CHECK(end.run.empty());
        CHECK(desk.ask(2).state == TaskState::success);
        CHECK(desk.role.records() == 0);
      }
      THEN("cancelling it takes back itself alone") {
        CHECK(desk.cancel(2).state == TaskState::cancelled);
        CHECK(desk.ask(1).state == TaskState::running);
        desk.finish(1);
        desk.turn();
        CHECK(desk.ask(1).state == TaskState::success);
        CHECK(desk.ask(2).state == TaskState::cancelled);
      }
      THEN("an end of the first that is no success is its end, too") {
        desk.cancel(1);
        desk.fail(1);
        desk.turn();
        CHECK(desk.ask(2).state == TaskState::cancelled);
      }
      THEN("a worker that leaves loses both, once each") {
        desk.role.on_drain(desk.now.at + 1s, desk.now, desk.out);
        desk.turn_after(1s);
        CHECK(desk.ask(1).state == TaskState::lost);
        CHECK(desk.ask(2).state == TaskState::lost);
        CHECK(desk.role.idle());
      }
    }
  }
}

SCENARIO("a key is known as long as the result of its first task is kept", "[core][executor][keys]") {
  GIVEN("a task with a key that runs in the only slot") {
    Desk desk;
    desk.turn_with(keyed(desk, 1, "invoice-42"));
    WHEN("another one comes after its end") {
      desk.finish(1);
      desk.turn();
      const Effects out = desk.turn_with(keyed(desk, 2, "invoice-42"));
      THEN("it is told that end at once") {
        CHECK(only_end(out) == TaskState::success);
        CHECK(out.run.empty());
        CHECK(desk.counters.joined == 1);
      }
    }
    WHEN("another one comes when its result is no longer kept") {
      desk.finish(1);
      desk.turn();
      desk.pass(desk.config.result_ttl + 1s);
      THEN("it runs") { CHECK(desk.turn_with(keyed(desk, 2, "invoice-42")).run.size() == 1); }
    }
    WHEN("the same key comes with another name, or another key with the same name") {
      proto::Submit other = keyed(desk, 2, "invoice-42");
      other.name = "echo";
      desk.turn_with(other);
      desk.turn_with(keyed(desk, 3, "invoice-43"));
      THEN("they are tasks of their own") {
        CHECK(desk.ask(2).state == TaskState::queued);
        CHECK(desk.ask(3).state == TaskState::queued);
      }
    }
    WHEN("the first one is sent again") {
      proto::Submit again = keyed(desk, 1, "invoice-42");
      again.flags |= proto::Submit::again_flag;
      THEN("it does not join itself") {
        CHECK(accepted(desk.turn_with(again), Desk::a).size() == 1);
        CHECK(desk.ask(1).state == TaskState::running);
      }
    }
  }
  GIVEN("a first one that is cancelled before it starts") {
    Desk desk;
    desk.turn_with(desk.submit(9));
    desk.turn_with(keyed(desk, 1, "k"));
    desk.cancel(1);
    desk.turn();
    THEN("the key is free again") {
      desk.turn_with(keyed(desk, 2, "k"));
      CHECK(desk.ask(2).state == TaskState::queued);
      CHECK_FALSE(desk.ask(2).joined.has_value());
    }
  }
}

SCENARIO("a task that joined another by its key is told as that one is", "[core][executor]") {
  GIVEN("one that joined a task that failed and is tried again") {
    Desk desk;
    proto::Submit first = keyed(desk, 1, "k");
    first.terms.edit().retries = 1;
    desk.turn_with(first);
    desk.turn_with(keyed(desk, 2, "k"));
    desk.fail(1);
    desk.turn();
    THEN("it is told as that one is, with the reason") {
      CHECK(desk.ask(2).state == TaskState::retrying);
      CHECK(desk.ask(2).fault->why == "on purpose");
    }
  }
  GIVEN("one that joined, with a deadline of its own") {
    Desk desk;
    desk.turn_with(keyed(desk, 1, "k"));
    proto::Submit hasty = keyed(desk, 2, "k");
    hasty.deadline_ms = 100;
    desk.turn_with(hasty);
    THEN("its deadline ends it alone, and it was never started") {
      CHECK(desk.ask(2).started_at == desk.ask(1).started_at);
      CHECK(only_end(desk.turn_after(100ms)) == TaskState::expired);
      CHECK(desk.ask(2).attempt == 0);
      CHECK_FALSE(desk.ask(2).started_at);
      CHECK(desk.ask(1).state == TaskState::running);
    }
  }
}

}  // namespace executor_cancel_test
