// A listener and a worker that lie: whoever believes them a little loses nothing of what the others say.
#include "e2e/strangers.hpp"

namespace hostile_liars_test {

using namespace e2e;
using taskmesh::CallbackState;

namespace {

constexpr std::uint64_t last_number = ~std::uint64_t{0};

bool serves(Client& client, int number) { return client.submit_task(add(number, 1)).value() == number + 1; }

CallbackState callback_of(Client& client, TaskId id) { return client.get_task_result<int>(id).callback; }

/// The listener's half of the greeting.
void consent(Impostor& listener) {
  const auto hello = listener.hear<proto::CbHello>();
  REQUIRE(hello);
  proto::CbWelcome welcome;
  welcome.takes_cereal = 1;
  welcome.window_records = 0xFFFF'FFFF;
  welcome.window_bytes = last_number;
  welcome.nonce = hello->nonce;
  listener.say(welcome, "");
}

}  // namespace

SCENARIO("a listener that acknowledges what was never sent, twice, and refuses the rest holds nobody up",
         "[e2e][hostile]") {
  Mesh mesh(1);
  Client client;
  Collector honest;
  Impostor liar;
  const TaskId first = client.delay_with_callback(add(1, 1), {liar.address()});
  consent(liar);
  auto event = liar.hear<proto::Notify>();
  REQUIRE(event);
  CHECK(event->report->id == first);

  liar.say(proto::NotifyAck{{{event->seq + 1, last_number}, {event->seq + 1, last_number}}}, "");
  liar.say(proto::NotifyNack{event->seq + 7, last_number}, "");
  CHECK(serves(client, 1));
  CHECK(callback_of(client, first) == CallbackState::pending);
  liar.say(proto::NotifyAck{{{event->seq, event->seq}, {event->seq, event->seq}}}, "");
  liar.say(proto::NotifyAck{{{0, last_number}}}, "");
  CHECK(Mesh::eventually([&] { return callback_of(client, first) == CallbackState::delivered; }));

  const TaskId second = client.delay_with_callback(add(2, 2), {liar.address()});
  const TaskId told = client.delay_with_callback(add(3, 3), {honest.address()});
  for (int refusals = 0; refusals < 20; ++refusals) {
    event = liar.hear<proto::Notify>();
    REQUIRE(event);
    CHECK(event->report->id == second);  // What was acknowledged ahead of its time was not believed.
    liar.say(proto::NotifyNack{event->seq, 0}, "");
  }
  const auto events = honest.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].task_id == told);
  CHECK(callback_of(client, second) == CallbackState::pending);
  CHECK(serves(client, 2));
}

SCENARIO("a listener that talks rubbish after its consent is left alone, and the others are told",
         "[e2e][hostile]") {
  Mesh mesh(1);
  Client client;
  Collector honest;
  Impostor liar;
  client.delay_with_callback(add(1, 1), {liar.address()});
  consent(liar);
  REQUIRE(liar.hear<proto::Notify>());
  for (int i = 0; i < 50; ++i) {
    liar.say(proto::Welcome{}, "");
    liar.say(proto::Accepted{{{1, last_number}}, {}}, "");
    liar.say(proto::Notify{.seq = 1}, "");
    liar.say(proto::ErrorReport{.code = 3, .text = "no"}, "");
  }
  const TaskId told = client.delay_with_callback(add(3, 3), {honest.address()});
  const auto events = honest.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].task_id == told);
  CHECK(serves(client, 2));
  CHECK(mesh.workers()[0].running());
}

SCENARIO("a worker that answers for numbers and tasks it never got harms neither its client nor the others",
         "[e2e][hostile]") {
  Mesh mesh(1);
  Client good;
  REQUIRE(serves(good, 0));
  Impostor liar;
  // It knows the liar and the honest worker.
  Client client{{.seeds = {liar.address()}}};
  const auto hello = liar.hear<proto::Hello>();
  REQUIRE(hello);
  proto::Welcome welcome;
  welcome.window_records = 100;
  welcome.window_bytes = 1 << 20;
  welcome.payload_max = 1 << 20;
  welcome.load.slots = 1'000;
  welcome.self.node.bytes.fill(0x77);
  welcome.self.incarnation = 1;
  welcome.self.slots = 1'000;
  welcome.self.name = "liar";
  welcome.self.endpoints = {liar.address()};
  welcome.self.serves = {"lie"};
  liar.say(welcome, "default");

  const TaskId pending = client.delay(taskmesh::Task<int()>{"lie"}());
  const auto submit = liar.hear<proto::Submit>();
  REQUIRE(submit);
  CHECK(submit->id == pending);
  liar.say(proto::Accepted{{{submit->seq + 1, last_number}, {0, 0}}, {}}, "default");
  liar.say(proto::Busy{{{last_number - 1, last_number}}, last_number, 6, {}}, "default");
  liar.say(proto::Reject{submit->seq, taskmesh::make_task_id(1, 0, 1, 1), 11, {}}, "default");
  proto::Notify notify{.seq = 900};
  notify.report.edit().id = taskmesh::make_task_id(1, 0, 99, 1);  // Another client's, perhaps.
  notify.report.edit().state = TaskState::success;
  liar.say(notify, "default");
  liar.say(proto::Status{77, *notify.report}, "default");
  const taskmesh::NodeId honest = good.workers().at(0).id;
  liar.say(proto::Bye{honest, incarnation_of(mesh.host(), honest)}, "default");
  CHECK(serves(client, 1));
  CHECK(serves(good, 1));

  // What was asked is asked again, and an answer to it counts once.
  const auto again = liar.hear<proto::Submit>();
  REQUIRE(again);
  CHECK(again->id == pending);
  liar.say(proto::Accepted{{{again->seq, again->seq}, {again->seq, again->seq}}, {}}, "default");
  CHECK(client.accepted(pending).has_value());
  CHECK(serves(client, 2));
  CHECK(serves(good, 2));
}

}  // namespace hostile_liars_test
