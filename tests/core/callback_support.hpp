// What the callback tests share: ends of tasks, and an outbox whose turns and time a test drives by hand.
// In a namespace of their own: one binary holds the helpers of all core tests.
#pragma once

#include <algorithm>
#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/effects_support.hpp"
#include "taskmesh/core/callbacks/callback_outbox.hpp"

namespace taskmesh::core::callback_test {

inline TaskId task_id(std::uint32_t number) { return make_task_id(1'000, 0, 7, number); }

inline std::shared_ptr<Ended> make_end(std::uint32_t number, std::string address = {}) {
  auto ended = std::make_shared<Ended>();
  ended->report.id = task_id(number);
  ended->report.state = TaskState::success;
  ended->report.name = "add";
  ended->report.codec = Codec::cereal;
  ended->report.result = Bytes::copy_of("\x08");
  ended->callback_address = std::move(address);
  return ended;
}

/// The records of one kind that a turn sent, in order.
template <class Record>
std::vector<Record> sent(const Effects& out, LinkId link = {}) {
  return test::records<Record>(out, link);
}

inline std::vector<std::uint32_t> task_numbers(const std::vector<proto::Notify>& events) {
  std::vector<std::uint32_t> numbers;
  numbers.reserve(events.size());
  for (const proto::Notify& event : events) numbers.push_back(counter_of(event.report->id));
  return numbers;
}

inline std::vector<std::uint64_t> seqs(const std::vector<proto::Notify>& events) {
  std::vector<std::uint64_t> numbers;
  numbers.reserve(events.size());
  for (const proto::Notify& event : events) numbers.push_back(event.seq);
  return numbers;
}

inline std::vector<std::string> notes(const Effects& out) {
  std::vector<std::string> texts;
  for (const Notice& notice : out.notify) {
    if (const auto* noted = std::get_if<Noted>(&notice)) texts.push_back(noted->text);
  }
  return texts;
}

/// from, from + 1, ... to.
template <class T>
std::vector<T> counting(T from, T to) {
  std::vector<T> numbers;
  for (T number = from; number <= to; ++number) numbers.push_back(number);
  return numbers;
}

class Desk {
 public:
  static NodeConfig worker_config() {
    NodeConfig config;
    config.kind = NodeKind::worker;
    config.self.name = "w1";
    config.self.node = NodeId{{1, 2, 3}};
    config.self.incarnation = 42;
    config.seed = 5;
    return config;
  }

  explicit Desk(NodeConfig config = worker_config()) : outbox(config, counters, next_link) {}

  Now now() const { return {TimePoint{} + elapsed, {}}; }

  /// One turn: `what`, then its end. The effects last until the next turn.
  template <class What>
  const Effects& turn(What&& what) {
    out.clear();
    what();
    outbox.on_turn_end(load, now(), out);
    return out;
  }
  const Effects& turn_end() {
    return turn([] {});
  }
  /// Time passes; one step at its end.
  const Effects& after(Duration pause) {
    elapsed += pause;
    return turn([&] { outbox.on_tick(now(), out); });
  }
  /// Sleeps as the reactor does, until the next timer; the time slept.
  Duration sleep_until_woken() {
    REQUIRE(out.wake_at.has_value());
    const Duration before = elapsed;
    elapsed = std::max(elapsed, out.wake_at->time_since_epoch());
    after(0s);
    return elapsed - before;
  }

  /// Follows the outbox's own timers for `span`; everything that came out meanwhile.
  Effects pass(Duration span) {
    Effects all;
    const Duration until = elapsed + span;
    do {
      const Duration next = out.wake_at ? out.wake_at->time_since_epoch() : until;
      after(std::clamp(next, elapsed, until) - elapsed);
      all.dial.insert(all.dial.end(), out.dial.begin(), out.dial.end());
      all.send.insert(all.send.end(), out.send.begin(), out.send.end());
      all.close.insert(all.close.end(), out.close.begin(), out.close.end());
      all.notify.insert(all.notify.end(), out.notify.begin(), out.notify.end());
      REQUIRE((!out.wake_at || *out.wake_at > now().at));  // No timer may ring for ever.
    } while (elapsed < until);
    return all;
  }

  const Effects& tell(std::uint32_t number, const std::string& address) {
    return turn([&] {
      outbox.reserve(address);
      outbox.to_address(make_end(number, address), now());
    });
  }
  const Effects& tell(std::uint32_t from, std::uint32_t to, const std::string& address) {
    return turn([&] {
      for (std::uint32_t number = from; number <= to; ++number) {
        outbox.reserve(address);
        outbox.to_address(make_end(number, address), now());
      }
    });
  }
  const Effects& tell_link(std::uint32_t from, std::uint32_t to, LinkId link) {
    return turn([&] {
      for (std::uint32_t number = from; number <= to; ++number) outbox.to_link(link, make_end(number), now());
    });
  }
  /// The same, for a task with terms of its own.
  const Effects& tell(std::uint32_t number, const std::string& address, const proto::Terms& terms) {
    return turn([&] {
      const auto ended = make_end(number, address);
      set_callback_terms(*ended, terms);
      outbox.reserve(address);
      outbox.to_address(ended, now());
    });
  }
  /// The link that the last turn dialled.
  LinkId dialled() const {
    REQUIRE(out.dial.size() == 1);
    return out.dial.front().link;
  }
  const Effects& link_up(LinkId link) {
    const Effects& effects = turn([&] { outbox.on_link_up(link, now(), out); });
    const auto hellos = sent<proto::CbHello>(effects, link);
    REQUIRE(hellos.size() == 1);
    nonce = hellos.front().nonce;
    return effects;
  }
  const Effects& link_down(LinkId link) {
    return turn([&] { outbox.on_link_down(link, now(), out); });
  }
  static proto::CbWelcome welcome_with(std::string nonce_given) {
    proto::CbWelcome welcome;
    welcome.takes_cereal = 1;
    welcome.window_records = limits::events_window;
    welcome.window_bytes = limits::events_window_bytes;
    welcome.nonce = std::move(nonce_given);
    return welcome;
  }
  const Effects& welcome(LinkId link) { return welcome(link, welcome_with(nonce)); }
  const Effects& welcome(LinkId link, const proto::CbWelcome& said) {
    return turn([&] { outbox.on_cb_welcome(link, said, now(), out); });
  }
  /// Tells event 1, connects and greets; event 1 is on its way.
  LinkId greeted(const std::string& address) {
    tell(1, address);
    const LinkId link = dialled();
    link_up(link);
    welcome(link);
    return link;
  }
  const Effects& ack(LinkId link, std::uint64_t first, std::uint64_t last) {
    return ack(link, std::vector<proto::Range>{{first, last}});
  }
  const Effects& ack(LinkId link, std::vector<proto::Range> ranges) {
    return turn([&] { outbox.on_ack(link, proto::NotifyAck{std::move(ranges)}, now(), out); });
  }
  const Effects& nack(LinkId link, std::uint64_t seq, std::uint64_t retry_after_ms) {
    return turn([&] { outbox.on_nack(link, proto::NotifyNack{seq, retry_after_ms}, now(), out); });
  }
  const Effects& bad_answer(LinkId link) {
    return turn([&] { outbox.on_bad_answer(link, now(), out); });
  }

  NodeCounters counters;
  std::uint64_t next_link = 1;
  CallbackOutbox outbox;
  proto::Load load{.queued = 3, .running = 2, .slots = 4};
  Duration elapsed = 0s;
  std::string nonce;  ///< Of the last CB_HELLO.
  Effects out;
};

}  // namespace taskmesh::core::callback_test
