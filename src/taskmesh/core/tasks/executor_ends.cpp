// ExecutorRole: how tasks end at this worker, and who is told.
#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/events/event_tap.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/finder_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

void ExecutorRole::on_tick(Now now, Effects& out) { do_due(now, out); }

void ExecutorRole::do_due(Now now, Effects& out) {
  const auto is_void = [this](const Timers::Timer& timer) { return this->is_void(timer); };
  while (const auto timer = timers_.pop_due(now.at, is_void)) {
    TaskRecord& task = *find(timer->id);
    if (task.deadline && *task.deadline <= now.at) {
      expire(task, now, out);
    } else if (timer->what == Timers::What::due) {
      come_due(task, now);
    } else if (timer->what == Timers::What::limit) {
      on_limit(task, now, out);
    }
  }
  if (drain_until_ && *drain_until_ <= now.at) lose_rest(now, out);
  cache_.expire(now.at);
}

/// Its attempt has had its time. The slot is free when its code returns.
void ExecutorRole::on_limit(TaskRecord& task, Now now, Effects& out) {
  ++counters_.timed_out;
  give_up(task, now, out);
  if (task.cancel_wanted) return end_cancelled(task, now);
  const auto limit = std::to_string(task.submit.time_limit_ms) + " ms";
  end_attempt(
      task,
      {.state = TaskState::failure,
       .fault = fault_of(ErrorKind::timed_out, task.submit.id, "took too long",
                         "attempt " + std::to_string(task.attempt) + " ran for " + limit + ", its time limit",
                         "give it a higher time limit, or make it faster")},
      now);
}

/// What the executor has of this task is not waited for any more.
void ExecutorRole::give_up(TaskRecord& task, Now now, Effects& out) {
  if (task.place != Place::slot && task.place != Place::ahead) return;
  const std::uint32_t attempt = attempt_at_executor(task);
  const TimePoint limit = task.in_slot_since + span_of_ms(task.submit.time_limit_ms);
  TaskRecord& stray = tasks_.spare();
  stray.submit = {.id = task.submit.id};
  stray.name = task.name;
  stray.attempt = attempt;
  stray.state = TaskState::lost;
  slots_.hand_on(task, stray);
  strays_.push_back(&stray);
  out.stop.push_back({task.submit.id, attempt});
  if (task.submit.time_limit_ms != 0 && limit > now.at) drop_timer();
}

/// The attempt is over, and out of its slot: another one, or the end.
void ExecutorRole::end_attempt(TaskRecord& task, Outcome&& outcome, Now now) {
  if (!may_retry(task, outcome)) return end(task, std::move(outcome), now);
  const TimePoint due = now.at + retry_pause(task);
  if (drain_until_ && due >= *drain_until_ && !gives_away()) return end(task, std::move(outcome), now);
  ++counters_.retried;
  task.state = TaskState::retrying;
  task.last_fault = std::move(outcome.fault);
  if (tap_.watched()) tap_.note(task, now);
  if (!clear_start(task, now) && is_copied(task)) owner_->tell_attempt(task.submit.id, now);
  task.place = Place::later;
  ++later_;
  offer_due_ = true;
  timers_.add({due, task.submit.id, Timers::What::due});
}

void ExecutorRole::expire(TaskRecord& task, Now now, Effects& out) {
  if (task.place == Place::giving && !giver_->take_back(task.submit.id))
    return;  // Whoever has it sees to that.
  ++counters_.expired;
  std::string why = "its deadline passed while it ";
  if (task.state == TaskState::running) {
    why += "ran";
  } else if (task.state == TaskState::retrying) {
    why += "waited for another attempt; the last one: " + task.last_fault->what + ": " + task.last_fault->why;
  } else {
    why += task.place == Place::later ? "waited for its time" : "waited for a slot";
  }
  give_up(task, now, out);
  end(task,
      {.state = TaskState::expired,
       .fault = fault_of(ErrorKind::timed_out, task.submit.id, "expired", std::move(why),
                         "give it more time, or add workers for '" + config_.self.serves[task.name] + "'")},
      now);
}

