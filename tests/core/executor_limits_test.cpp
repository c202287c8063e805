// What a worker refuses, and for how long; what it answers to questions; how it leaves.
#include "executor_support.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"

namespace executor_limits_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;
using proto::Code;

namespace {

/// The one BUSY of that turn; what it names, why, and for how long.
proto::Busy busy(const Effects& out, LinkId link = Desk::a) {
  const auto all = records<proto::Busy>(out, link);
  REQUIRE(all.size() == 1);
  return all.front();
}

const std::vector<const char*> addresses_of_nobody{"",
                                                   "tcp://",
                                                   "tcp://localhost:6000",
                                                   "tcp://127.0.0.1",
                                                   "tcp://127.0.0.1:",
                                                   "tcp://127.0.0.1:0",
                                                   "tcp://127.0.0.1:65536",
                                                   "tcp://127.0.0.1:6000 ",
                                                   "tcp://127.0.0.1:*",
                                                   "tcp://127.0.0.1:+80",
                                                   "tcp://127.0.0.1:06000",
                                                   "tcp://127.0.0:6000",
                                                   "tcp://127.0.0.1.1:6000",
                                                   "tcp://127.0.0.01:6000",
                                                   "tcp://0177.0.0.1:6000",
                                                   "tcp://256.0.0.1:6000",
                                                   "tcp://2130706433:6000",
                                                   "tcp://eth0;127.0.0.1:6000",
                                                   "tcp://::1:6000",
                                                   "tcp://[::1:6000",
                                                   "tcp://[::1]6000",
                                                   "tcp://[:::1]:6000",
                                                   "tcp://[1::2::3]:6000",
                                                   "tcp://[1:2:3:4:5:6:7]:6000",
                                                   "tcp://[1:2:3:4:5:6:7:8:9]:6000",
                                                   "tcp://[1:2:3:4:5:6:7::8]:6000",
                                                   "tcp://[12345::1]:6000",
                                                   "tcp://[::1%lo]:6000",
                                                   "tcp://[1.2.3.4::]:6000",
                                                   "tcp://[::1.2.3]:6000",
                                                   "tcp://[1:]:6000",
                                                   "tcp://[]:6000",
                                                   "tcp://0.0.0.0:6000",
                                                   "tcp://169.254.169.254:80",
                                                   "tcp://224.0.0.1:6000",
                                                   "tcp://255.255.255.255:6000",
                                                   "tcp://[::]:6000",
                                                   "tcp://[fe80::1]:6000",
                                                   "tcp://[ff02::1]:6000",
                                                   "tcp://[::ffff:169.254.169.254]:80",
                                                   "tcp://[64:ff9b::169.254.169.254]:80",
                                                   "tcp://[::0.0.0.0]:6000",
                                                   "http://127.0.0.1:6000",
                                                   "ipc:///var/run/docker.sock",
                                                   "ipc://name",
                                                   "ipc://@",
                                                   "ipc://@a b",
                                                   "inproc://x",
                                                   "TCP://127.0.0.1:6000"};

}  // namespace

