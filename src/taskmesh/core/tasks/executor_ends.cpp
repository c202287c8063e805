// ExecutorRole: how tasks end at this worker, and who is told.
#include <algorithm>
#include <memory>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

void ExecutorRole::on_drain(TimePoint until, Now now, Effects&) {
  drain_until_ = drain_until_ ? std::min(*drain_until_, until) : until;
  do_due(now);
}

void ExecutorRole::on_tick(Now now, Effects&) { do_due(now); }

void ExecutorRole::do_due(Now now) {
  while (const auto id = deadlines_.pop_due(now.at)) {
    TaskRecord* task = find(*id);
    if (task && !is_terminal(task->state) && task->deadline && *task->deadline <= now.at) expire(*task, now);
  }
  if (drain_until_ && *drain_until_ <= now.at) lose_rest(now);
  cache_.expire(now.at);
}

void ExecutorRole::expire(TaskRecord& task, Now now) {
  ++counters_.expired;
  const bool started = task.state == TaskState::running;
  end(task,
      {.state = TaskState::expired,
       .fault = fault_of(ErrorKind::timed_out, task.submit.id, "expired",
                         "its deadline passed while it " + std::string(started ? "ran" : "waited for a slot"),
                         "give it more time, or add workers for '" + config_.self.serves[task.name] + "'")},
      now);
  if (task.place == Place::waiting) erase(task);
}

/// What the executor does not have ends now. What it has ends when it returns, or at its own limits.
void ExecutorRole::cancel(TaskRecord& task, Now now, Effects& out) {
  if (task.place == Place::waiting) {
    end_cancelled(task, now);
    erase(task);
  } else if (!task.cancel_wanted) {
    task.cancel_wanted = true;
    out.stop.push_back({task.submit.id, 1});
  }
}

void ExecutorRole::end_cancelled(TaskRecord& task, Now now) {
  ++counters_.cancelled;
  const bool started = task.attempt > 0;
  end(task,
      {.state = TaskState::cancelled,
       .fault = fault_of(ErrorKind::cancelled, task.submit.id, "was cancelled",
                         started ? "somebody cancelled it; its code had been started"
                                 : "somebody cancelled it before it was started",
                         "submit it again if it is wanted after all")},
      now);
}

void ExecutorRole::lose_rest(Now now) {
  if (live_ == 0) return;
  std::vector<TaskRecord*> rest;
  for (const auto& [id, task] : records_) {
    if (!is_terminal(task->state)) rest.push_back(task);
  }
  for (TaskRecord* task : rest) {
    ++counters_.lost;
    end(*task,
        {.state = TaskState::lost,
         .fault = fault_of(
             ErrorKind::lost, task->submit.id, "is lost", "the worker left before it ended",
             "submit it again if running it twice does no harm, or give workers more time to drain")},
        now);
    if (task->place == Place::waiting) erase(*task);
  }
}

ExecutorRole::Outcome ExecutorRole::outcome_of(Finished&& finished, const TaskRecord& task) const {
  Outcome outcome{.state = TaskState::success,
                  .started_at = finished.started_at ? finished.started_at : task.started_at,
                  .completed_at = finished.completed_at};
  if (finished.error) {
    outcome.state = TaskState::failure;
    outcome.fault = proto::Fault::from(*finished.error);
  } else if (const auto size = std::max(finished.result.bytes.size(), finished.json.size());
             size > config_.payload_max) {
    outcome.state = TaskState::failure;
    outcome.fault =
        fault_of(ErrorKind::invalid, task.submit.id, "has a result that is too large",
                 std::to_string(size) + " octets, the limit is " + std::to_string(config_.payload_max),
                 "return less, or a reference to the data");
  } else {
    outcome.result = std::move(finished.result);
    outcome.json = std::move(finished.json);
  }
  return outcome;
}

/// Makes the end known and readable. The record is the caller's to erase when the executor has let go of it.
void ExecutorRole::end(TaskRecord& task, Outcome&& outcome, Now now) {
  TASKMESH_CHECK(may_move(task.state, outcome.state));
  proto::Submit& submit = task.submit;
  auto ended = make_recycled<Ended>();
  describe(task, ended->report);
  ended->report.state = outcome.state;
  if (outcome.started_at) ended->report.started_at = outcome.started_at;
  ended->report.completed_at = outcome.completed_at ? outcome.completed_at : now.wall;
  ended->report.fault = std::move(outcome.fault);
  ended->report.codec = outcome.result.codec;
  ended->report.result = std::move(outcome.result.bytes);
  ended->json = std::move(outcome.json);
  ended->callback_address = std::move(submit.callback_address);
  ended->callback_data = std::move(submit.callback_data);

  task.state = outcome.state;
  --live_;
  live_bytes_ -= submit.args.size();
  submit.args = {};
  const auto over = [this](const TaskId& id) {
    const TaskRecord* other = find(id);
    return !other || is_terminal(other->state);
  };
  if (task.place == Place::waiting) {
    --waiting_;
    if (queue_.size() > 2 * waiting_ + 64) queue_.compact([&](const TaskId& id) { return !over(id); });
  }
  if (task.deadline) deadlines_.remove(over);
  publish(task, ended, now);
  task.waiters.clear();
}

/// First readable, then told.
void ExecutorRole::publish(const TaskRecord& task, const EndedPtr& ended, Now now) {
  const proto::Submit& submit = task.submit;
  cache_.put(ended, submit.result_ttl_ms != 0 ? span_of_ms(submit.result_ttl_ms) : config_.result_ttl,
             now.at);
  for (const Waiter& waiter : task.waiters) {
    if (!answers_.is_open(waiter.link)) continue;
    outbox_.to_link(waiter.link, in_codec(ended, waiter.codec), now);
    if (waiter.link == task.asked_on) answers_.told(waiter.link, submit.seq);
  }
  if (!ended->callback_address.empty()) outbox_.to_address(ended, now);
}

}  // namespace taskmesh::core