/// What the executor does not have ends now. What it has ends when it returns, or at its own limits.
void ExecutorRole::cancel(TaskRecord& task, Now now, Effects& out) {
  if (task.place == Place::telling) return;
  if (task.place == Place::giving && !giver_->take_back(task.submit.id)) {
    task.cancel_wanted = true;  // Whoever takes it is told so.
    return;
  }
  if (task.place != Place::slot && task.place != Place::ahead) return end_cancelled(task, now);
  if (task.cancel_wanted) return;
  task.cancel_wanted = true;
  out.stop.push_back({task.submit.id, attempt_at_executor(task)});
  if (is_copied(task)) owner_->tell_cancel(task.submit.id);
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

/// What could not be started before the end of the drain does not hold it up.
void ExecutorRole::end_undue(TimePoint until, Now now, Effects& out) {
  std::vector<TaskId> undue;
  for (const Timers::Timer& timer : timers_.all()) {
    if (timer.what == Timers::What::due && timer.at >= until && !is_void(timer)) undue.push_back(timer.id);
  }
  for (const TaskId& id : undue) {
    TaskRecord* task = find(id);
    if (!task || task->place != Place::later) continue;  // Ended with another one, by its key.
    end_early(*task, now, out);
  }
}

void ExecutorRole::end_early(TaskRecord& task, Now now, Effects& out) {
  if (task.state != TaskState::retrying) return lose(task, now, out);
  end(task, {.state = TaskState::failure, .fault = std::move(task.last_fault)}, now);
}

void ExecutorRole::lose(TaskRecord& task, Now now, Effects& out) {
  if (task.place == Place::telling) return on_end_copied(task.submit.id, now);
  if (is_copied(task) && owner_->is_safe(task.submit.id)) {
    return owner_->yield(task.submit.id, {}, now,
                         out);  // Whoever holds it takes it over when this worker has left.
  }
  ++counters_.lost;
  give_up(task, now, out);
  end(task,
      {.state = TaskState::lost,
       .fault =
           fault_of(ErrorKind::lost, task.submit.id, "is lost", "the worker left before it ended",
                    "submit it again if running it twice does no harm, or give workers more time to drain")},
      now);
}

void ExecutorRole::lose_rest(Now now, Effects& out) {
  if (live_ == 0) return;
  std::vector<TaskId> rest;
  rest.reserve(tasks_.size());
  tasks_.for_each([&](const TaskRecord& task) { rest.push_back(task.submit.id); });
  for (const TaskId& id : rest) {
    if (TaskRecord* task = find(id)) lose(*task, now, out);  // Else it ended with another one, by its key.
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

/// Makes the end known and readable. The executor has let go of it; the record is gone afterwards.
void ExecutorRole::end(TaskRecord& task, Outcome&& outcome, Now now) {
  TASKMESH_CHECK(may_move(task.state, outcome.state));
  proto::Submit& submit = task.submit;
  auto ended = make_recycled<Ended>();
  describe(task, ended->report);
  ended->report.flags = 0;
  ended->report.attempt = task.attempt;
  ended->report.state = outcome.state;
  ended->report.started_at = outcome.started_at ? outcome.started_at : task.started_at;
  ended->report.completed_at = outcome.completed_at ? outcome.completed_at : now.wall;
  ended->report.fault = std::move(outcome.fault);
  ended->report.codec = outcome.result.codec;
  ended->report.result = std::move(outcome.result.bytes);
  ended->json = std::move(outcome.json);
  ended->callback_address = std::move(submit.callback_address);
  ended->callback_data = std::move(submit.callback_data);
  set_callback_terms(*ended, submit.terms);
  const bool took_key = !task.joins && (task.attempt > 0 || task.may_have_run);
  if (took_key && submit.terms.has_value() && !submit.terms->key.empty()) ended->key = submit.terms->key;

  const bool had_deadline = task.deadline && *task.deadline > now.at;
  const bool had_due = task.place == Place::later;
  leave_place(task);
  if (is_copied(task) && await_record(task, ended, now)) [[unlikely]] {
    if (had_deadline) drop_timer();
    if (had_due) drop_timer();
    return;
  }
  task.state = outcome.state;
  conclude(task, ended, now);
  if (had_deadline) drop_timer();
  if (had_due) drop_timer();
}

/// Its end is told; the record is gone afterwards.
void ExecutorRole::conclude(TaskRecord& task, const EndedPtr& ended, Now now) {
  const proto::Submit& submit = task.submit;
  counters_.end_to_end.add(between(submitted_at(submit.id), ended->report.completed_at));
  --live_;
  live_bytes_ -= held_bytes(submit);
  publish(task, ended, now);
  if (tap_.watched()) [[unlikely]]
    tap_.note(*ended, submit.terms, now);
  const TaskId ended_id = submit.id;
  const bool was_first = submit.terms.has_value() && !submit.terms->key.empty();
  if (was_first && !ended->key.has_value()) {
    keys_.forget(config_.self.serves[task.name], submit.terms->key, ended_id);
  }
  tasks_.erase(task);
  if (!late_asks_.empty()) [[unlikely]]
    answer_late(ended_id, now);
  if (was_first && keys_.waiting() > 0) end_joined(ended_id, ended, now);
}

/// It waits for nothing any more.
void ExecutorRole::leave_place(TaskRecord& task) {
  if (task.place == Place::waiting) {
    --waiting_;
    task.place = Place::nowhere;
    if (queue_.size() <= 2 * waiting_ + 64) return;
    queue_.compact([this](const TaskId& id) {
      if (tasks_.is_packed(id)) return true;
      const TaskRecord* other = find(id);
      return other != nullptr && other->place == Place::waiting;
    });
    return;
  }
  if (task.place == Place::copying) {
    --copying_;
    if (task.begun) --recording_;
    if (finder_ != nullptr) finder_->forget(task.submit.id);
    keys_.leave(task.submit.id);
  }
  if (task.place == Place::giving) giver_->forget(task.submit.id);
  if (task.place == Place::joined) keys_.leave(task.submit.id);
  if (task.place == Place::joined || task.place == Place::later) --later_;
  task.place = Place::nowhere;
}

/// First readable, then told.
void ExecutorRole::publish(const TaskRecord& task, const EndedPtr& ended, Now now) {
  const proto::Submit& submit = task.submit;
  cache_.put(*ended, submit.result_ttl_ms != 0 ? span_of_ms(submit.result_ttl_ms) : config_.result_ttl,
             now.at);
  if (is_copied(task)) {
    const std::uint32_t debts = tell(task.waiters, ended, now);
    for (const Waiter& waiter : task.waiters) {
      if (waiter.link == task.asked_on) answers_.told(waiter.link, submit.seq);
    }
    return owner_->owe(submit.id, debts, now);
  }
  for (const Waiter& waiter : task.waiters) {
    if (!answers_.is_open(waiter.link)) continue;
    outbox_.to_link(waiter.link, in_codec(ended, waiter.codec), now);
    if (waiter.link == task.asked_on) answers_.told(waiter.link, submit.seq);
  }
  if (!ended->callback_address.empty()) outbox_.to_address(ended, now);
}

}  // namespace taskmesh::core
