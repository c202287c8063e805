// What the executor tests share: one worker's role with a real outbox, driven by hand in turns and virtual time.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "core/effects_support.hpp"
#include "taskmesh/core/events/event_tap.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"

namespace taskmesh::core::executor_test {

inline TaskId id(std::uint32_t counter) { return make_task_id(1'000, 0, 7, counter); }

using test::records;

inline std::vector<std::uint32_t> started(const Effects& out) {
  std::vector<std::uint32_t> counters;
  counters.reserve(out.run.size());
  for (const Run& run : out.run) counters.push_back(counter_of(run.id));
  return counters;
}

using Ranges = std::vector<proto::Range>;

/// What ACCEPTED said on that link in this turn.
inline Ranges accepted(const Effects& out, LinkId link) {
  const auto all = records<proto::Accepted>(out, link);
  REQUIRE(all.size() <= 1);
  return all.empty() ? Ranges{} : all.front().seqs;
}

class Desk {
 public:
  static constexpr LinkId a{LinkId::inbound_bit | 1};
  static constexpr LinkId b{LinkId::inbound_bit | 2};

  explicit Desk(NodeConfig given)
      : config(std::move(given)),
        outbox(config, counters, next_link),
        tap(config, counters),
        role(config, counters, outbox, tap) {
    for (const LinkId link : {a, b}) outbox.open_link(link, 1'000, 1 << 20);
  }
  Desk() : Desk(plain()) {}

  static NodeConfig plain(std::uint32_t slots = 1) {
    NodeConfig config;
    config.kind = NodeKind::worker;
    config.self.node.bytes[0] = 9;
    config.self.name = "w1";
    config.self.slots = slots;
    config.unpacked_max = 1;  // Who waits behind another one is packed, in all stories.
    config.self.serves = {"add", "echo", "sleep", "a name that is too long to live inside a string"};
    return config;
  }

  /// A SUBMIT as a well-behaved client makes it; the test changes what it is about.
  proto::Submit submit(std::uint32_t counter) {
    proto::Submit made{.seq = ++seq, .id = id(counter), .codec = Codec::cereal, .name = "add"};
    made.args = Bytes::copy_of("args");
    return made;
  }
  proto::Submit waiting(std::uint32_t counter) {
    proto::Submit made = submit(counter);
    made.flags = proto::Submit::wait_flag;
    return made;
  }

  void say(proto::Submit submit, LinkId link = a) { role.on_submit(link, std::move(submit), now, out); }
  /// The rest of the turn, in the order in which a node does it. Returns what the turn came to.
  Effects turn() {
    role.on_turn_end(load(), now, out);
    outbox.on_turn_end(load(), now, out);
    tap.on_turn_end(now, out);
    return std::exchange(out, {});
  }
  Effects turn_with(proto::Submit submit, LinkId link = a) {
    say(std::move(submit), link);
    return turn();
  }
  void pass(Duration time) {
    now.at += time;
    now.wall.unix_us += std::chrono::duration_cast<std::chrono::microseconds>(time).count();
    role.on_tick(now, out);
    tap.on_tick(now, out);
  }
  Effects turn_after(Duration time) {
    pass(time);
    return turn();
  }
  void finish(std::uint32_t counter, Duration elapsed = 1s, std::uint32_t attempt = 1) {
    Finished finished{
        .id = id(counter), .attempt = attempt, .result = {Codec::cereal, Bytes::copy_of("sum")}};
    finished.started_at = {now.wall.unix_us - 10};
    finished.completed_at = {now.wall.unix_us - 5};
    finished.elapsed = elapsed;
    role.on_finished(std::move(finished), now, out);
  }
  /// An attempt ends with an error.
  void fail(std::uint32_t counter, std::uint32_t attempt = 1, ErrorKind kind = ErrorKind::failed) {
    Finished finished{.id = id(counter), .attempt = attempt};
    finished.error = Error{.kind = kind, .what = "it failed", .why = "on purpose"};
    finished.started_at = {now.wall.unix_us - 10};
    finished.completed_at = {now.wall.unix_us - 5};
    role.on_finished(std::move(finished), now, out);
  }
  /// What CANCEL is answered with; what else comes of it is in `out`.
  proto::TaskReport cancel(std::uint32_t counter, LinkId link = a) {
    Effects answer;
    role.on_cancel(link, {.request = 78, .ids = {id(counter)}}, now, answer);
    const auto told = records<proto::Status>(answer, link);
    REQUIRE(told.size() == 1);
    CHECK(told.front().request == 78);
    CHECK(told.front().report.result.size() == 0);
    for (const Stop& stop : answer.stop) out.stop.push_back(stop);
    return told.front().report;
  }
  proto::TaskReport ask(std::uint32_t counter, Codec codec = Codec::cereal, std::uint8_t flags = 0,
                        LinkId link = a) {
    Effects answer;
    role.on_query(link, {.request = 77, .flags = flags, .reply_codec = codec, .ids = {id(counter)}}, now,
                  answer);
    const auto told = records<proto::Status>(answer, link);
    REQUIRE(told.size() == 1);
    CHECK(told.front().request == 77);
    CHECK(told.front().report.id == id(counter));
    return told.front().report;
  }
  proto::Load load() const {
    return {.queued = role.queued(),
            .running = role.running(),
            .slots = config.self.slots,
            .stuck = role.stuck(),
            .scheduled = role.scheduled()};
  }

  NodeConfig config;
  NodeCounters counters;
  std::uint64_t next_link = 1;
  CallbackOutbox outbox;
  EventTap tap;
  ExecutorRole role;
  Now now{TimePoint{} + 1h, WallTime{1'000'000'000}};
  Effects out;
  std::uint64_t seq = 0;
};

}  // namespace taskmesh::core::executor_test
