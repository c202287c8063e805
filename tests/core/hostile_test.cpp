// Peers that lie: each story is something that a greeted peer may say, and what it must not get by it.
#include <catch2/catch.hpp>
#include <ctime>

#include "core/mesh_support.hpp"
#include "core/submitter_support.hpp"
#include "taskmesh/core/callbacks/listener_role.hpp"
#include "taskmesh/core/node.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"

namespace hostile_test {

using namespace mesh_test;
using taskmesh::core::test::ClientBench;

namespace {

constexpr LinkId door{LinkId::inbound_bit | 1};
constexpr LinkId other_door{LinkId::inbound_bit | 2};

proto::Hello hello_of(unsigned number, proto::Role role) {
  proto::Hello record;
  record.role = role;
  record.window_records = 100;
  record.window_bytes = 100'000;
  record.token = std::string(32, 't');
  record.self = member(number);
  record.self.endpoints.clear();  // It is not to be dialled back.
  return record;
}

/// A worker node and its clock.
struct Worker {
  Worker() : node(config()) {}
  static NodeConfig config() {
    NodeConfig made = node_config(NodeKind::worker);
    made.self.slots = 1;
    return made;
  }
  template <class Input>
  Effects& turn(Input input) {
    out.clear();
    node.step(std::move(input), now(), out);
    node.turn_end(now(), out);
    return out;
  }
  Effects& hear(LinkId link, proto::Message message) { return turn(Received{link, std::move(message)}); }
  void pass(Duration span) {
    elapsed += span;
    turn(Tick{});
  }
  Now now() const { return at(elapsed); }

