// A worker's side of a task: what is accepted, run, told. Deadlines: executor_time_test.cpp; limits, questions and
// leaving: executor_limits_test.cpp; short tasks: slots_test.cpp.
#include "executor_support.hpp"

namespace executor_role_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;
using proto::Code;

SCENARIO("a task is accepted, run, and its end is told to who waits", "[core][executor]") {
  GIVEN("a worker with one slot") {
    Desk desk;
    WHEN("a SUBMIT comes from a client that waits") {
      proto::Submit submit = desk.waiting(1);
      submit.deadline_ms = 60'000;
      submit.reply_codec = Codec::json;
      const Effects out = desk.turn_with(submit);
      THEN("the same turn hands it over and says ACCEPTED with the load") {
        CHECK(out.run == std::vector<Run>{{.id = id(1),
                                           .attempt = 1,
                                           .name = "add",
                                           .args = {Codec::cereal, Bytes::copy_of("args")},
                                           .reply_codec = Codec::json,
                                           .deadline = desk.now.at + 60s}});
        const auto said = records<proto::Accepted>(out, Desk::a);
        REQUIRE(said.size() == 1);
        CHECK(said[0].seqs == Ranges{{1, 1}});
        CHECK(said[0].load.slots == 1);
        CHECK(out.send.size() == 1);
        CHECK(desk.role.running() == 1);
        CHECK(desk.role.queued() == 0);
        CHECK_FALSE(desk.role.idle());
      }
      THEN("asked about, it runs") {
        const auto report = desk.ask(1);
        CHECK(report.state == TaskState::running);
        CHECK(report.attempt == 1);
        CHECK(report.name == "add");
        CHECK(report.started_at == desk.now.wall);
        CHECK_FALSE(report.completed_at);
      }
      AND_WHEN("the executor is through with it") {
        desk.now.at += 2s;
        desk.now.wall.unix_us += 2'000'000;
        desk.finish(1);
        const Effects end = desk.turn();
        THEN("one NOTIFY tells everything") {
          const auto told = records<proto::Notify>(end, Desk::a);
          REQUIRE(told.size() == 1);
          CHECK(end.send.size() == 1);
          proto::TaskReport expected{.id = id(1), .state = TaskState::success, .attempt = 1};
          expected.submitted_at = {1'000'000};
          expected.started_at = {desk.now.wall.unix_us - 10};
          expected.completed_at = {desk.now.wall.unix_us - 5};
          expected.worker = desk.config.self.node;
          expected.worker_name = "w1";
          expected.name = "add";
          expected.codec = Codec::cereal;
          expected.result = Bytes::copy_of("sum");
          CHECK(told[0].report == expected);
          CHECK(desk.ask(1) == expected);
          CHECK(desk.role.idle());
          CHECK(desk.counters.started == 1);
          CHECK(desk.counters.finished == 1);
        }
      }
    }
    WHEN("nobody waits") {
      desk.turn_with(desk.submit(1));
      desk.finish(1);
      THEN("nothing is pushed, and the result can be asked for") {
        CHECK(desk.turn().send.empty());
        CHECK(desk.ask(1).result == Bytes::copy_of("sum"));
      }
    }
  }
}

