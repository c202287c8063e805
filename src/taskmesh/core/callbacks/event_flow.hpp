// EventFlow: the events for one destination, from the moment they are known until somebody has acknowledged
// them.  Spec: proto/04-callbacks.md sections 5 and 6.
//
// One queue in order of age. Its first part is in flight: numbered by the connection from 1, limited by a
// window of records and bytes, repeated after event_ack_timeout with the same number. The rest waits. Each event has
// a time to live of its own; who expires next is found by a heap, in which what has ended stays until it is on top or
// makes up more than half.
// Cost: a send and an acknowledgement are O(1) each, a push and an expiry O(log n); nothing is allocated but the queue
// and the heap.
// Pure; one thread; time never decreases. The templates call back once per event, never re-entrantly.
#pragma once

#include <algorithm>
#include <cstdint>
#include <deque>
#include <set>
#include <utility>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/recycler.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class EventFlow {
 public:
  /// "No such timer".
  static constexpr TimePoint never = TimePoint::max();
  /// Numbers between the oldest unacknowledged event and the newest one sent: what one lost record may hold
  /// up.
  static constexpr std::size_t span_max = 65'536;

  /// What may be unacknowledged; at least one event always is, however large.
  void set_window(std::uint32_t records, std::uint64_t bytes) {
    window_records_ = std::max<std::uint32_t>(records, 1);
    window_bytes_ = bytes;
  }
  std::uint32_t window_records() const { return window_records_; }
  std::uint64_t window_bytes() const { return window_bytes_; }

  /// How one event is to be delivered.
  struct Terms {
    TimePoint expires = never;
    TimePoint since{};               ///< When it came.
    std::uint32_t deliveries = 0;    ///< Made before, by an earlier life of it.
    std::uint32_t attempts_max = 0;  ///< Further ones before it is given up; 0: no limit.
  };
  /// `bytes`: the largest payload that it may be sent with.
  void push(EndedPtr ended, std::size_t bytes, const Terms& terms);
  void push(EndedPtr ended, std::size_t bytes, TimePoint expires) {
    push(std::move(ended), bytes, Terms{.expires = expires});
  }

  /// Calls done(const Ended&) for each event that these numbers name and that is not acknowledged yet.
  /// Unknown numbers are ignored; the work is bounded by what is in flight, not by what the ranges claim.
  template <class Done>
  void acknowledge(const std::vector<proto::Range>& seqs, Done&& done);

  /// Not before `until` again; leaves its place in the window to others. False: not in flight.
  bool pause(std::uint64_t seq, TimePoint until);

  /// Calls emit(seq, delivery, const EndedPtr&) for what is due again and for what the window allows, and
  /// spent(EndedPtr, deliveries) for what would have to go once more and has had its attempts; that is forgotten.
  template <class Emit, class Spent>
  void send(TimePoint now, Emit&& emit, Spent&& spent);
  template <class Emit>
  void send(TimePoint now, Emit&& emit) {
    send(now, std::forward<Emit>(emit), [](const EndedPtr&, std::uint32_t) {});
  }

  /// Calls done(EndedPtr, deliveries) for each event whose time to live has passed, and forgets it.
  template <class Done>
  void expire(TimePoint now, Done&& done);

  /// One event as others may look at it.
  struct View {
    const Ended& ended;
    EventStage stage = EventStage::waiting;
    std::uint32_t deliveries = 0;
    TimePoint since{};
    TimePoint expires{};
  };
  /// Calls look(const View&) for the events from number `from` on, oldest first, until it says false or `budget` of
  /// them were looked at. The number to go on from, which names the same place however the queue moves; 0: the end.
  template <class Look>
  std::uint64_t visit(std::uint64_t from, std::size_t& budget, Look&& look) const;

  /// What was refused is due now.
  void hurry(TimePoint now);

  /// The connection is gone: what was in flight waits again, oldest first, and numbers start at 1.
  void rewind();

  /// True if an event in flight has waited event_ack_timeout for its acknowledgement.
  bool overdue(TimePoint now) { return next_timeout() <= now; }
  /// When send() will have something to repeat; never, if only an acknowledgement can change that.
  TimePoint next_repeat();
  TimePoint next_expiry();

  /// Events not acknowledged: in flight, paused and waiting.
  std::size_t size() const { return open_; }
  bool empty() const { return open_ == 0; }
  std::size_t in_flight() const { return in_flight_; }
  std::uint64_t in_flight_bytes() const { return in_flight_bytes_; }
  /// Places in the queue and entries of timers, what has ended included: for tests of their bounds.
  std::size_t entries() const { return items_.size() + expiries_.size(); }

 private:
  enum class State : std::uint8_t {
    waiting,  // Not sent on this connection.
    first,    // Sent once: its timer is found by the cursor fresh_seq_.
    again,    // Sent more than once: its timer is in late_.
    paused,   // Refused: in paused_, outside the window.
    done,
  };
  struct Item {
    EndedPtr ended;
    TimePoint expires{};
    TimePoint due{};          // first, again: repeat then; paused: send again then.
    std::uint32_t bytes = 0;  // done: so many from here on are done, so that repeated ranges are skipped.
    std::uint32_t delivery = 0;
    std::uint32_t delivery_max = 0;  // 0: no limit.
    State state = State::waiting;
    std::uint64_t number = 0;  // 1, 2, ... in the order of items_, never used again.
    TimePoint since{};
  };
  struct Timer {
    TimePoint due{};
    std::uint64_t seq = 0;
  };
  struct Expiry {
    TimePoint at{};
    std::uint64_t number = 0;
    bool operator>(const Expiry& other) const {
      return at != other.at ? at > other.at : number > other.number;
    }
  };

  Item& at(std::uint64_t seq) { return items_[static_cast<std::size_t>(seq - base_seq_)]; }
  static bool is_spent(const Item& item) {
    return item.delivery_max != 0 && item.delivery >= item.delivery_max;
  }
  bool sent(std::uint64_t seq) const { return seq >= base_seq_ && seq - base_seq_ < sent_; }
  bool room_for(const Item& item) const {
    if (in_flight_ >= window_records_) return false;
    return in_flight_ == 0 || in_flight_bytes_ + item.bytes <= window_bytes_;
  }
  void enter_window(const Item& item) {
    ++in_flight_;
    in_flight_bytes_ += item.bytes;
  }
  void leave_window(const Item& item) {
    --in_flight_;
    in_flight_bytes_ -= item.bytes;
  }
  EndedPtr finish(std::uint64_t seq);
  EndedPtr finish_at(std::size_t index);
  // The place of the event with this number if it is not done; else the end.
  std::size_t find(std::uint64_t number) const;
  void pop_expiry();
  void drop_done();
  TimePoint next_timeout();
  // Marks one more delivery of an event that was sent before.
  Item& repeat(std::uint64_t seq, TimePoint now);

  // By age; the first sent_ of them have the numbers base_seq_, +1, ...
  std::deque<Item, RecyclingAllocator<Item>> items_;
  std::size_t sent_ = 0;
  std::uint64_t base_seq_ = 1;
  std::uint64_t fresh_seq_ = 1;  // No item before it is in State::first.
  std::deque<Timer> late_;       // By due; entries that no longer hold are dropped when they reach the front.
  std::set<std::pair<TimePoint, std::uint64_t>> paused_;
  std::vector<Expiry> expiries_;  // A heap, the soonest in front; entries of what is done hold no more.
  std::size_t gaps_ = 0;          // Done before they were sent, behind the first sent_.
  std::uint64_t next_number_ = 1;
  std::size_t open_ = 0;
  std::size_t in_flight_ = 0;
  std::uint64_t in_flight_bytes_ = 0;
  std::uint32_t window_records_ = 1;
  std::uint64_t window_bytes_ = 0;
};

