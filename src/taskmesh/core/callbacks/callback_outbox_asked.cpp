// CallbackOutbox: what was given up, and what people see and do about undelivered events.
#include <algorithm>
#include <limits>
#include <utility>

#include "taskmesh/core/callbacks/callback_outbox.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

/// In the cursor of a list: the events that were given up, behind all listeners.
constexpr std::uint64_t dead_section = std::numeric_limits<std::uint64_t>::max();
/// ...and in front of them those for addresses of HTTP, behind all listeners.
constexpr std::uint64_t webhook_section = 1ULL << 62;
constexpr std::size_t callback_row_bytes =
    64;                                     // Of an event, without its texts: a little more than it takes.
constexpr std::size_t listener_bytes = 96;  // Of a listener likewise.

std::uint64_t ms_between(TimePoint from, TimePoint to) { return to > from ? ms_of_span(to - from) : 0; }

proto::CallbackRow row_of(const Ended& ended, EventStage stage, std::uint32_t deliveries) {
  return {.id = ended.report.id,
          .state = ended.report.state,
          .stage = stage,
          .deliveries = deliveries,
          .name = ended.report.name};
}

}  // namespace

// ---- Given up -------------------------------------------------------------------------------------------

void CallbackOutbox::bury(Listener& listener, EndedPtr ended, std::uint32_t deliveries, std::string why,
                          Now now) {
  settle(*ended, CallbackState::undelivered);
  if (!listener.trouble.empty()) why += "; last: " + std::string(listener.trouble);
  dead_.add({.ended = std::move(ended),
             .deliveries = deliveries,
             .why = std::move(why),
             .since = now.at,
             .until = now.at + config_.result_ttl});
}

/// Said once until the listener is back, not once per event.
void CallbackOutbox::note_undelivered(Listener& listener, std::size_t count, std::string_view why, Now now,
                                      Effects& out) {
  if (count == 0) return;
  if (!listener.noted_undelivered) {
    out.notify.emplace_back(Noted{
        true, "events for listener " + listener.address + " stay undelivered after " + std::string(why) +
                  ", " + std::to_string(count) + (count == 1 ? " event" : " events") + " at first"});
  }
  listener.noted_undelivered = true;
  note_use(listener, now);
}

void CallbackOutbox::expire(Listener& listener, Now now, Effects& out) {
  const std::size_t before = listener.flow.size();
  std::string ttl;
  listener.flow.expire(now.at, [&](EndedPtr ended, std::uint32_t deliveries) {
    ttl = taskmesh::to_string(ttl_of(*ended));
    bury(listener, std::move(ended), deliveries, "callback_ttl (" + ttl + ") has passed", now);
  });
  note_undelivered(listener, before - listener.flow.size(), ttl, now, out);
}

/// What the webhooks' own outbox is done with.
void CallbackOutbox::absorb(Now now) {
  for (WebhookOutbox::Over& over : webhooks_.take_over()) {
    const bool delivered = over.why.empty();
    settled_.push_back(
        {over.ended->report.id, delivered ? CallbackState::delivered : CallbackState::undelivered});
    if (delivered) continue;
    ++counters_.events_undelivered;
    dead_.add({.ended = std::move(over.ended),
               .deliveries = over.deliveries,
               .why = std::move(over.why),
               .since = now.at,
               .until = now.at + config_.result_ttl});
  }
}

void CallbackOutbox::on_post_answered(const PostAnswered& answer, Now now, Effects& out) {
  webhooks_.on_answer(answer, now, out);
  absorb(now);
}

// ---- Seen -----------------------------------------------------------------------------------------------

proto::ListenerRow CallbackOutbox::row_of(const Listener& listener, TimePoint now) const {
  proto::ListenerRow row{.address = listener.address,
                         .undelivered = static_cast<std::uint32_t>(listener.flow.size()),
                         .in_flight = static_cast<std::uint32_t>(listener.flow.in_flight()),
                         .window_records = listener.flow.window_records(),
                         .in_flight_bytes = listener.flow.in_flight_bytes(),
                         .window_bytes = listener.flow.window_bytes(),
                         .trouble = std::string(listener.trouble)};
  switch (listener.state) {
    case Listener::State::unused:
      row.state = ListenerState::idle;
      break;
    case Listener::State::away:
      row.state = ListenerState::away;
      break;
    case Listener::State::greeting:
      row.state = ListenerState::greeting;
      break;
    case Listener::State::ready:
      row.state = ListenerState::ready;
      break;
    case Listener::State::broken:
      row.state = ListenerState::broken;
      row.retry_ms = ms_between(now, listener.retry_at);
      break;
  }
  return row;
}