SCENARIO("an attempt that goes wrong ends its task as a failure", "[core][executor]") {
  GIVEN("a worker with one slot") {
    Desk desk;
    WHEN("the handler throws") {
      desk.turn_with(desk.waiting(1));
      const Error error{ErrorKind::failed, "std::runtime_error", "no such file", ""};
      desk.role.on_finished({.id = id(1), .attempt = 1, .error = error}, desk.now, desk.out);
      const Effects out = desk.turn();
      THEN("the end is a failure with what it threw") {
        const auto told = records<proto::Notify>(out, Desk::a);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::failure);
        CHECK(told[0].report->fault->to_error() == error);
        CHECK(told[0].report->codec == Codec::none);
        CHECK(told[0].report->completed_at == desk.now.wall);
      }
    }
    WHEN("the result is larger than a payload may be") {
      desk.turn_with(desk.waiting(1));
      Finished finished{.id = id(1), .attempt = 1};
      finished.result = {Codec::opaque, Bytes{std::string(limits::payload_bytes + 1, 'x')}};
      desk.role.on_finished(std::move(finished), desk.now, desk.out);
      THEN("that is a failure, and says so") {
        const auto report = desk.ask(1);
        CHECK(report.state == TaskState::failure);
        CHECK(report.fault->kind == static_cast<std::uint8_t>(ErrorKind::invalid));
        CHECK(report.result.empty());
      }
    }
    WHEN("the executor reports what it was never given, or twice") {
      desk.turn_with(desk.waiting(1));
      desk.turn_with(desk.submit(2));
      desk.finish(99);
      desk.finish(2);
      desk.role.on_finished({.id = id(1), .attempt = 9}, desk.now, desk.out);
      CHECK(desk.counters.late_ends == 3);
      CHECK(desk.role.running() == 1);
      desk.finish(1);
      desk.finish(1);
      THEN("that changes nothing and is counted") {
        CHECK(records<proto::Notify>(desk.turn(), Desk::a).size() == 1);
        CHECK(desk.counters.late_ends == 4);
        CHECK(desk.counters.finished == 1);
      }
    }
  }
}

SCENARIO("nothing is said on a link that is gone", "[core][executor]") {
  GIVEN("a worker with one slot") {
    Desk desk;
    WHEN("the client's link goes while it runs") {
      desk.turn_with(desk.waiting(1));
      desk.role.on_link_down(Desk::a);
      desk.finish(1);
      THEN("nobody is told, and the result is kept") {
        CHECK(desk.turn().send.empty());
        CHECK(desk.ask(1, Codec::cereal, 0, Desk::b).state == TaskState::success);
      }
    }
    WHEN("the link goes in the turn of its SUBMIT") {
      desk.say(desk.waiting(1));
      desk.role.on_link_down(Desk::a);
      const Effects out = desk.turn();
      THEN("the task runs and nothing is said on that link") {
        CHECK(started(out) == std::vector<std::uint32_t>{1});
        CHECK(out.send.empty());
      }
    }
  }
}

SCENARIO("the queue is by priority, first in first out inside each", "[core][executor]") {
  GIVEN("a worker whose slot is taken") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    WHEN("tasks of all priorities come") {
      const std::vector<std::pair<std::uint32_t, Priority>> tasks{
          {2, Priority::low},  {3, Priority::normal},   {4, Priority::critical},
          {5, Priority::high}, {6, Priority::critical}, {7, Priority::normal}};
      for (const auto& [counter, priority] : tasks) {
        proto::Submit submit = desk.submit(counter);
        submit.priority = priority;
        desk.say(submit);
      }
      CHECK(desk.turn().run.empty());
      CHECK(desk.role.queued() == 6);
      CHECK(desk.ask(4).state == TaskState::queued);
      CHECK(desk.ask(4).attempt == 0);
      THEN("they start in that order, one per free slot") {
        std::vector<std::uint32_t> order{1};
        while (!desk.role.idle()) {
          desk.finish(order.back());
          const auto next = started(desk.turn());
          REQUIRE(next.size() <= 1);
          if (!next.empty()) order.push_back(next[0]);
        }
        CHECK(order == std::vector<std::uint32_t>{1, 4, 6, 5, 3, 7, 2});
      }
    }
  }
}

SCENARIO("ACCEPTED is one record per link and turn", "[core][executor]") {
  GIVEN("SUBMITs from two links in one turn, out of order and with a gap") {
    Desk desk;
    const auto say = [&](std::uint64_t number, std::uint32_t counter, LinkId link) {
      proto::Submit submit = desk.submit(counter);
      submit.seq = number;
      desk.say(submit, link);
    };
    say(1, 1, Desk::a);
    say(2, 2, Desk::a);
    say(1, 11, Desk::b);
    say(5, 5, Desk::a);
    say(4, 4, Desk::a);
    say(4, 4, Desk::a);
    const Effects out = desk.turn();
    THEN("each link hears its numbers as ranges, once") {
      CHECK(accepted(out, Desk::a) == Ranges{{1, 2}, {4, 5}});
      CHECK(accepted(out, Desk::b) == Ranges{{1, 1}});
      CHECK(desk.turn().send.empty());
    }
  }
}

