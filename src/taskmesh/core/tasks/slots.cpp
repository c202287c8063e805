#include "taskmesh/core/tasks/slots.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/events/event_tap.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration slowly(Duration from, Duration to) { return from + (to - from) / 8; }

}  // namespace

Slots::Slots(std::uint32_t slots, std::size_t names, NodeCounters& counters, EventTap& tap)
    : total_(std::max(slots, 1U)), counters_(counters), tap_(tap), estimates_(names) {}

Slots::Room Slots::room_for(const TaskRecord& task, TimePoint now) const {
  if (in_slots_ < total_) return Room::slot;
  if (task.submit.time_limit_ms != 0) return Room::none;
  const Duration time = expected(task.name);
  if (time == Duration::zero() || ahead_ >= limits::hand_over_max * total_) return Room::none;
  const std::uint32_t held = long_in_slots_ + overdue(now);
  if (held >= total_ || short_sum_ + time > limits::short_task * (total_ - held)) return Room::none;
  return Room::ahead;
}

void Slots::hand_over(TaskRecord& task, Room room, Now now) {
  TASKMESH_CHECK(room != Room::none && task.place == Place::waiting);
  task.expected = expected(task.name);
  task.handed_over = now.at;
  task.may_wait = false;
  short_sum_ += task.expected;
  if (room == Room::slot) {
    put_into_slot(task, now);
    return;
  }
  task.place = Place::ahead;
  ahead_list_.append(task);
  ++ahead_;
}

void Slots::put_into_slot(TaskRecord& task, Now now) {
  task.place = Place::slot;
  task.in_slot_since = now.at;
  slot_list_.append(task);
  ++in_slots_;
  if (task.expected == Duration::zero()) {
    ++long_in_slots_;
  } else if (task.submit.time_limit_ms == 0) {  // The executor wakes no thread for each of these.
    task.may_wait = true;
    ++may_wait_;
  }
  mark_started(task, now);
}

void Slots::mark_started(TaskRecord& task, Now now) {
  if (task.state != TaskState::queued) return;
  task.state = TaskState::running;
  ++task.attempt;
  task.started_at = now.wall;
  ++counters_.started;
  if (task.attempt == 1) counters_.queue_wait.add(now.at - may_start_from(task));
  if (tap_.watched()) [[unlikely]]
    tap_.note(task, now);
}

void Slots::hand_on(TaskRecord& task, TaskRecord& heir) {
  List& list = task.place == Place::ahead ? ahead_list_ : slot_list_;
  heir.place = task.place;
  heir.expected = task.expected;
  heir.handed_over = task.handed_over;
  heir.in_slot_since = task.in_slot_since;
  heir.may_wait = task.may_wait;
  list.replace(task, heir);
  task.place = Place::nowhere;
  task.may_wait = false;
}

void Slots::release(TaskRecord& task, Now now) {
  short_sum_ -= task.expected;
  if (task.place == Place::ahead) {
    ahead_list_.remove(task);
    --ahead_;
  } else {
    TASKMESH_CHECK(task.place == Place::slot);
    slot_list_.remove(task);
    --in_slots_;
    if (task.expected == Duration::zero()) --long_in_slots_;
    if (task.may_wait) --may_wait_;
  }
  task.place = Place::nowhere;
  if (in_slots_ == total_ || ahead_ == 0) return;
  TaskRecord& next = *ahead_list_.oldest;
  ahead_list_.remove(next);
  --ahead_;
  put_into_slot(next, now);
}

void Slots::learn(std::uint32_t name, Duration elapsed) {
  elapsed = std::max(elapsed, Duration{1});
  Duration& estimate = estimates_[name];
  estimate = elapsed > estimate ? elapsed : slowly(estimate, elapsed);
  usual_ = usual_ == Duration::zero() ? elapsed : slowly(usual_, elapsed);
}

Duration Slots::expected(std::uint32_t name) const {
  const Duration estimate = estimates_[name];
  return estimate <= limits::short_task ? estimate : Duration::zero();
}

/// Slots held by a task that was thought to be short and is not.
std::uint32_t Slots::overdue(TimePoint now) const {
  std::uint32_t count = 0;
  for (const TaskRecord* task = slot_list_.oldest; task && now - task->in_slot_since >= recall_after;
       task = task->newer) {
    if (task->expected != Duration::zero()) ++count;
  }
  return count;
}

std::optional<TimePoint> Slots::recall_due() const {
  std::optional<TimePoint> since;
  if (ahead_list_.oldest) since = ahead_list_.oldest->handed_over;
  if (may_wait_ > 0) {
    // It may wait inside the executor behind another task: we only guess which
    // one is started next.
    const TaskRecord* task = slot_list_.oldest;
    while (!task->may_wait) task = task->newer;
    since = since ? std::min(*since, task->in_slot_since) : task->in_slot_since;
  }
  if (!since) return std::nullopt;
  return std::max(*since, last_recall_) + recall_after;
}

void Slots::recalled(TimePoint now) {
  last_recall_ = now;
  for (TaskRecord* task = slot_list_.oldest; task && now - task->in_slot_since >= recall_after;
       task = task->newer) {
    if (task->may_wait) --may_wait_;
    task->may_wait = false;  // Comes back now, or was started.
  }
}

void Slots::List::append(TaskRecord& task) {
  task.older = newest;
  task.newer = nullptr;
  (newest ? newest->newer : oldest) = &task;
  newest = &task;
}

void Slots::List::replace(TaskRecord& task, TaskRecord& heir) {
  heir.older = std::exchange(task.older, nullptr);
  heir.newer = std::exchange(task.newer, nullptr);
  (heir.older ? heir.older->newer : oldest) = &heir;
  (heir.newer ? heir.newer->older : newest) = &heir;
}

void Slots::List::remove(TaskRecord& task) {
  (task.older ? task.older->newer : oldest) = task.newer;
  (task.newer ? task.newer->older : newest) = task.older;
  task.older = task.newer = nullptr;
}

}  // namespace taskmesh::core
