// Worker 1 among others, with a client: records made by hand, time passed by hand.
#pragma once

#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "core/effects_support.hpp"
#include "taskmesh/core/node.hpp"

namespace taskmesh::core::copies_test {

inline constexpr LinkId client{LinkId::inbound_bit | 1};

inline NodeId node_id(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

/// The link that worker `number` dialled.
inline LinkId from(std::uint8_t number) { return {LinkId::inbound_bit | number}; }

inline proto::Member worker(std::uint8_t number) {
  proto::Member self;
  self.node = node_id(number);
  self.incarnation = 1;
  self.slots = 1;
  self.name = "w" + std::to_string(number);
  self.endpoints = {"tcp://127.0.0.1:2480" + std::to_string(number)};
  self.serves = {"add"};
  return self;
}

inline TaskId task(std::uint32_t number, std::uint16_t flags = 0) {
  return make_task_id(1'700'000'000'000, flags, 9, number);
}

struct Bench {
  explicit Bench(int others = 1, Rules rules = {}, std::uint32_t slots = 1) : node(config(slots), rules) {
    greet(client, proto::Role::client, {.node = node_id(99), .incarnation = 1, .name = "c"});
    for (int i = 2; i < 2 + others; ++i) meet(static_cast<std::uint8_t>(i));
  }
  static NodeConfig config(std::uint32_t slots) {
    NodeConfig config;
    config.kind = NodeKind::worker;
    config.token = std::string(32, 't');
    config.self = worker(1);
    config.self.slots = slots;
    config.steals = true;
    return config;
  }
  /// What comes in, in one turn.
  template <class... Inputs>
  void turn(Inputs... inputs) {
    out.clear();
    (node.step(std::move(inputs), now(), out), ...);
    node.turn_end(now(), out);
    for (const Run& run : out.run) runs.push_back(run);
  }
  void say(LinkId link, proto::Message message) { turn(Received{link, std::move(message)}); }
  /// The others live meanwhile.
  void pass(Duration span) {
    for (; span > Duration::zero(); span -= 1s) {
      for (std::uint8_t i = 2; i < links.size(); ++i) {
        if (links[i]) say(links[i], proto::Heartbeat{.node = node_id(i), .incarnation = 1, .load = loads[i]});
      }
      at += std::min(span, Duration{1s});
      turn(Tick{});
    }
  }
  void greet(LinkId link, proto::Role role, proto::Member self) {
    proto::Hello hello;
    hello.role = role;
    hello.window_records = 100;
    hello.window_bytes = 100'000;
    hello.payload_max = limits::payload_bytes;
    hello.token = std::string(32, 't');
    hello.self = std::move(self);
    say(link, std::move(hello));
  }
  void meet(std::uint8_t number) {
    turn(Found{node_id(number), 1, worker(number).endpoints});
    links[number] = out.dial.at(0).link;
    turn(LinkUp{links[number]});
    turn(welcomed_by(number));
    greet(from(number), proto::Role::worker, worker(number));
  }
  Received welcomed_by(std::uint8_t number) const {
    proto::Welcome welcome;
    welcome.window_records = 100;
    welcome.window_bytes = 100'000;
    welcome.payload_max = limits::payload_bytes;
    welcome.self = worker(number);
    return {links[number], std::move(welcome)};
  }
  /// As this node owns it now.
  proto::Claim claim(const TaskId& id) { return {id, node.owner()->epoch_of(id)}; }
  void dies(std::uint8_t number) {
    turn(Gone{node_id(number), 1});
    turn(LinkDown{links[number]});
    links[number] = {};
  }
  void drains(std::uint8_t number) {
    loads[number].flags = proto::Load::draining_flag;
    say(links[number], proto::Heartbeat{.node = node_id(number), .incarnation = 1, .load = loads[number]});
  }
  void submit(std::uint32_t number, std::uint16_t flags = 0, proto::Terms terms = {}) {
    turn(submitted(number, flags, std::move(terms)));
  }
  static Received submitted(std::uint32_t number, std::uint16_t flags = 0, proto::Terms terms = {}) {
    proto::Submit record{
        .seq = number, .id = task(number, flags), .flags = proto::Submit::wait_flag, .name = "add"};
    if (terms != proto::Terms{}) record.terms = std::move(terms);
    return {client, std::move(record)};
  }
  void finish(const Run& run, bool well = true) {
    Finished finished{.id = run.id, .attempt = run.attempt, .started_at = {1}, .completed_at = {2}};
    finished.result = {Codec::opaque, Bytes::copy_of("5")};
    if (!well) finished.error = Error{ErrorKind::unavailable, "no", "not today", "tomorrow"};
    turn(std::move(finished));
  }
  template <class Record>
  std::vector<Record> sent(LinkId link) const {
    return test::records<Record>(out, link);
  }
  /// To whom the task was offered in this turn; 0: to nobody.
  std::uint8_t offered(const TaskId& id) const {
    for (std::uint8_t i = 2; i < links.size(); ++i) {
      for (const auto& repl : links[i] ? sent<proto::Repl>(links[i]) : std::vector<proto::Repl>{}) {
        if (repl.id == id && (repl.flags & proto::Repl::given_flag) != 0) return i;
      }
    }
    return 0;
  }
  TaskState state(const TaskId& id) {
    say(client, proto::Query{.request = 7, .ids = {id}});
    return sent<proto::Status>(client).at(0).report.state;
  }
  Now now() const { return {TimePoint{} + at, WallTime{1'000'000}}; }

  Duration at = 100s;
  Effects out;
  std::vector<Run> runs;  ///< All that were ever handed over.
  std::array<LinkId, 8> links{};
  std::array<proto::Load, 8> loads{};
  Node node;
};

}  // namespace taskmesh::core::copies_test