template <class Done>
void EventFlow::acknowledge(const std::vector<proto::Range>& seqs, Done&& done) {
  // Honest ranges do not overlap, so together they name at most what is in flight.
  std::size_t budget = sent_;
  for (const proto::Range& range : seqs) {
    if (budget == 0) break;
    const std::uint64_t first = std::max(range.first, base_seq_);
    const std::uint64_t last = std::min(range.last, base_seq_ + sent_ - 1);
    std::uint64_t seq = first;
    for (; seq <= last && budget > 0; --budget) {
      if (at(seq).state != State::done) done(*finish(seq));
      seq += at(seq).bytes;
    }
    if (seq > first) at(first).bytes = static_cast<std::uint32_t>(seq - first);
  }
  drop_done();
}

template <class Emit, class Spent>
void EventFlow::send(TimePoint now, Emit&& emit, Spent&& spent) {
  const auto say = [&](std::uint64_t seq, const Item& item) { emit(seq, item.delivery, item.ended); };
  const auto give_up = [&](std::uint64_t seq) {
    const std::uint32_t deliveries = at(seq).delivery;
    spent(finish(seq), deliveries);
  };
  while (next_timeout() <= now) {
    const bool is_fresh = this->sent(fresh_seq_) && at(fresh_seq_).due <= now;
    const std::uint64_t seq = is_fresh ? fresh_seq_ : late_.front().seq;
    if (!is_fresh) late_.pop_front();
    if (is_spent(at(seq))) {
      give_up(seq);
    } else {
      say(seq, repeat(seq, now));
    }
  }
  while (!paused_.empty() && paused_.begin()->first <= now) {
    const std::uint64_t seq = paused_.begin()->second;
    if (is_spent(at(seq))) {
      give_up(seq);
      continue;
    }
    if (!room_for(at(seq))) break;
    paused_.erase(paused_.begin());
    enter_window(at(seq));
    say(seq, repeat(seq, now));
  }
  while (sent_ < items_.size() && sent_ < span_max) {
    Item& item = items_[sent_];
    if (item.state == State::done) {  // It expired while it waited: its number stays unsaid.
      ++sent_;
      --gaps_;
      continue;
    }
    const bool is_over = is_spent(item);  // It was sent on connections before: as above.
    if (!is_over && !room_for(item)) break;
    item.state = State::first;
    enter_window(item);
    const std::uint64_t seq = base_seq_ + sent_++;
    if (is_over) {
      give_up(seq);
      continue;
    }
    item.due = now + limits::event_ack_timeout;
    ++item.delivery;
    say(seq, item);
  }
  drop_done();
}

template <class Done>
void EventFlow::expire(TimePoint now, Done&& done) {
  while (next_expiry() <= now) {
    const std::size_t index = find(expiries_.front().number);
    pop_expiry();
    const std::uint32_t deliveries = items_[index].delivery;
    done(finish_at(index), deliveries);
    drop_done();
  }
}

template <class Look>
std::uint64_t EventFlow::visit(std::uint64_t from, std::size_t& budget, Look&& look) const {
  const auto by_number = [](const Item& item, std::uint64_t number) { return item.number < number; };
  for (auto at = std::lower_bound(items_.begin(), items_.end(), from, by_number); at != items_.end(); ++at) {
    if (budget == 0) return at->number;
    --budget;
    if (at->state == State::done) continue;
    EventStage stage = EventStage::in_flight;
    if (at->state == State::waiting) stage = EventStage::waiting;
    if (at->state == State::paused) stage = EventStage::refused;
    if (!look(View{*at->ended, stage, at->delivery, at->since, at->expires})) return at->number;
  }
  return 0;
}

}  // namespace taskmesh::core