/// A page under way: its rows, what is still to be looked at, and where it goes on.
struct CallbackOutbox::Page {
  const proto::ListCallbacks& ask;
  TimePoint now{};
  proto::CallbackList list{.request = ask.request};
  std::size_t budget = limits::list_visits_max;
  std::size_t rows = 0;
  std::size_t rows_max =
      ask.rows_max == 0 ? limits::list_rows_max : std::min<std::size_t>(ask.rows_max, limits::list_rows_max);
  std::size_t bytes = 0;

  bool full() const { return rows >= rows_max || bytes >= limits::list_bytes; }
  bool wants(const Ended& ended) const { return !ask.id || ask.id == ended.report.id; }
  void begin(proto::ListenerRow row) {
    bytes += listener_bytes + row.address.size() + row.trouble.size();
    list.listeners.push_back(std::move(row));
  }
  void add(proto::CallbackRow row) {
    bytes += callback_row_bytes + row.name.size();
    ++rows;
    list.listeners.back().events.push_back(std::move(row));
  }
  /// Goes on there; event 0: at the front of its queue.
  void stop(std::uint64_t listener, std::uint64_t event) {
    list.next_listener = listener;
    list.next_event = event;
  }
};

proto::CallbackList CallbackOutbox::list(const proto::ListCallbacks& ask, Now now) const {
  Page page{.ask = ask, .now = now.at};
  auto at = listeners_.lower_bound(ask.from_listener);
  if (!ask.address.empty() && ask.from_listener != dead_section) {
    const auto found = addresses_.find(ask.address);
    at = found == addresses_.end() ? listeners_.end() : listeners_.find(found->second);
  }
  for (; at != listeners_.end(); ++at) {
    if (page.budget == 0 || page.full()) {
      page.stop(at->first, 0);
      return std::move(page.list);
    }
    --page.budget;
    const std::uint64_t from = at->first == ask.from_listener ? ask.from_event : 0;
    if (const std::uint64_t next = list_waiting(at->second, from, page); next != 0) {
      page.stop(at->first, next);
      return std::move(page.list);
    }
    if (!ask.address.empty()) break;
  }
  if (ask.from_listener != dead_section) list_webhooks(page);
  if (page.list.next_listener != 0) return std::move(page.list);
  const std::uint64_t from = ask.from_listener == dead_section ? ask.from_event : 0;
  if (const std::uint64_t next = list_dead(from, page); next != 0) page.stop(dead_section, next);
  return std::move(page.list);
}

std::uint64_t CallbackOutbox::list_waiting(const Listener& listener, std::uint64_t from, Page& page) const {
  bool begun = false;
  return listener.flow.visit(from, page.budget, [&](const EventFlow::View& view) {
    if (page.full()) return false;
    if (!page.wants(view.ended)) return true;
    if (!std::exchange(begun, true)) page.begin(row_of(listener, page.now));
    proto::CallbackRow row = core::row_of(view.ended, view.stage, view.deliveries);
    row.age_ms = ms_between(view.since, page.now);
    row.left_ms = ms_between(page.now, view.expires);
    page.add(std::move(row));
    return true;
  });
}

void CallbackOutbox::list_webhooks(Page& page) const {
  WebhookOutbox::Cursor from;
  if (page.ask.from_listener >= webhook_section) {
    from = {page.ask.from_listener - webhook_section, page.ask.from_event};
  }
  std::uint64_t begun = 0;
  const auto look = [&](std::uint64_t endpoint, const WebhookOutbox::View& view) {
    if (page.full()) return false;
    if (!page.wants(view.ended)) return true;
    if (std::exchange(begun, endpoint) != endpoint) page.begin(webhooks_.row_of(endpoint, page.now));
    proto::CallbackRow row = core::row_of(view.ended, view.stage, view.deliveries);
    row.age_ms = ms_between(view.since, page.now);
    row.left_ms = ms_between(page.now, view.expires);
    page.add(std::move(row));
    return true;
  };
  const WebhookOutbox::Cursor next = webhooks_.visit(from, page.ask.address, page.budget, look);
  if (next.endpoint != 0) page.stop(webhook_section + next.endpoint, next.event);
}