  Duration elapsed = 0s;
  Effects out;
  Node node;
};

proto::Submit submit(std::uint64_t seq, std::uint32_t counter) {
  proto::Submit record;
  record.seq = seq;
  record.id = make_task_id(1, 0, 9, counter);
  record.name = "add";
  record.flags = proto::Submit::wait_flag;
  return record;
}

template <class Record>
std::size_t count_of(const Effects& effects) {
  return sent<Record>(effects).size();
}

}  // namespace

SCENARIO("nobody says good-bye or beats for another worker", "[core][hostile]") {
  GIVEN("a worker that knows worker 1, and a greeted client that is not worker 1") {
    Worker worker;
    const LinkId dialled = worker.turn(found(1)).dial.at(0).link;
    worker.turn(LinkUp{dialled});
    worker.hear(dialled, welcome(1));
    worker.hear(door, hello_of(2, proto::Role::client));
    const Peer* peer = worker.node.membership().by_node(node_id(1));
    REQUIRE(peer->liveness == Liveness::alive);
    WHEN("the client says BYE in its name") {
      worker.hear(door, proto::Bye{node_id(1), 1});
      THEN("worker 1 stays") { CHECK(peer->liveness == Liveness::alive); }
    }
    WHEN("the client beats for it, as draining, and as a newer life of it") {
      proto::Heartbeat beat{node_id(1), 1, {}};
      beat.load.flags = proto::Load::draining_flag;
      worker.hear(door, beat);
      beat.incarnation = 99;
      worker.hear(door, beat);
      THEN("worker 1 is what it was") {
        CHECK(peer->liveness == Liveness::alive);
        CHECK(peer->member.incarnation == 1);
      }
    }
    WHEN("worker 1 itself greets on a link of its own and says BYE there") {
      worker.hear(other_door, hello_of(1, proto::Role::worker));
      worker.hear(other_door, proto::Bye{node_id(1), 1});
      THEN("it has left") { CHECK(peer->liveness == Liveness::left); }
    }
  }
}

SCENARIO("a newer life that is told of without an address ends the older one and is dialled nowhere",
         "[core][hostile]") {
  Driver node;
  node.on(found(1, 1));
  const Effects out = node.on(Found{node_id(1), 2, {}});
  CHECK(out.dial.empty());
  CHECK(out.close.size() == 1);
  CHECK(node.view.by_node(node_id(1)) == nullptr);
  CHECK(node.on(found(1, 2)).dial.size() == 1);
}

SCENARIO("a flood of HELLOs on one link gets one WELCOME in each quarter of a second", "[core][hostile]") {
  Worker worker;
  CHECK(count_of<proto::Welcome>(worker.hear(door, hello_of(2, proto::Role::client))) == 1);
  std::size_t answers = 0;
  for (unsigned i = 0; i < 1'000; ++i) {  // The same one replayed, or as somebody else each time.
    worker.elapsed += 1ms;
    answers += count_of<proto::Welcome>(worker.hear(door, hello_of(2 + i % 2, proto::Role::client)));
  }
  CHECK(answers <= 4);
  CHECK(answers >= 3);
  CHECK(worker.node.counters().hasty_greetings == 1'000 - answers);
}

SCENARIO("a flood of questions for lists gets a few pages in each turn, and nothing is kept of the rest",
         "[core][hostile][listing]") {
  Worker worker;
  worker.hear(door, hello_of(1, proto::Role::client));
  const auto flood = [&] {
    worker.out.clear();
    for (std::uint64_t request = 1; request <= 1'000; ++request) {
      worker.node.step(Received{door, proto::ListTasks{.request = request}}, worker.now(), worker.out);
      worker.node.step(Received{door, proto::RetryCallbacks{.request = request}}, worker.now(), worker.out);
    }
    worker.node.turn_end(worker.now(), worker.out);
    return count_of<proto::TaskList>(worker.out) + count_of<proto::CallbacksRetried>(worker.out);
  };
  CHECK(flood() == 16);
  CHECK(flood() == 16);
  CHECK(count_of<proto::CallbackList>(worker.hear(door, proto::ListCallbacks{})) == 1);
}

SCENARIO("a guest that falls silent or is refused leaves nothing behind", "[core][hostile]") {
  GIVEN("a guest that waits for a task's end and does not acknowledge it") {
    Worker worker;
    worker.hear(door, hello_of(2, proto::Role::worker));
    const Effects& out = worker.hear(door, submit(1, 1));
    REQUIRE(out.run.size() == 1);
    worker.turn(Finished{.id = out.run[0].id, .attempt = 1});
    REQUIRE(worker.node.outbox().waiting_on_links() == 1);
    WHEN("it is silent until it has to greet again") {
      for (int i = 0; i < 9; ++i) worker.pass(1s);
      THEN("nothing is kept for its link") { CHECK(worker.node.outbox().waiting_on_links() == 0); }
    }
    WHEN("it says HELLO with another token") {
      auto wrong = hello_of(2, proto::Role::worker);
      wrong.token = std::string(32, 'x');
      worker.hear(door, wrong);
      THEN("nothing is kept for its link") { CHECK(worker.node.outbox().waiting_on_links() == 0); }
    }
  }
}

SCENARIO("a worker that names the same numbers a million times costs no more than naming them once",
         "[core][hostile]") {
  ClientBench client;
  const auto worker = client.join(1);
  constexpr std::uint32_t tasks = 16'000;
  client.turn([&] {
    for (std::uint32_t i = 1; i <= tasks; ++i) {
      client.role.on_submit(client.task(i, i), client.now(), client.out);
    }
  });
  REQUIRE(client.role.pending() == tasks);
  // The first one stays open, so that the numbers behind it cannot be forgotten.
  const std::vector<proto::Range> ranges(1'000'000, {2, ~std::uint64_t{0}});
  const std::clock_t before = std::clock();
  client.turn([&] { client.role.on_accepted(worker.link, {ranges, {}}, client.now(), client.out); });
  CHECK(static_cast<double>(std::clock() - before) / CLOCKS_PER_SEC < 5.0);
  CHECK(client.role.pending() == 1);
  CHECK(client.role.in_flight() == tasks);
}

SCENARIO("a worker that speaks of numbers and tasks nobody knows changes nothing", "[core][hostile]") {
  ClientBench client;
  const auto worker = client.join(1);
  client.submit(client.task(1, 1));
  client.accept(worker, 2, ~std::uint64_t{0});
  client.busy(worker, 77);
  client.notify(worker, 5, 99);
  client.status(worker, 3, 1, TaskState::failure);
  CHECK(client.role.pending() == 1);
  CHECK(client.role.in_flight() == 1);
  client.notify(worker, 1, 1);
  CHECK(client.role.in_flight() == 0);
}

SCENARIO("a worker that tells an end which is none ends nothing", "[core][hostile]") {
  ClientBench client;
  const auto worker = client.join(1);
  client.submit(client.task(1, 1));
  client.accept(worker, 1);
  for (const TaskState state : {TaskState::pending, TaskState::running, TaskState::unknown, TaskState{200}}) {
    client.notify(worker, 1, 1, state);
    CHECK(client.told<Completed>().empty());
    CHECK(client.sent<proto::NotifyAck>(worker).empty());
  }
  client.notify(worker, 0, 1);
  CHECK(client.role.in_flight() == 1);
  CHECK(client.counters.bad_input == 5);
  client.notify(worker, 1, 1);
  CHECK(client.told<Completed>().size() == 1);
}

SCENARIO("a listener that many have greeted and left goes on welcoming", "[core][hostile]") {
  NodeConfig config = node_config(NodeKind::listener);
  NodeCounters counters;
  ListenerRole role(config, counters);
  Effects out;
  proto::CbHello hello;
  hello.nonce = std::string(16, 'n');
  proto::Notify notify;
  notify.report.edit().id = make_task_id(1, 0, 9, 1);
  notify.report.edit().state = TaskState::success;
  std::size_t refused = 0;
  for (std::uint64_t i = 1; i <= 2 * limits::links_max; ++i) {
    const Now now = at(std::chrono::milliseconds(i));
    out.clear();
    role.on_cb_hello(LinkId{LinkId::inbound_bit | i}, hello, now, out);
    refused += count_of<proto::ErrorReport>(out);
    if (i % 1'000 != 0) continue;
    out.clear();
    notify.seq = i;
    role.on_notify(door, proto::Notify(notify), now, out);  // The first one is in use all the time.
    refused += count_of<proto::ErrorReport>(out);
  }
  CHECK(refused == 0);
}

SCENARIO("IPv6 forms that only look like the loopback are no place to call back", "[core][hostile]") {
  CHECK_FALSE(check_callback_address("tcp://[::ffff:127.0.0.1]:6000", true));
  for (const char* address :
       {"tcp://[::127.0.0.1]:6000", "tcp://[::7f00:1]:6000", "tcp://[64:ff9b::127.0.0.1]:6000"}) {
    CAPTURE(address);
    CHECK(check_callback_address(address, true));
    CHECK(check_callback_address(address, false));
  }
}

}  // namespace hostile_test
