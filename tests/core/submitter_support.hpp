// What the submitter tests share: a client with its membership, whose turns, peers and time a test drives.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/effects_support.hpp"
#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core::test {

/// One worker as the test plays it.
struct FakeWorker {
  proto::Member member;
  LinkId link;
};

class ClientBench {
 public:
  static constexpr std::uint32_t instance = 77;

  explicit ClientBench(std::size_t in_flight_max = limits::in_flight_max, Rules rules = {})
      : config{make_config(in_flight_max)},
        membership{config, counters, next_link_, [] { return proto::Load{}; }},
        role{config, counters, membership, rules} {}

  static TaskId id(std::uint32_t number) { return make_task_id(1'000, 0, instance, number); }
  Now now() const { return {TimePoint{} + at_, WallTime{1'000'000 + at_.count() / 1'000}}; }

  /// Time passes; timers that are due fire; the effects are those of that turn alone.
  void pass(Duration span) {
    at_ += span;
    out.clear();
    membership.on_tick(now(), out);
    deliver();
    role.on_tick(now(), out);
    end_turn();
  }
  /// Ends the turn of what the test has just put in.
  void end_turn() {
    deliver();
    role.on_turn_end(now(), out);
  }
  /// One turn with one input.
  template <class Input>
  void turn(Input input) {
    out.clear();
    input();
    end_turn();
  }

  /// A worker is found, connects and greets, all in one turn.
  FakeWorker join(std::uint8_t number, std::vector<std::string> serves = {"add"},
                  std::uint32_t window = 16'384, std::uint64_t window_bytes = limits::window_bytes) {
    FakeWorker worker;
    turn([&] {
      worker = find(number, std::move(serves));
      greet(worker, window, window_bytes);
    });
    return worker;
  }
  /// A worker is found and dialled, and does not answer yet; no turn of its own.
  FakeWorker find(std::uint8_t number, std::vector<std::string> serves = {"add"}) {
    FakeWorker worker;
    worker.member.node.bytes[15] = number;
    worker.member.incarnation = 1'000U + number;
    worker.member.slots = 4;
    worker.member.name = "w" + std::to_string(number);
    worker.member.endpoints = {"tcp://127.0.0.1:248" + std::to_string(10 + number)};
    worker.member.serves = std::move(serves);
    membership.on_found({worker.member.node, worker.member.incarnation, worker.member.endpoints}, now(), out);
    REQUIRE(out.dial.size() == 1);
    worker.link = out.dial.front().link;
    return worker;
  }
  /// The connection of a known worker is (again) up and greeted; no turn of its own.
  void greet(const FakeWorker& worker, std::uint32_t window = 16'384,
             std::uint64_t window_bytes = limits::window_bytes) {
    membership.on_link_up(worker.link, now(), out);
    proto::Welcome welcome;
    welcome.window_records = window;
    welcome.window_bytes = window_bytes;
    welcome.payload_max = limits::payload_bytes;
    welcome.load.slots = 4;
    welcome.self = worker.member;
    membership.on_welcome(worker.link, welcome, now(), out);
    role.on_welcome_load(worker.link, welcome.load, now());
    deliver();
  }
  void cut(const FakeWorker& worker) {
    turn([&] { membership.on_link_down(worker.link, now(), out); });
  }
  void kill(const FakeWorker& worker) {
    turn([&] {
      membership.on_gone({worker.member.node, worker.member.incarnation}, now(), out);
      membership.on_link_down(worker.link, now(), out);  // Its connection ends with it.
    });
  }
  void bye(const FakeWorker& worker) {
    turn([&] {
      membership.on_bye(worker.link, {worker.member.node, worker.member.incarnation}, now(), out);
    });
  }
  void heard(const FakeWorker& worker) { membership.on_heard(worker.link, now(), out); }

  SubmitTask task(std::uint32_t number, Token token = 0, std::string name = "add") const {
    SubmitTask submit;
    submit.id = id(number);
    submit.name = std::move(name);
    submit.args = {Codec::cereal, Bytes::copy_of("1234")};
    submit.wait = token != 0;
    submit.token = token;
    return submit;
  }
  void submit(SubmitTask wish) {
    turn([&] { role.on_submit(std::move(wish), now(), out); });
  }
  void accept(const FakeWorker& worker, std::uint64_t first, std::uint64_t last = 0) {
    proto::Accepted accepted{{{first, last == 0 ? first : last}}, load()};
    turn([&] {
      heard(worker);
      role.on_accepted(worker.link, accepted, now(), out);
    });
  }
  void busy(const FakeWorker& worker, std::uint64_t seq, std::uint64_t retry_after_ms = 0) {
    proto::Busy busy{{{seq, seq}}, retry_after_ms, static_cast<std::uint16_t>(proto::Code::busy), load()};
    turn([&] {
      heard(worker);
      role.on_busy(worker.link, busy, now(), out);
    });
  }
  void notify(const FakeWorker& worker, std::uint64_t seq, std::uint32_t number,
              TaskState state = TaskState::success) {
    proto::Notify event;
    event.seq = seq;
    event.load = load();
    event.report = report(worker, number, state);
    turn([&] {
      heard(worker);
      role.on_notify(worker.link, std::move(event), now(), out);
    });
  }
  void status(const FakeWorker& worker, std::uint64_t request, std::uint32_t number, TaskState state) {
    proto::Status status{request, report(worker, number, state)};
    turn([&] {
      heard(worker);
      role.on_status(worker.link, std::move(status), now(), out);
    });
  }

  template <class Record>
  std::vector<Record> sent(const FakeWorker& worker) const {
    return test::records<Record>(out, worker.link);
  }
  template <class Kind>
  std::vector<Kind> told() const {
    std::vector<Kind> all;
    for (const Notice& notice : out.notify) {
      if (const auto* kind = std::get_if<Kind>(&notice)) all.push_back(*kind);
    }
    return all;
  }
  Duration wakes_in() const { return out.wake_at ? *out.wake_at - now().at : Duration::max(); }

 private:
  std::uint64_t next_link_ = 1;
  Duration at_ = 100s;

 public:
  NodeConfig config;
  NodeCounters counters;
  Membership membership;
  SubmitterRole role;
  Effects out;

 private:
  static NodeConfig make_config(std::size_t in_flight_max) {
    NodeConfig made;
    made.self.node.bytes[0] = 9;
    made.client_instance = instance;
    made.in_flight_max = in_flight_max;
    return made;
  }
  static proto::Load load() { return {.slots = 4, .clients = 1}; }
  static proto::TaskReport report(const FakeWorker& worker, std::uint32_t number, TaskState state) {
    proto::TaskReport told;
    told.id = id(number);
    told.state = state;
    told.worker = worker.member.node;
    return told;
  }
  void deliver() {
    for (const PeerChange& change : membership.take_changes()) role.on_peer_change(change, now(), out);
  }
};

}  // namespace taskmesh::core::test