std::uint64_t CallbackOutbox::list_dead(std::uint64_t from, Page& page) const {
  bool begun = false;
  return dead_.visit(from, page.budget, [&](const DeadCallbacks::Dead& dead) {
    if (page.full()) return false;
    const std::string& address = dead.ended->callback_address;
    if (!page.wants(*dead.ended) || (!page.ask.address.empty() && address != page.ask.address)) return true;
    const auto& rows = page.list.listeners;
    if (!std::exchange(begun, true) || rows.back().address != address || rows.back().trouble != dead.why) {
      const auto known = addresses_.find(address);
      proto::ListenerRow row;
      if (known != addresses_.end()) row = row_of(listeners_.at(known->second), page.now);
      row.address = address;
      row.trouble = dead.why;
      page.begin(std::move(row));
    }
    proto::CallbackRow row = core::row_of(*dead.ended, EventStage::dead, dead.deliveries);
    row.age_ms = ms_between(dead.since, page.now);
    row.left_ms = ms_between(page.now, dead.until);
    page.add(std::move(row));
    return true;
  });
}

// ---- Tried again ----------------------------------------------------------------------------------------

proto::CallbacksRetried CallbackOutbox::retry(const proto::RetryCallbacks& ask, Now now, Effects& out) {
  proto::CallbacksRetried done{.request = ask.request};
  std::string address = ask.address;
  std::vector<TaskId> dead;
  if (ask.id) {
    dead.push_back(ask.id);
  } else {
    dead = dead_.ids(address);
  }
  for (const TaskId& id : dead) {
    auto taken = dead_.take(id);
    if (!taken) continue;
    if (ask.id) address = taken->ended->callback_address;
    if (revive(std::move(*taken), now)) ++done.revived;
  }
  if (is_http_address(address)) {
    done.hurried += webhooks_.hurry(address, now);
  } else if (!address.empty()) {
    const auto found = addresses_.find(address);
    if (found != addresses_.end()) done.hurried += hurry(listeners_.at(found->second), now, out);
  } else if (!ask.id) {
    for (auto& [serial, listener] : listeners_) done.hurried += hurry(listener, now, out);
    done.hurried += webhooks_.hurry_all(now);
  }
  return done;
}

/// False: there is no room for it; it stays as it was.
bool CallbackOutbox::revive(DeadCallbacks::Dead dead, Now now) {
  const std::string& address = dead.ended->callback_address;
  if (is_http_address(address)) return revive_webhook(std::move(dead), now);
  const bool known = addresses_.contains(address);
  const auto room_at = [&](const Listener& listener) {
    return listener.reserved + listener.flow.size() < limits::callbacks_per_listener_max;
  };
  if ((!known && !make_room()) || (known && !room_at(listeners_.at(addresses_.at(address))))) {
    dead.until = now.at + config_.result_ttl;
    dead_.add(std::move(dead));
    return false;
  }
  Listener& listener = listener_at(address);
  settled_.push_back({dead.ended->report.id, CallbackState::pending});
  ++counters_.events_revived;
  queue(listener, std::move(dead.ended), dead.deliveries, now);
  listener.noted_undelivered = false;
  wake(listener, now);
  return true;
}

bool CallbackOutbox::revive_webhook(DeadCallbacks::Dead dead, Now now) {
  const TaskId id = dead.ended->report.id;
  const std::string address = dead.ended->callback_address;
  if (!webhooks_.tell(dead.ended, dead.deliveries, now)) {
    dead.until = now.at + config_.result_ttl;
    dead_.add(std::move(dead));
    return false;
  }
  settled_.push_back({id, CallbackState::pending});
  ++counters_.events_revived;
  webhooks_.hurry(address, now);
  return true;
}

/// At most once in listener_retry for each: who asks often must not have us dial often.
std::uint32_t CallbackOutbox::hurry(Listener& listener, Now now, Effects& out) {
  if (listener.flow.empty()) return 0;
  const auto count = static_cast<std::uint32_t>(listener.flow.size());
  if (now.at < listener.hurried_until) return count;
  listener.hurried_until = now.at + limits::listener_retry;
  listener.flow.hurry(now.at);
  if (listener.state == Listener::State::away) dial(listener, false, out);
  wake(listener, now);
  return count;
}

/// What is left alone is not any more; its next bad answer opens the breaker again.
void CallbackOutbox::wake(Listener& listener, Now) {
  if (listener.state == Listener::State::broken) listener.state = Listener::State::unused;
  mark(listener, {true, listener.serial});
}

}  // namespace taskmesh::core
