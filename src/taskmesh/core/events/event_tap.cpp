#include "taskmesh/core/events/event_tap.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/epoch.hpp"
#include "taskmesh/core/tasks/spans.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

namespace {

/// About what it takes on the wire.
std::size_t bytes_of(const proto::TaskEvent& event) {
  constexpr std::size_t fixed = 72;
  const std::size_t fault = event.fault.has_value()
                                ? event.fault->what.size() + event.fault->why.size() + event.fault->fix.size()
                                : 0;
  const std::size_t trace =
      event.trace.has_value() ? event.trace->parent.size() + event.trace->state.size() : 0;
  return fixed + event.name.size() + fault + trace;
}

/// Nothing where it has none.
Boxed<proto::Trace> trace_in(const Boxed<proto::Terms>& terms) {
  if (!terms.has_value() || terms->headers.empty()) return {};
  proto::Trace trace = trace_of(terms->headers);
  return trace.parent.empty() ? Boxed<proto::Trace>{} : Boxed<proto::Trace>(std::move(trace));
}

/// Of all tasks, or of some and this is one of them.
bool watches_task(const proto::Watch& wish, const TaskId& id) {
  return wish.ids.empty() || std::binary_search(wish.ids.begin(), wish.ids.end(), id);
}

}  // namespace

EventTap::EventTap(const NodeConfig& config, NodeCounters& counters) : config_(config), counters_(counters) {}

void EventTap::note(const TaskRecord& task, Now now, std::uint8_t flags) {
  if (!is_wanted(task.submit.id)) return;
  add({.id = task.submit.id,
       .state = task.state,
       .flags = flags,
       .attempt = task.attempt,
       .epoch = fence_of(task.epoch),
       .at = now.wall,
       .started_at = task.started_at,
       .completed_at = {},
       .name = config_.self.serves[task.name],
       .fault = task.last_fault,
       .trace = trace_in(task.submit.terms)});
}

void EventTap::note(const Ended& ended, const Boxed<proto::Terms>& terms, Now now) {
  const proto::TaskReport& end = ended.report;
  if (!is_wanted(end.id)) return;
  Boxed<proto::Trace> trace = trace_in(terms);
  if (!trace.has_value() && !ended.callback->trace.parent.empty()) trace = ended.callback->trace;
  add({.id = end.id,
       .state = end.state,
       .attempt = end.attempt,
       .at = end.completed_at ? end.completed_at : now.wall,
       .started_at = end.started_at,
       .completed_at = end.completed_at,
       .name = end.name,
       .fault = end.fault,
       .trace = std::move(trace)});
}

/// What nobody asks for is not even written down: streams of a few tasks cost all others next to nothing.
bool EventTap::is_wanted(const TaskId& id) const {
  return config_.logs_events || std::any_of(watches_.begin(), watches_.end(), [&](const Listening& each) {
           return watches_task(each.wish, id);
         });
}

void EventTap::add(proto::TaskEvent&& event) {
  if (turn_.size() < limits::events_per_turn_max)
    turn_.push_back(std::move(event));
  else
    ++overflow_;
}

void EventTap::on_watch(LinkId link, const proto::Watch& watch, Now now) {
  const auto known = std::find_if(watches_.begin(), watches_.end(), [&](const Listening& each) {
    return each.link == link && each.wish.watch == watch.watch;
  });
  if (watch.lease_ms == 0) {
    if (known != watches_.end()) watches_.erase(known);
    return;
  }
  if (known == watches_.end() && watches_.size() >= limits::watches_max) return;
  Listening& listening = known == watches_.end() ? watches_.emplace_back() : *known;
  if (listening.feed == 0) {
    listening.link = link;
    listening.feed = ++feeds_;
    listening.before = ends();
  }
  listening.wish = watch;
  std::sort(listening.wish.ids.begin(), listening.wish.ids.end());
  listening.wish.taken = std::min(watch.taken, listening.number);
  listening.until = now.at + std::min(span_of_ms(watch.lease_ms), limits::watch_lease);
  listening.answer_due = true;
}

void EventTap::on_link_down(LinkId link) {
  std::erase_if(watches_, [&](const Listening& each) { return each.link == link; });
}

void EventTap::on_tick(Now now, Effects& out) {
  std::erase_if(watches_, [&](const Listening& each) { return each.until <= now.at; });
  for (const Listening& each : watches_) out.wake_by(each.until);
}

/// All that is known to have ended here; only whether there were any matters.
std::uint64_t EventTap::ends() const {
  return counters_.finished + counters_.cancelled + counters_.expired + counters_.lost + counters_.condemned +
         counters_.told_ends;
}

bool EventTap::wants(const proto::Watch& wish, const proto::TaskEvent& event) {
  if (!wish.name.empty() && wish.name != event.name) return false;
  if (!watches_task(wish, event.id)) return false;
  if (wish.events == 0) return true;
  const bool moved = (event.flags & proto::TaskEvent::moved_flag) != 0;
  const std::uint32_t bit = moved ? proto::Watch::moved_bit : 1U << static_cast<unsigned>(event.state);
  return (wish.events & bit) != 0;
}

void EventTap::on_turn_end(Now now, Effects& out) {
  if (watches_.empty() && turn_.empty()) return;
  for (Listening& each : watches_) {
    if (each.answer_due) out.wake_by(each.until);
    if (each.until > now.at && (each.answer_due || !turn_.empty())) tell(each, out);
  }
  if (config_.logs_events && !turn_.empty()) tell_log(out);
  turn_.clear();
  overflow_ = 0;
}

void EventTap::tell_log(Effects& out) {
  EventsTold told{.worker = config_.self.node, .worker_name = config_.self.name, .events = std::move(turn_)};
  if (overflow_ > 0) told.missed = overflow_;
  out.notify.emplace_back(std::move(told));
}

void EventTap::tell(Listening& to, Effects& out) {
  const std::uint64_t room_to = to.wish.taken + std::min(to.wish.window, limits::watch_window);
  proto::Events record{
      .watch = to.wish.watch, .feed = to.feed, .before = to.before, .first = to.number + 1, .events = {}};
  std::size_t bytes = 0;
  const std::uint64_t before = to.number;
  for (const proto::TaskEvent& event : turn_) {
    if (!wants(to.wish, event)) continue;
    if (++to.number > room_to) continue;  // Left out; its number says so.
    record.events.push_back(event);
    bytes += bytes_of(event);
    if (bytes < limits::events_record_bytes && record.events.size() < limits::events_in_record_max) continue;
    const std::uint64_t next = to.number + 1;
    out.send.push_back(
        {to.link,
         std::exchange(
             record,
             {.watch = to.wish.watch, .feed = to.feed, .before = to.before, .first = next, .events = {}})});
    bytes = 0;
  }
  to.number += overflow_;
  counters_.events_left_out += to.number > room_to ? to.number - std::max(room_to, before) : 0;
  const bool news = to.number > before;
  if (!record.events.empty()) out.send.push_back({to.link, std::move(record)});
  // What was left out at the end of the turn is to be known now, not when something more is told.
  const bool hole = news && (to.number > room_to || overflow_ > 0);
  if (hole || (std::exchange(to.answer_due, false) && !news)) {
    out.send.push_back({to.link, proto::Events{.watch = to.wish.watch,
                                               .feed = to.feed,
                                               .before = to.before,
                                               .first = to.number + 1,
                                               .events = {}}});
  }
  to.answer_due = false;
}

}  // namespace taskmesh::core
