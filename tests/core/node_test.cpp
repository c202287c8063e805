#include "taskmesh/core/node.hpp"
#include "core/effects_support.hpp"

#include <catch2/catch.hpp>
#include <deque>
#include <map>
#include <memory>

namespace taskmesh::core::node_test {
namespace {

constexpr LinkId guest{LinkId::inbound_bit | 1};

NodeConfig make_config(NodeKind kind, std::uint8_t number) {
  NodeConfig config;
  config.kind = kind;
  config.seed = number;
  config.client_instance = number;
  config.token = std::string(32, 't');
  config.self.node.bytes[0] = number;
  config.self.incarnation = 1;
  config.self.name = "n" + std::to_string(number);
  if (kind == NodeKind::worker) {
    config.self.slots = 1;
    config.self.endpoints = {"tcp://127.0.0.1:2480" + std::to_string(number)};
    config.self.serves = {"add"};
  }
  return config;
}

/// One node, its clock, and the effects of its last turn.
struct Bench {
  explicit Bench(NodeKind kind, std::uint8_t number = 1) : node(make_config(kind, number)) {}

  template <class Input>
  void turn(Input input) {
    out.clear();
    node.step(std::move(input), now(), out);
    node.turn_end(now(), out);
  }
  void pass(Duration span) {
    at += span;
    turn(Tick{});
  }
  Now now() const { return {TimePoint{} + at, WallTime{1'000'000}}; }
  template <class Record>
  std::vector<Record> sent(LinkId link) const {
    return test::records<Record>(out, link);
  }
  template <class Kind>
  std::vector<Kind> told() const {
    std::vector<Kind> all;
    for (const Notice& notice : out.notify) {
      if (const auto* kind = std::get_if<Kind>(&notice)) all.push_back(*kind);
    }
    return all;
  }

