// ExecutorRole: tasks that wait for their time, for another attempt, or for an earlier task with their key.
#include <algorithm>
#include <cmath>
#include <set>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/events/event_tap.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

constexpr std::uint32_t backoff_percent_min = 100;
constexpr std::uint32_t backoff_percent_max = 10'000;

}  // namespace

void ExecutorRole::enqueue(TaskRecord& task, Now now) {
  task.state = TaskState::queued;
  task.place = Place::waiting;
  queue_.push(task.submit.id, task.submit.priority);
  ++waiting_;
  if (waiting_ > config_.unpacked_max) tasks_.set_aside(task);
  if (is_copied(task) && is_worth_moving(task.name)) ++ever_spare_;
  offer_due_ = true;
  if (tap_.watched()) [[unlikely]]
    tap_.note(task, now);
}

/// Where an accepted task with terms goes.
void ExecutorRole::place_by_terms(TaskRecord& task, Now now) {
  const proto::Terms& terms = *task.submit.terms;
  if (terms.delay_ms == 0) return enqueue(task, now);
  task.state = TaskState::scheduled;
  task.place = Place::later;
  ++later_;
  if (tap_.watched()) tap_.note(task, now);
  timers_.add({now.at + span_of_ms(terms.delay_ms), task.submit.id, Timers::What::due});
}

/// Its time, or the time of its next attempt, has come.
void ExecutorRole::come_due(TaskRecord& task, Now now) {
  --later_;
  task.last_fault.reset();
  enqueue(task, now);
}

bool ExecutorRole::may_retry(const TaskRecord& task, const Outcome& outcome) const {
  if (outcome.state != TaskState::failure || !task.submit.terms.has_value()) return false;
  if (task.attempt > task.submit.terms->retries) return false;
  const auto kind = static_cast<ErrorKind>(outcome.fault->kind);
  return kind != ErrorKind::invalid && kind != ErrorKind::not_found && kind != ErrorKind::cancelled;
}

Duration ExecutorRole::retry_pause(const TaskRecord& task) {
  const proto::Terms& terms = *task.submit.terms;
  if (terms.retry_delay_ms == 0)
    return Duration::zero();  // Below, the power may be infinite: 0 times that is no number.
  const auto backoff = std::clamp(terms.backoff_percent, backoff_percent_min, backoff_percent_max);
  const auto most = static_cast<double>(span_of_ms(terms.retry_delay_max_ms).count());
  const auto first = static_cast<double>(span_of_ms(terms.retry_delay_ms).count());
  const double grown = first * std::pow(static_cast<double>(backoff) / 100, task.attempt - 1);
  const double jitter = static_cast<double>(std::min<std::uint8_t>(terms.jitter_percent, 100)) / 100;
  const double pause = std::min(most, grown) * (1 - jitter * random_.unit());
  return Duration{static_cast<Duration::rep>(pause)};
}

bool ExecutorRole::is_void(const Timers::Timer& timer) const {
  if (tasks_.is_packed(timer.id)) return timer.what != Timers::What::deadline;  // Not due, not begun.
  const TaskRecord* task = find(timer.id);
  if (!task || task->place == Place::telling) return true;
  switch (timer.what) {
    case Timers::What::deadline:
      return false;
    case Timers::What::due:
      return task->place != Place::later;
    case Timers::What::limit:
      return task->place != Place::slot ||
             task->in_slot_since + span_of_ms(task->submit.time_limit_ms) != timer.at;
  }
  return true;
}

void ExecutorRole::drop_timer() {
  timers_.drop([this](const Timers::Timer& timer) { return is_void(timer); });
}

/// The end of the first with a key is the end of all that joined it.
void ExecutorRole::end_joined(const TaskId& first, const EndedPtr& ended, Now now) {
  for (const TaskId& id : keys_.take_waiting(first)) {
    TaskRecord* task = find(id);
    TASKMESH_CHECK(task != nullptr);
    if (task->place != Place::telling) end_as(*task, ended, now);
  }
}

void ExecutorRole::end_as(TaskRecord& task, const EndedPtr& first, Now now) {
  const proto::TaskReport& report = first->report;
  task.state = TaskState::running;
  task.attempt = report.attempt;
  end(task,
      {.state = report.state,
       .fault = report.fault,
       .result = {report.codec, report.result},
       .json = first->json,
       .started_at = report.started_at,
       .completed_at = report.completed_at},
      now);
}

}  // namespace taskmesh::core