SCENARIO("a repeated SUBMIT is the same task", "[core][executor]") {
  GIVEN("a task that runs") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    const auto repeat = [&](std::uint8_t flags) {
      proto::Submit submit = desk.submit(1);
      submit.flags = static_cast<std::uint8_t>(flags | proto::Submit::again_flag);
      return submit;
    };
    WHEN("it is submitted again on another link, now waiting") {
      const Effects out = desk.turn_with(repeat(proto::Submit::wait_flag), Desk::b);
      THEN("it is accepted there, does not start twice, and its end is told there") {
        CHECK(accepted(out, Desk::b) == Ranges{{2, 2}});
        CHECK(out.run.empty());
        CHECK(desk.counters.duplicates == 1);
        desk.finish(1);
        const Effects end = desk.turn();
        CHECK(end.run.empty());
        CHECK(records<proto::Notify>(end, Desk::b).size() == 1);
        CHECK(records<proto::Notify>(end, Desk::a).empty());
      }
    }
    WHEN("it is submitted again on the same link and ends in that turn") {
      desk.say(repeat(proto::Submit::wait_flag));
      desk.say(desk.submit(2));
      desk.finish(1);
      const Effects out = desk.turn();
      THEN("the NOTIFY says it: ACCEPTED names the other one only") {
        CHECK(accepted(out, Desk::a) == Ranges{{3, 3}});
        CHECK(records<proto::Notify>(out, Desk::a).size() == 1);
      }
    }
    WHEN("it has ended") {
      desk.finish(1);
      desk.turn();
      THEN("who waits is told at once, without ACCEPTED") {
        const Effects out = desk.turn_with(repeat(proto::Submit::wait_flag));
        CHECK(accepted(out, Desk::a).empty());
        const auto told = records<proto::Notify>(out, Desk::a);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->result == Bytes::copy_of("sum"));
      }
      THEN("who does not wait hears ACCEPTED") {
        const Effects out = desk.turn_with(repeat(0));
        CHECK(accepted(out, Desk::a) == Ranges{{2, 2}});
        CHECK(records<proto::Notify>(out).empty());
        CHECK(out.run.empty());
      }
    }
    WHEN("its result is no longer kept") {
      desk.finish(1);
      desk.turn();
      desk.pass(limits::result_ttl);
      THEN("who waits is told how it ended") {
        const auto told = records<proto::Notify>(desk.turn_with(repeat(proto::Submit::wait_flag)), Desk::a);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::success);
        CHECK(told[0].report->flags == proto::TaskReport::value_gone_flag);
        CHECK(told[0].report->worker_name == "w1");
      }
      THEN("who does not wait hears ACCEPTED") {
        CHECK(accepted(desk.turn_with(repeat(0)), Desk::a).size() == 1);
      }
    }
  }
}