  Duration at = 100s;
  Effects out;
  Node node;
};

proto::Hello hello(const NodeConfig& config) {
  proto::Hello record;
  record.role = config.kind == NodeKind::worker ? proto::Role::worker : proto::Role::client;
  record.window_records = 100;
  record.window_bytes = 100'000;
  record.payload_max = limits::payload_bytes;
  record.token = config.token;
  record.self = config.self;
  return record;
}

proto::Submit submit(std::uint32_t number, bool wait = true) {
  proto::Submit record;
  record.seq = number;
  record.id = make_task_id(1, 0, 9, number);
  record.name = "add";
  record.flags = wait ? proto::Submit::wait_flag : std::uint8_t{0};
  return record;
}

Finished finished(const Run& run) {
  Finished end;
  end.id = run.id;
  end.attempt = run.attempt;
  end.result = {Codec::opaque, Bytes::copy_of("5")};
  end.elapsed = 1ms;
  return end;
}

SCENARIO("nothing is handled before the greeting", "[core][node]") {
  GIVEN("a worker and a link that has not greeted") {
    Bench worker{NodeKind::worker};
    WHEN("it submits, asks and acknowledges") {
      worker.turn(Received{guest, submit(1)});
      THEN("it is told so once, and nothing happens") {
        REQUIRE(worker.sent<proto::ErrorReport>(guest).size() == 1);
        CHECK(worker.out.run.empty());
        worker.turn(Received{guest, proto::Query{.request = 1, .ids = {submit(1).id}}});
        worker.turn(Received{guest, proto::NotifyAck{{{1, 1}}}});
        CHECK(worker.out.send.empty());
        CHECK(worker.node.counters().ungreeted == 3);
        CHECK(worker.node.counters().submits == 0);
      }
    }
    WHEN("it greets with the wrong token") {
      proto::Hello wrong = hello(make_config(NodeKind::client, 2));
      wrong.token = std::string(32, 'x');
      worker.turn(Received{guest, wrong});
      CHECK(worker.sent<proto::Welcome>(guest).empty());
      worker.turn(Received{guest, submit(1)});
      THEN("it stays a stranger") { CHECK(worker.node.counters().submits == 0); }
    }
    WHEN("it greets well") {
      worker.turn(Received{guest, hello(make_config(NodeKind::client, 2))});
      CHECK(worker.sent<proto::Welcome>(guest).size() == 1);
      worker.turn(Received{guest, submit(1)});
      THEN("it is served") {
        CHECK(worker.sent<proto::Accepted>(guest).size() == 1);
        REQUIRE(worker.out.run.size() == 1);
        worker.turn(finished(worker.out.run[0]));
        REQUIRE(worker.sent<proto::Notify>(guest).size() == 1);
        CHECK(worker.sent<proto::Notify>(guest)[0].report->state == TaskState::success);
      }
      AND_WHEN("its link goes down and another one takes its number") {
        worker.turn(LinkDown{guest});
        worker.turn(Received{guest, submit(2)});
        THEN("that one has to greet") { CHECK(worker.node.counters().submits == 1); }
      }
    }
  }
  GIVEN("a listener and a worker that has not said CB_HELLO") {
    Bench listener{NodeKind::listener};
    proto::Notify event;
    event.seq = 1;
    event.report.edit().id = submit(1).id;
    event.report.edit().state = TaskState::success;
    listener.turn(Received{guest, event});
    THEN("the event does not reach the face") {
      CHECK(listener.told<EventArrived>().empty());
      CHECK(listener.sent<proto::ErrorReport>(guest).size() == 1);
    }
  }
}

SCENARIO("a record that a node has no use for is refused, whatever it is", "[core][node]") {
  GIVEN("a worker with a greeted client") {
    Bench worker{NodeKind::worker};
    worker.turn(Received{guest, hello(make_config(NodeKind::client, 2))});
    WHEN("it sends what only clients and listeners take") {
      worker.turn(Received{guest, proto::Accepted{}});
      CHECK(worker.sent<proto::ErrorReport>(guest).size() == 1);
      worker.turn(Received{guest, proto::CbHello{}});
      CHECK(worker.sent<proto::ErrorReport>(guest).size() == 1);
      THEN("it is counted") { CHECK(worker.node.counters().bad_input == 2); }
    }
  }
}

SCENARIO("a worker that drains finishes, says good-bye and stops", "[core][node]") {
  GIVEN("a worker with one task that runs and one that waits") {
    Bench worker{NodeKind::worker};
    worker.turn(Received{guest, hello(make_config(NodeKind::client, 2))});
    worker.turn(Received{guest, submit(1)});
    REQUIRE(worker.out.run.size() == 1);
    Run running = worker.out.run[0];
    worker.turn(Received{guest, submit(2)});
    worker.turn(Drain{30s});
    CHECK_FALSE(worker.out.stopped);

    WHEN("something new is submitted") {
      worker.turn(Received{guest, submit(3)});
      THEN("it is sent elsewhere") {
        REQUIRE(worker.sent<proto::Busy>(guest).size() == 1);
        CHECK(worker.sent<proto::Busy>(guest)[0].code == static_cast<std::uint16_t>(proto::Code::draining));
      }
    }
    WHEN("both end and the ends are acknowledged") {
      worker.turn(finished(running));
      REQUIRE(worker.out.run.size() == 1);
      running = worker.out.run[0];
      worker.turn(finished(running));
      CHECK_FALSE(worker.out.stopped);
      worker.turn(Received{guest, proto::NotifyAck{{{1, 2}}}});
      THEN("it says BYE and has stopped") {
        CHECK(worker.sent<proto::Bye>(guest).size() == 1);
        CHECK(worker.out.stopped);
      }
    }
    WHEN("the time is over") {
      worker.pass(30s);
      THEN("the rest is told as lost, and it stops soon") {
        const auto ends = worker.sent<proto::Notify>(guest);
        REQUIRE(ends.size() == 2);
        CHECK(ends[0].report->state == TaskState::lost);
        worker.turn(Received{guest, proto::NotifyAck{{{1, 2}}}});
        for (int i = 0; i < 20 && !worker.out.stopped; ++i) worker.pass(100ms);
        CHECK(worker.out.stopped);
      }
    }
  }
  GIVEN("an idle worker") {
    Bench worker{NodeKind::worker};
    worker.turn(Drain{30s});
    THEN("it stops at once") { CHECK(worker.out.stopped); }
  }
}

SCENARIO("who asks for the members gets them as soon as all have answered", "[core][node]") {
  GIVEN("a client that has dialled a worker") {
    Bench client{NodeKind::client};
    const NodeConfig worker = make_config(NodeKind::worker, 2);
    client.turn(Found{worker.self.node, 1, worker.self.endpoints});
    REQUIRE(client.out.dial.size() == 1);
    const LinkId link = client.out.dial[0].link;

    WHEN("the list is asked for, and the worker greets") {
      client.turn(ListMembers{7, true});
      CHECK(client.told<MemberList>().empty());
      client.turn(LinkUp{link});
      REQUIRE(client.sent<proto::Hello>(link).size() == 1);
      proto::Welcome welcome;
      welcome.self = worker.self;
      welcome.load.slots = 1;
      client.turn(Received{link, welcome});
      THEN("it has the worker, alive") {
        REQUIRE(client.told<MemberList>().size() == 1);
        CHECK(client.told<MemberList>()[0].token == 7);
        REQUIRE(client.told<MemberList>()[0].members.size() == 1);
        CHECK(client.told<MemberList>()[0].members[0].member.name == "n2");
        CHECK(client.told<MemberList>()[0].members[0].liveness == Liveness::alive);
      }
    }
    WHEN("the worker does not answer") {
      client.turn(ListMembers{7, true});
      client.pass(500ms);
      THEN("what is known is told") { CHECK(client.told<MemberList>().size() == 1); }
    }
    WHEN("the list is asked for as it is") {
      client.turn(ListMembers{7, false});
      THEN("it comes at once") { CHECK(client.told<MemberList>().size() == 1); }
    }
    WHEN("the asker gives up") {
      client.turn(ListMembers{7, true});
      client.turn(Abandon{7, false});
      client.pass(500ms);
      THEN("nobody is told") { CHECK(client.told<MemberList>().empty()); }
    }
  }
}

SCENARIO("an end that no worker had reaches the listener from the client itself", "[core][node]") {
  GIVEN("a client without workers and a task with a callback and a deadline") {
    Bench client{NodeKind::client};
    SubmitTask wish;
    wish.id = make_task_id(1, 0, 1, 1);
    wish.name = "add";
    wish.callback_address = "tcp://127.0.0.1:6000";
    wish.callback_data = "{}";
    wish.deadline = 1s;
    client.turn(std::move(wish));
    CHECK(client.out.dial.empty());
    WHEN("the deadline passes") {
      client.pass(1s);
      THEN("the client dials the listener and tells it") {
        REQUIRE(client.out.dial.size() == 1);
        CHECK(client.out.dial[0].endpoint == "tcp://127.0.0.1:6000");
        const LinkId link = client.out.dial[0].link;
        client.turn(LinkUp{link});
        const auto hellos = client.sent<proto::CbHello>(link);
        REQUIRE(hellos.size() == 1);
        proto::CbWelcome welcome;
        welcome.window_records = 10;
        welcome.window_bytes = 10'000;
        welcome.nonce = hellos[0].nonce;
        client.turn(Received{link, welcome});
        REQUIRE(client.sent<proto::Notify>(link).size() == 1);
        CHECK(client.sent<proto::Notify>(link)[0].report->state == TaskState::expired);
        CHECK(client.sent<proto::Notify>(link)[0].callback_data == "{}");
      }
    }
  }
}

}  // namespace
}  // namespace taskmesh::core::node_test
