#include "taskmesh/core/callbacks/event_flow.hpp"

#include <functional>
#include <limits>

namespace taskmesh::core {

namespace {

constexpr std::size_t slack = 64;  // Below this, what has ended is not worth a sweep.

}  // namespace

void EventFlow::push(EndedPtr ended, std::size_t bytes, const Terms& terms) {
  constexpr std::size_t bytes_max = std::numeric_limits<std::uint32_t>::max();
  Item& item = items_.emplace_back();
  item.ended = std::move(ended);
  item.bytes = static_cast<std::uint32_t>(std::min(bytes, bytes_max));
  item.expires = terms.expires;
  item.since = terms.since;
  item.delivery = terms.deliveries;
  item.delivery_max = terms.attempts_max == 0 ? 0 : terms.deliveries + terms.attempts_max;
  item.number = next_number_++;
  ++open_;
  if (item.expires == never) return;
  expiries_.push_back({item.expires, item.number});
  std::push_heap(expiries_.begin(), expiries_.end(), std::greater<>{});
}

EndedPtr EventFlow::finish(std::uint64_t seq) {
  Item& item = at(seq);
  if (item.state == State::paused) {
    paused_.erase({item.due, seq});
  } else {
    leave_window(item);
  }
  item.state = State::done;
  item.bytes = 1;
  --open_;
  return std::move(item.ended);
}

EndedPtr EventFlow::finish_at(std::size_t index) {
  if (index < sent_) return finish(base_seq_ + index);
  Item& item = items_[index];
  item.state = State::done;
  item.bytes = 1;
  ++gaps_;
  --open_;
  return std::move(item.ended);
}

void EventFlow::drop_done() {
  while (!items_.empty() && items_.front().state == State::done) {
    items_.pop_front();
    if (sent_ > 0) {
      ++base_seq_;
      --sent_;
    } else {
      --gaps_;
    }
  }
  fresh_seq_ = std::max(fresh_seq_, base_seq_);
  if (gaps_ <= open_ + slack) return;
  const auto is_done = [](const Item& item) { return item.state == State::done; };
  const auto waiting = items_.begin() + static_cast<std::ptrdiff_t>(sent_);
  items_.erase(std::remove_if(waiting, items_.end(), is_done), items_.end());
  gaps_ = 0;
}

std::size_t EventFlow::find(std::uint64_t number) const {
  const auto before = [](const Item& item, std::uint64_t wanted) { return item.number < wanted; };
  const auto found = std::lower_bound(items_.begin(), items_.end(), number, before);
  const bool is_open = found != items_.end() && found->number == number && found->state != State::done;
  return is_open ? static_cast<std::size_t>(found - items_.begin()) : items_.size();
}

void EventFlow::pop_expiry() {
  std::pop_heap(expiries_.begin(), expiries_.end(), std::greater<>{});
  expiries_.pop_back();
}

TimePoint EventFlow::next_expiry() {
  const auto is_over = [this](const Expiry& expiry) { return find(expiry.number) == items_.size(); };
  if (expiries_.size() > 2 * open_ + slack) {
    std::erase_if(expiries_, is_over);
    std::make_heap(expiries_.begin(), expiries_.end(), std::greater<>{});
  }
  while (!expiries_.empty() && is_over(expiries_.front())) pop_expiry();
  return expiries_.empty() ? never : expiries_.front().at;
}

bool EventFlow::pause(std::uint64_t seq, TimePoint until) {
  if (!sent(seq)) return false;
  Item& item = at(seq);
  if (item.state != State::first && item.state != State::again) return false;
  leave_window(item);
  item.state = State::paused;
  item.due = until;
  paused_.emplace(until, seq);
  return true;
}

void EventFlow::hurry(TimePoint now) {
  std::set<std::pair<TimePoint, std::uint64_t>> due;
  for (const auto& [until, seq] : paused_) {
    at(seq).due = std::min(until, now);
    due.emplace(at(seq).due, seq);
  }
  paused_ = std::move(due);
}

EventFlow::Item& EventFlow::repeat(std::uint64_t seq, TimePoint now) {
  Item& item = at(seq);
  item.state = State::again;
  item.due = now + limits::event_ack_timeout;
  ++item.delivery;
  late_.push_back({item.due, seq});
  return item;
}

TimePoint EventFlow::next_timeout() {
  while (sent(fresh_seq_) && at(fresh_seq_).state != State::first) ++fresh_seq_;
  const auto holds = [this](const Timer& timer) {
    return sent(timer.seq) && at(timer.seq).state == State::again && at(timer.seq).due == timer.due;
  };
  while (!late_.empty() && !holds(late_.front())) late_.pop_front();
  const TimePoint fresh = sent(fresh_seq_) ? at(fresh_seq_).due : never;
  return late_.empty() ? fresh : std::min(fresh, late_.front().due);
}

TimePoint EventFlow::next_repeat() {
  TimePoint next = next_timeout();
  if (!paused_.empty() && room_for(at(paused_.begin()->second)))
    next = std::min(next, paused_.begin()->first);
  return next;
}

void EventFlow::rewind() {
  std::erase_if(items_, [](const Item& item) { return item.state == State::done; });
  for (Item& item : items_) {
    if (item.state == State::waiting) break;
    item.state = State::waiting;
  }
  sent_ = 0;
  gaps_ = 0;
  base_seq_ = 1;
  fresh_seq_ = 1;
  late_.clear();
  paused_.clear();
  in_flight_ = 0;
  in_flight_bytes_ = 0;
}

}  // namespace taskmesh::core