SCENARIO("a task that is here is known even if its client is forgotten", "[core][executor]") {
  GIVEN("a task that runs, and more clients than a worker remembers") {
    NodeConfig config = Desk::plain();
    config.queue_tasks_max = 2 * limits::links_max;
    Desk desk{config};
    for (std::uint32_t client = 0; client <= limits::links_max + 1; ++client) {
      proto::Submit submit = desk.submit(1);
      submit.id = make_task_id(1'000, 0, client, 1);
      if (client == 0) submit.deadline_ms = 10;
      desk.say(submit);
    }
    desk.turn();
    const std::uint32_t queued = desk.role.queued();
    WHEN("the network repeats its SUBMIT") {
      proto::Submit again = desk.submit(1);
      again.id = make_task_id(1'000, 0, 0, 1);
      const Effects out = desk.turn_with(again);
      THEN("it is accepted again and not queued again") {
        CHECK(accepted(out, Desk::a).size() == 1);
        CHECK(desk.role.queued() == queued);
        CHECK(desk.counters.duplicates == 1);
      }
    }
    WHEN("it does so after the deadline, while the code still runs") {
      desk.turn_after(10ms);
      proto::Submit again = desk.waiting(1);
      again.id = make_task_id(1'000, 0, 0, 1);
      const Effects out = desk.turn_with(again);
      THEN("its end is told, and it is not queued again") {
        const auto told = records<proto::Notify>(out, Desk::a);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->state == TaskState::expired);
        CHECK(desk.role.queued() == queued);
      }
    }
  }
}

SCENARIO("what was here once does not run again, whatever is left of it", "[core][executor]") {
  GIVEN("a worker that has forgotten even how a task ended") {
    NodeConfig config = Desk::plain();
    config.results_max = 1;
    Desk desk{config};
    for (std::uint32_t i = 1; i <= limits::remembered_max + 2; ++i) {
      desk.turn_with(desk.submit(i));
      desk.finish(i);
    }
    desk.turn();
    proto::Submit repeat = desk.waiting(1);
    repeat.flags |= proto::Submit::again_flag;
    const Effects out = desk.turn_with(repeat);
    THEN("it does not run again: its end is unknown, so it counts as lost") {
      CHECK(out.run.empty());
      const auto told = records<proto::Notify>(out, Desk::a);
      REQUIRE(told.size() == 1);
      CHECK(told[0].report->state == TaskState::lost);
      CHECK(told[0].report->fault->kind == static_cast<std::uint8_t>(ErrorKind::lost));
    }
  }
  GIVEN("a client that has settled its tasks up to 10") {
    Desk desk;
    proto::Submit submit = desk.submit(10);
    submit.settled = 10;
    desk.turn_with(submit);
    WHEN("a task below is said again that never was here") {
      proto::Submit old = desk.waiting(3);
      old.flags |= proto::Submit::again_flag;
      old.settled = 3;
      const Effects out = desk.turn_with(old);
      THEN("it is refused: perhaps it ran, nobody can know") {
        const auto refused = records<proto::Reject>(out, Desk::a);
        REQUIRE(refused.size() == 1);
        CHECK(refused[0].seq == 2);
        CHECK(refused[0].id == id(3));
        CHECK(refused[0].code == static_cast<std::uint16_t>(Code::too_old));
        CHECK(refused[0].fault.kind == static_cast<std::uint8_t>(ErrorKind::lost));
        CHECK(out.run.empty());
      }
    }
  }
  GIVEN("a task that was refused for want of room") {
    NodeConfig config = Desk::plain();
    config.queue_tasks_max = 0;
    Desk desk{config};
    desk.turn_with(desk.submit(1));
    REQUIRE(records<proto::Busy>(desk.turn_with(desk.submit(2)), Desk::a).size() == 1);
    WHEN("it is said again when there is room") {
      desk.finish(1);
      proto::Submit again = desk.submit(2);
      again.flags = proto::Submit::again_flag;
      const Effects out = desk.turn_with(again);
      THEN("it runs: it never was here") { CHECK(started(out) == std::vector<std::uint32_t>{2}); }
    }
  }
}

SCENARIO("callbacks are told every end, after it can be read", "[core][executor]") {
  const std::string address = "tcp://127.0.0.1:6000";
  GIVEN("a task with a callback whose listener has not spoken yet") {
    Desk desk;
    proto::Submit submit = desk.submit(1);
    submit.callback_address = address;
    submit.callback_data = R"({"n":1})";
    const Effects out = desk.turn_with(submit);
    REQUIRE(out.run.size() == 1);
    CHECK(out.run[0].want_json);
    CHECK(desk.ask(1).callback == CallbackState::pending);
    WHEN("it ends and the listener takes the event") {
      Finished finished{.id = id(1), .attempt = 1, .result = {Codec::cereal, Bytes::copy_of("sum")}};
      finished.json = Bytes::copy_of("5");
      desk.role.on_finished(std::move(finished), desk.now, desk.out);
      const Effects dialled = desk.turn();
      REQUIRE(dialled.dial.size() == 1);
      CHECK(dialled.dial[0].endpoint == address);
      CHECK(desk.ask(1).callback == CallbackState::pending);
      CHECK(desk.ask(1, Codec::json).result == Bytes::copy_of("5"));
      CHECK(desk.ask(1, Codec::json).codec == Codec::json);
      CHECK(desk.ask(1, Codec::cereal).codec == Codec::cereal);
      const LinkId link = dialled.dial[0].link;
      desk.outbox.on_link_up(link, desk.now, desk.out);
      const auto hello = records<proto::CbHello>(desk.turn(), link);
      REQUIRE(hello.size() == 1);
      desk.outbox.on_cb_welcome(
          link, {.takes_cereal = 1, .window_records = 8, .window_bytes = 8'000, .nonce = hello[0].nonce},
          desk.now, desk.out);
      const auto events = records<proto::Notify>(desk.turn(), link);
      REQUIRE(events.size() == 1);
      CHECK(events[0].callback_data == R"({"n":1})");
      CHECK(events[0].report->callback == CallbackState::pending);
      desk.outbox.on_ack(link, {{{1, 1}}}, desk.now, desk.out);
      desk.turn();
      THEN("it is told as delivered, also when the value has gone") {
        CHECK(desk.ask(1).callback == CallbackState::delivered);
        desk.pass(limits::result_ttl);
        CHECK(desk.ask(1).callback == CallbackState::delivered);
        CHECK(desk.ask(1).result.empty());
      }
      THEN("from now on no JSON need be written for it; who asked for JSON needs none anyway") {
        proto::Submit next = desk.submit(2);
        next.callback_address = address;
        CHECK_FALSE(desk.turn_with(next).run.at(0).want_json);
        desk.finish(2);
        proto::Submit other = desk.submit(3);
        other.callback_address = "ipc://@other";
        other.reply_codec = Codec::json;
        CHECK_FALSE(desk.turn_with(other).run.at(0).want_json);
      }
    }
  }
}

SCENARIO("a name's first tasks start when their acceptance is out", "[core][executor]") {
  GIVEN("a worker that was never asked for a name") {
    NodeConfig config = Desk::plain();
    config.first_start_after = 5ms;
    Desk desk(config);
    const Effects first = desk.turn_with(desk.waiting(1));
    THEN("the first one is accepted at once, and not started in that turn") {
      CHECK(accepted(first, Desk::a) == Ranges{{1, 1}});
      CHECK(first.run.empty());
      CHECK(first.wake_at == desk.now.at + 5ms);
    }
    WHEN("it was started and has ended") {
      CHECK(desk.turn_after(4ms).run.empty());
      REQUIRE(desk.turn_after(1ms).run.size() == 1);
      desk.finish(1);
      desk.turn();
      THEN("the next one starts at once") { CHECK(desk.turn_with(desk.waiting(2)).run.size() == 1); }
    }
    WHEN("another name comes after its end") {
      desk.turn_after(5ms);
      proto::Submit urgent = desk.submit(2);
      urgent.name = "echo";
      urgent.priority = Priority::critical;
      desk.finish(1);
      THEN("that has a first time of its own") {
        CHECK(desk.turn_with(urgent).run.empty());
        CHECK(desk.turn_after(5ms).run.size() == 1);
      }
    }
  }
}

SCENARIO("a callback is told ends of all kinds", "[core][executor]") {
  GIVEN("a task with a callback that runs") {
    Desk desk;
    proto::Submit submit = desk.submit(1);
    submit.callback_address = "ipc://@listener";
    WHEN("it fails, expires or is lost instead") {
      desk.say(submit);
      for (const std::uint32_t counter : {2U, 3U}) {
        proto::Submit more = desk.submit(counter);
        more.callback_address = submit.callback_address;
        if (counter == 2) more.deadline_ms = 10;
        desk.say(more);
      }
      desk.turn();
      desk.role.on_finished({.id = id(1), .attempt = 1, .error = Error{ErrorKind::failed, "no", "", ""}},
                            desk.now, desk.out);
      desk.turn_after(10ms);
      desk.role.on_drain(desk.now.at, desk.now, desk.out);
      desk.turn();
      THEN("each of the three ends is told, once") {
        CHECK(desk.outbox.parked() == 3);
        CHECK(desk.ask(1).state == TaskState::failure);
        CHECK(desk.ask(2).state == TaskState::expired);
        CHECK(desk.ask(3).state == TaskState::lost);
        CHECK(desk.ask(3).callback == CallbackState::pending);
      }
    }
  }
}

}  // namespace executor_role_test