SCENARIO("what can never be taken is rejected at once", "[core][executor]") {
  GIVEN("a worker and a SUBMIT with one thing wrong") {
    NodeConfig config = Desk::plain();
    config.payload_max = 1'000;
    Desk desk{config};
    proto::Submit submit = desk.submit(1);
    Code code = Code::malformed;
    ErrorKind kind = ErrorKind::invalid;
    const auto wrong = GENERATE(range(0, 12));
    switch (wrong) {
      case 0:
        submit.seq = 0;
        break;
      case 1:
        submit.id.bytes[6] = 0x20;
        break;
      case 2:
        submit.name.clear();
        break;
      case 3:
        submit.name.assign(limits::name_bytes + 1, 'x'), code = Code::too_large;
        break;
      case 4:
        submit.name = "nobody", code = Code::no_such_queue, kind = ErrorKind::not_found;
        break;
      case 5:
        submit.priority = static_cast<Priority>(4);
        break;
      case 6:
        submit.codec = static_cast<Codec>(4);
        break;
      case 7:
        submit.reply_codec = Codec::opaque;
        break;
      case 8:
        submit.args = Bytes{std::string(1'001, 'x')}, code = Code::too_large;
        break;
      case 9:
        submit.callback_data = std::string(limits::callback_data_bytes + 1, ' '), code = Code::too_large;
        break;
      case 10:
        submit.callback_address = std::string(limits::address_bytes + 1, 'x'), code = Code::too_large;
        break;
      default:
        submit.callback_address = "tcp://192.168.1.1:6000";
        code = Code::callback_refused;
        kind = ErrorKind::refused;
    }
    INFO("case " << wrong);
    const Effects out = desk.turn_with(submit);
    THEN("one REJECT says what and why, nothing runs, and the id is not remembered") {
      REQUIRE(out.send.size() == 1);
      const auto refused = records<proto::Reject>(out, Desk::a);
      REQUIRE(refused.size() == 1);
      CHECK(refused[0].seq == submit.seq);
      CHECK(refused[0].id == submit.id);
      CHECK(refused[0].code == static_cast<std::uint16_t>(code));
      CHECK(refused[0].fault.kind == static_cast<std::uint8_t>(kind));
      CHECK_FALSE(refused[0].fault.what.empty());
      CHECK_FALSE(refused[0].fault.why.empty());
      CHECK_FALSE(refused[0].fault.fix.empty());
      CHECK(out.run.empty());
      CHECK(desk.counters.rejected == 1);
      CHECK(started(desk.turn_with(desk.submit(1))) == std::vector<std::uint32_t>{1});
    }
  }
}

SCENARIO("what is just within its limits is taken", "[core][executor]") {
  GIVEN("what is just within its limits") {
    Desk desk;
    proto::Submit submit = desk.submit(1);
    submit.name = desk.config.self.serves[3];
    submit.priority = Priority::low;
    submit.callback_data = std::string(limits::callback_data_bytes, ' ');
    submit.callback_address = "ipc://@listener";
    THEN("it is taken, under its whole name") {
      const Effects out = desk.turn_with(submit);
      REQUIRE(out.run.size() == 1);
      CHECK(out.run[0].name == submit.name);
      CHECK(desk.ask(1).name == submit.name);
    }
  }
}

TEST_CASE("callback addresses: which are allowed", "[core][executor][callback_address]") {
  const auto allowed = [](std::string_view address, bool loopback_only) {
    return !check_callback_address(address, loopback_only);
  };
  for (const char* here :
       {"tcp://127.0.0.1:6000", "tcp://127.9.9.9:1", "tcp://[::1]:65535", "ipc://@name",
        "tcp://[0:0:0:0:0:0:0:1]:6000", "tcp://[::ffff:127.0.0.1]:6000", "ipc://@a/b-c.d"}) {
    INFO(here);
    CHECK(allowed(here, true));
    CHECK(allowed(here, false));
  }
  for (const char* beyond :
       {"tcp://10.0.0.1:6000", "tcp://192.168.1.255:1", "tcp://8.8.8.8:6000", "tcp://[2001:db8::1]:6000",
        "tcp://[fd00::1:2]:6000", "tcp://[::ffff:10.0.0.1]:6000", "tcp://[1:2:3:4:5:6:7:8]:6000"}) {
    INFO(beyond);
    CHECK_FALSE(allowed(beyond, true));
    CHECK(allowed(beyond, false));
  }
  for (const char* never : addresses_of_nobody) {
    INFO(never);
    CHECK_FALSE(allowed(never, false));
    CHECK_FALSE(allowed(never, true));
  }
  CHECK_FALSE(allowed("ipc://@" + std::string(107, 'x'), false));
  CHECK_FALSE(allowed(std::string("ipc://@a\0b", 10), false));
}

SCENARIO("beyond its bounds a worker says BUSY, and nothing is remembered of it", "[core][executor]") {
  GIVEN("one slot and room for two more") {
    NodeConfig config = Desk::plain();
    config.queue_tasks_max = 2;
    Desk desk{config};
    WHEN("five come in one turn") {
      for (std::uint32_t i = 1; i <= 5; ++i) desk.say(desk.submit(i));
      const Effects out = desk.turn();
      THEN("the first starts, two wait, two are refused in one record, for a short while") {
        CHECK(accepted(out, Desk::a) == Ranges{{1, 3}});
        const auto said = busy(out);
        CHECK(said.seqs == Ranges{{4, 5}});
        CHECK(said.code == static_cast<std::uint16_t>(Code::busy));
        CHECK(said.retry_after_ms == 50);
        CHECK(desk.counters.busy == 2);
        CHECK(started(out) == std::vector<std::uint32_t>{1});
        CHECK(desk.ask(4).state == TaskState::unknown);
      }
      THEN("a repetition of what was taken is accepted all the same") {
        proto::Submit again = desk.submit(2);
        again.flags = proto::Submit::again_flag;
        CHECK(accepted(desk.turn_with(again), Desk::a).size() == 1);
      }
    }
    WHEN("tasks take 3 s each") {
      desk.turn_with(desk.submit(1));
      desk.finish(1, 3s);
      for (std::uint32_t i = 2; i <= 5; ++i) desk.say(desk.submit(i));
      THEN("the pause follows the queue, up to its limit") {
        CHECK(busy(desk.turn()).retry_after_ms == 2'000);
      }
    }
    WHEN("tasks take 100 ms each") {
      desk.turn_with(desk.submit(1));
      desk.finish(1, 100ms);
      for (std::uint32_t i = 2; i <= 5; ++i) desk.say(desk.submit(i));
      THEN("half of it is worked off by then") { CHECK(busy(desk.turn()).retry_after_ms == 150); }
    }
  }
}

SCENARIO("near the memory that it may use a worker lets go of results and says BUSY", "[core][executor]") {
  GIVEN("a worker that may use 100 octets, and keeps the results of three tasks") {
    NodeConfig config = Desk::plain(4);
    config.memory_max = 100;
    Desk desk{config};
    for (std::uint32_t i = 1; i <= 3; ++i) {
      desk.turn_with(desk.submit(i));
      Finished finished{.id = id(i), .attempt = 1, .result = {Codec::cereal, Bytes{std::string(50, 'x')}}};
      finished.started_at = desk.now.wall;
      desk.role.on_finished(std::move(finished), desk.now, desk.out);
      desk.turn();
    }
    REQUIRE(desk.role.results().size() == 3);
    const std::uint64_t of_one = desk.role.results().bytes() / 3;
    const auto notes = [](const Effects& out) {
      return std::count_if(out.notify.begin(), out.notify.end(),
                           [](const Notice& notice) { return std::holds_alternative<Noted>(notice); });
    };
    WHEN("it uses a little less than nine tenths of it") {
      desk.role.on_memory(89, desk.out);
      const Effects out = desk.turn_with(desk.submit(4));
      THEN("nothing changes") {
        CHECK(accepted(out, Desk::a).size() == 1);
        CHECK(notes(out) == 0);
        CHECK(desk.role.results().size() == 3);
        CHECK_FALSE(desk.role.short_of_memory());
      }
    }
    WHEN("it uses nine tenths of it") {
      desk.turn_with(desk.submit(4));
      desk.role.on_memory(90, desk.out);
      const Effects out = desk.turn_with(desk.submit(5));
      THEN("what is new is busy for a second, the log has one line, and what was taken goes on") {
        CHECK(busy(out).seqs.size() == 1);
        CHECK(busy(out).retry_after_ms == 1'000);
        CHECK(notes(out) == 1);
        CHECK(desk.role.short_of_memory());
        CHECK(desk.counters.busy == 1);
        desk.finish(4);
        desk.turn();
        CHECK(desk.role.idle());
      }
      THEN("results go, the oldest first, but not their states") {
        CHECK(desk.role.results().size() == 2);
        CHECK(desk.role.results().remembered(id(1))->state == TaskState::success);
      }
      THEN("it stays so until it uses less than eight tenths, without a further line") {
        desk.role.on_memory(80, desk.out);
        const Effects still = desk.turn_with(desk.submit(6));
        CHECK(busy(still).seqs.size() == 1);
        CHECK(notes(still) == 0);
        desk.role.on_memory(79, desk.out);
        proto::Submit again = desk.submit(5);
        again.flags = proto::Submit::again_flag;
        const Effects after = desk.turn_with(std::move(again));
        CHECK(accepted(after, Desk::a).size() == 1);
        CHECK(notes(after) == 1);
      }
    }
    WHEN("it uses far more") {
      desk.role.on_memory(80 + 2 * of_one, desk.out);
      THEN("as many results go as make up for it") {
        CHECK(desk.role.results().size() == 1);
        desk.role.on_memory(1'000'000, desk.out);
        CHECK(desk.role.results().size() == 0);
        CHECK(desk.role.results().bytes() == 0);
      }
    }
  }
}

TEST_CASE("without a memory limit it does not matter what a worker uses", "[core][executor]") {
  Desk desk;
  desk.role.on_memory(1ULL << 60, desk.out);
  CHECK(accepted(desk.turn_with(desk.submit(1)), Desk::a).size() == 1);
}

SCENARIO("beyond its octets a worker says BUSY", "[core][executor]") {
  GIVEN("room for a thousand octets") {
    NodeConfig config = Desk::plain();
    config.queue_bytes_max = 1'000;
    Desk desk{config};
    const auto large = [&](std::uint32_t counter, std::size_t bytes) {
      proto::Submit submit = desk.submit(counter);
      submit.args = Bytes{std::string(bytes, 'x')};
      return submit;
    };
    WHEN("something waits and more would be too much") {
      desk.say(large(1, 400));
      desk.say(large(2, 400));
      desk.say(large(3, 300));
      desk.say(large(4, 200));
      const Effects out = desk.turn();
      THEN("what does not fit is refused, what fits is taken") {
        CHECK(accepted(out, Desk::a) == Ranges{{1, 2}, {4, 4}});
        CHECK(busy(out).seqs == Ranges{{3, 3}});
        desk.finish(1);
        desk.turn();
        proto::Submit again = large(3, 300);
        again.flags = proto::Submit::again_flag;
        CHECK(accepted(desk.turn_with(again), Desk::a).size() == 1);
      }
    }
    WHEN("one comes that alone is larger than all room, and nothing waits") {
      desk.turn_with(large(1, 400));
      THEN("it gets through, and the next one does not") {
        CHECK(accepted(desk.turn_with(large(2, 5'000)), Desk::a).size() == 1);
        CHECK(busy(desk.turn_with(large(3, 1))).seqs == Ranges{{3, 3}});
      }
    }
  }
  GIVEN("a listener with as many undelivered events as one may have") {
    Desk desk;
    for (std::size_t i = 0; i < limits::callbacks_per_listener_max; ++i)
      REQUIRE(desk.outbox.reserve("ipc://@slow"));
    WHEN("one more task wants to call it back") {
      proto::Submit submit = desk.submit(1);
      submit.callback_address = "ipc://@slow";
      desk.say(submit);
      desk.say(desk.submit(2));
      const Effects out = desk.turn();
      THEN("it is refused for a while, and others are not held back") {
        CHECK(busy(out).seqs == Ranges{{1, 1}});
        CHECK(busy(out).retry_after_ms == 2'000);
        CHECK(started(out) == std::vector<std::uint32_t>{2});
      }
    }
  }
}

SCENARIO("a question is answered for each id, whatever is known", "[core][executor]") {
  GIVEN("tasks that run, wait and have ended") {
    Desk desk;
    for (std::uint32_t i = 1; i <= 3; ++i) desk.say(desk.submit(i));
    desk.turn();
    desk.finish(1);
    desk.turn();
    WHEN("one QUERY names them and one that never was") {
      desk.role.on_query(Desk::b, {.request = 5, .ids = {id(3), id(1), id(9), id(2)}}, desk.now, desk.out);
      const auto told = records<proto::Status>(desk.out, Desk::b);
      THEN("each gets its own answer, in the order asked") {
        REQUIRE(told.size() == 4);
        for (const auto& status : told) CHECK(status.request == 5);
        CHECK(told[0].report.state == TaskState::queued);
        CHECK(told[1].report.state == TaskState::success);
        CHECK(told[1].report.result == Bytes::copy_of("sum"));
        CHECK(told[2].report == proto::TaskReport{.id = id(9), .state = TaskState::unknown});
        CHECK(told[3].report.state == TaskState::running);
        CHECK(told[3].report.worker_name == "w1");
      }
    }
    WHEN("who asks wants to be told the end") {
      CHECK(desk.ask(2, Codec::cereal, proto::Query::wait_flag, Desk::b).state == TaskState::running);
      CHECK(desk.ask(3, Codec::json, proto::Query::wait_flag, Desk::b).state == TaskState::queued);
      CHECK(desk.ask(1, Codec::cereal, proto::Query::wait_flag, Desk::b).state == TaskState::success);
      CHECK(desk.ask(2, Codec::cereal, proto::Query::wait_flag, Desk::b).state == TaskState::running);
      desk.finish(2);
      desk.turn();
      Finished finished{.id = id(3), .attempt = 1, .result = {Codec::cereal, Bytes::copy_of("sum")}};
      finished.json = Bytes::copy_of("5");
      desk.role.on_finished(std::move(finished), desk.now, desk.out);
      THEN("the ends are pushed once each, in the form asked for where there is one") {
        // The NOTIFY of task 2 went out in the turn above.
        CHECK(desk.counters.events_sent == 1);
        const auto told = records<proto::Notify>(desk.turn(), Desk::b);
        REQUIRE(told.size() == 1);
        CHECK(told[0].report->codec == Codec::json);
        CHECK(told[0].report->result == Bytes::copy_of("5"));
        CHECK(desk.ask(3).result == Bytes::copy_of("sum"));
        CHECK(desk.counters.events_sent == 2);
      }
    }
  }
}

SCENARIO("a result is told for its time, then its state", "[core][executor]") {
  GIVEN("tasks that run, wait and have ended") {
    Desk desk;
    for (std::uint32_t i = 1; i <= 3; ++i) desk.say(desk.submit(i));
    desk.turn();
    desk.finish(1);
    desk.turn();
    WHEN("a result's time is over") {
      desk.pass(limits::result_ttl);
      THEN("its state is still told") {
        const auto report = desk.ask(1);
        CHECK(report.state == TaskState::success);
        CHECK(report.flags == proto::TaskReport::value_gone_flag);
        CHECK(report.result.empty());
        CHECK(report.worker == desk.config.self.node);
        CHECK(report.submitted_at == WallTime{1'000'000});
      }
    }
    WHEN("a task asked for a ttl of its own") {
      desk.finish(2);
      proto::Submit submit = desk.submit(4);
      submit.result_ttl_ms = 100;
      desk.say(submit);
      desk.turn();
      desk.finish(3);
      desk.turn();
      desk.finish(4);
      const Effects out = desk.turn();
      THEN("that counts") {
        CHECK(out.wake_at == desk.now.at + 100ms);
        desk.turn_after(99ms);
        CHECK(desk.ask(4).flags == 0);
        desk.turn_after(1ms);
        CHECK(desk.ask(4).flags == proto::TaskReport::value_gone_flag);
        CHECK(desk.ask(3).flags == 0);
      }
    }
    WHEN("a QUERY names more ids than one may") {
      desk.role.on_query(Desk::b, {.request = 5, .ids = std::vector<TaskId>(limits::query_ids_max + 1)},
                         desk.now, desk.out);
      THEN("it is answered with ERROR and counted") {
        REQUIRE(desk.out.send.size() == 1);
        const auto errors = records<proto::ErrorReport>(desk.out, Desk::b);
        REQUIRE(errors.size() == 1);
        CHECK(errors[0].code == static_cast<std::uint16_t>(Code::too_large));
        CHECK(errors[0].about == static_cast<std::uint16_t>(proto::Type::query));
        CHECK(desk.counters.bad_input == 1);
      }
    }
  }
}

SCENARIO("a task has only so many that wait for it", "[core][executor]") {
  GIVEN("a task for which as many links wait as one task may have") {
    Desk desk;
    desk.turn_with(desk.submit(1));
    const auto link = [](std::uint64_t number) { return LinkId{LinkId::inbound_bit | (100 + number)}; };
    for (std::uint64_t i = 0; i < limits::waiters_max; ++i) {
      desk.outbox.open_link(link(i), 10, 10'000);
      desk.ask(1, Codec::cereal, proto::Query::wait_flag, link(i));
    }
    WHEN("one more asks") {
      CHECK(desk.ask(1, Codec::cereal, proto::Query::wait_flag).state == TaskState::running);
      desk.finish(1);
      THEN("it is not told; it must ask again") {
        const Effects out = desk.turn();
        CHECK(records<proto::Notify>(out).size() == limits::waiters_max);
        CHECK(records<proto::Notify>(out, Desk::a).empty());
      }
    }
    WHEN("one of them has gone and one more asks") {
      desk.role.on_link_down(link(3));
      desk.ask(1, Codec::cereal, proto::Query::wait_flag);
      desk.finish(1);
      THEN("it has taken that place") {
        const Effects out = desk.turn();
        CHECK(records<proto::Notify>(out, Desk::a).size() == 1);
        CHECK(records<proto::Notify>(out, link(3)).empty());
      }
    }
  }
}

SCENARIO("a worker that leaves ends what it has, and takes nothing new", "[core][executor]") {
  GIVEN("one task that runs, two that wait") {
    Desk desk;
    for (std::uint32_t i = 1; i <= 3; ++i) desk.say(desk.waiting(i));
    desk.turn();
    desk.role.on_drain(desk.now.at + 10s, desk.now, desk.out);
    CHECK(desk.role.draining());
    CHECK(desk.turn().wake_at <= desk.now.at + 10s);
    WHEN("a new task comes, and a repetition") {
      desk.say(desk.submit(4));
      desk.say(desk.waiting(2));
      const Effects out = desk.turn();
      THEN("the new one is sent elsewhere, the old one is still held") {
        CHECK(busy(out).seqs == Ranges{{4, 4}});
        CHECK(busy(out).code == static_cast<std::uint16_t>(Code::draining));
        CHECK(accepted(out, Desk::a) == Ranges{{5, 5}});
      }
    }
    WHEN("there is time enough") {
      desk.finish(1);
      CHECK(started(desk.turn()) == std::vector<std::uint32_t>{2});
      desk.finish(2);
      CHECK(started(desk.turn()) == std::vector<std::uint32_t>{3});
      CHECK_FALSE(desk.role.idle());
      desk.finish(3);
      THEN("all end well") {
        CHECK(records<proto::Notify>(desk.turn(), Desk::a).size() == 1);
        CHECK(desk.role.idle());
        CHECK(desk.counters.lost == 0);
        CHECK(desk.counters.finished == 3);
      }
    }
    WHEN("time is over") {
      const Effects out = desk.turn_after(10s);
      THEN("the rest is told as lost, and nothing starts any more") {
        const auto told = records<proto::Notify>(out, Desk::a);
        REQUIRE(told.size() == 3);
        for (const auto& notify : told) {
          CHECK(notify.report->state == TaskState::lost);
          CHECK(notify.report->fault->kind == static_cast<std::uint8_t>(ErrorKind::lost));
        }
        CHECK(out.run.empty());
        CHECK(desk.role.idle());
        CHECK(desk.role.queued() == 0);
        CHECK(desk.counters.lost == 3);
        desk.finish(1);
        CHECK(desk.counters.late_ends == 1);
        CHECK(desk.turn().send.empty());
        CHECK(desk.role.running() == 0);
      }
    }
    WHEN("a second drain says sooner") {
      desk.role.on_drain(desk.now.at + 60s, desk.now, desk.out);
      desk.role.on_drain(desk.now.at, desk.now, desk.out);
      THEN("the sooner counts") { CHECK(desk.role.idle()); }
    }
  }
}

}  // namespace executor_limits_test
