// ExecutorRole: tasks that other workers hold copies of, and those that it takes over.  Spec: proto/05-keepers.md.
#include <algorithm>
#include <memory>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/events/event_tap.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

void ExecutorRole::set_keepers(OwnerRole& owner, KeeperRole& keeper) {
  owner_ = &owner;
  keeper_ = &keeper;
}

bool ExecutorRole::is_copied(const TaskRecord& task) const {
  return replicas_of(task.submit.id) > 0 && owner_ != nullptr;
}

/// A SUBMIT for what this worker holds for another one, or has buried. False: it does neither.
bool ExecutorRole::answer_held(LinkId link, const proto::Submit& submit) {
  if (keeper_ == nullptr) return false;
  const bool held = keeper_->holds(submit.id);
  if (!held && !keeper_->buried(submit.id)) return false;
  ++counters_.duplicates;
  if (held && (submit.flags & proto::Submit::wait_flag) != 0) {
    keeper_->add_waiter(submit.id, {link, submit.reply_codec});
  }
  answers_.accepted(link, submit.seq);
  return true;
}

/// Where its end may be there by the time the answer is due, that says it.
void ExecutorRole::answer_accepted(TaskRecord& task, Now now) {
  if (!std::exchange(task.unanswered, false)) return;
  const bool waits = (task.submit.flags & proto::Submit::wait_flag) != 0;
  if (waits && ends_at_once(task)) {
    return answers_.accepted_soon(task.asked_on, task.submit.seq, now.at + limits::accepted_within);
  }
  answers_.accepted(task.asked_on, task.submit.seq,
                    is_copied(task) ? owner_->holders(task.submit.id) : proto::NodeList{});
}

void ExecutorRole::on_copied(const TaskId& id, Now now) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::copying) return;
  --copying_;
  if (task->begun) --recording_;
  task->place = Place::nowhere;
  answer_accepted(*task, now);
  if (task->begun && std::exchange(task->claimed_anew, false)) return go_on(*task);
  if (std::exchange(task->claimed_anew, false) || !task->submit.terms.has_value()) return enqueue(*task, now);
  if (settle_adopted(*task, now)) return;
  if (!keys_.joined(id)) return place_by_terms(*task, now);
  task->place = Place::joined;
  ++later_;
  if (tap_.watched()) tap_.note(*task, now);
}

/// True: its end waits until somebody else has recorded it. Nor is it accepted before that, if nobody holds it yet (R1).
bool ExecutorRole::await_record(TaskRecord& task, const EndedPtr& ended, Now now) {
  const bool waited = std::any_of(task.waiters.begin(), task.waiters.end(),
                                  [&](const Waiter& waiter) { return answers_.is_open(waiter.link); });
  const proto::Submit& submit = task.submit;
  if (!owner_->owns(submit.id)) owner_->begin(submit.id, task.epoch, config_.self.serves[task.name], now);
  const Duration ttl = submit.result_ttl_ms != 0 ? span_of_ms(submit.result_ttl_ms) : config_.result_ttl;
  if (!owner_->ending(ended, ttl, waited || !ended->callback_address.empty(), now)) {
    answer_accepted(task, now);
    return false;
  }
  task.place = Place::telling;
  task.ended = ended;
  return true;
}

void ExecutorRole::on_end_copied(const TaskId& id, Now now) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::telling) return;
  const EndedPtr ended = std::move(task->ended);
  answer_accepted(*task, now);
  task->state = ended->report.state;
  conclude(*task, ended, now);
}

std::uint32_t ExecutorRole::tell(const Waiters& waiters, const EndedPtr& ended, Now now) {
  const std::uint32_t debts = tell_links(waiters, ended, now);
  if (ended->callback_address.empty()) return debts;
  outbox_.to_address(ended, now);
  return debts + 1;
}

std::uint32_t ExecutorRole::tell_links(const Waiters& waiters, const EndedPtr& ended, Now now) {
  std::uint32_t debts = 0;
  for (const Waiter& waiter : waiters) {
    if (!answers_.is_open(waiter.link)) continue;
    if (outbox_.to_link(waiter.link, in_codec(ended, waiter.codec), now)) ++debts;
  }
  return debts;
}

void ExecutorRole::keep(const EndedPtr& ended, Duration ttl, Now now) { cache_.put(*ended, ttl, now.at); }

bool ExecutorRole::knows_end(const TaskId& id) const { return cache_.knows(id); }

bool ExecutorRole::is_started(const TaskId& id) const {
  const TaskRecord* task = find(id);
  if (task == nullptr) return false;
  return task->attempt > task->attempts_before || task->place == Place::slot || task->place == Place::ahead;
}

std::string_view ExecutorRole::name_of(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task == nullptr ? std::string_view{} : std::string_view{config_.self.serves[task->name]};
}

void ExecutorRole::fill_copy(proto::Repl& repl, Now now) const {
  const TaskRecord* task = find(repl.id);
  TASKMESH_CHECK(task != nullptr);
  repl.submit = task->submit;
  repl.submit.flags = 0;
  repl.submit.age_ms = 0;
  repl.attempt = task->attempt;
  repl.past = task->past;
  if (task->begun) repl.flags |= proto::Repl::begun_flag;
  if (is_started(repl.id)) repl.flags |= proto::Repl::started_flag;
  if (task->joins) repl.flags |= proto::Repl::joins_flag;
  if (task->may_have_run) repl.flags |= proto::Repl::ran_flag;
  if (task->deadline) repl.submit.deadline_ms = ms_of_span(*task->deadline - now.at);
  if (!task->submit.terms.has_value() || task->submit.terms->delay_ms == 0) return;
  const Duration left = span_of_ms(task->submit.terms->delay_ms) - (now.at - task->accepted_at);
  repl.submit.terms.edit().delay_ms = left > Duration::zero() ? ms_of_span(left) : 0;
}

bool ExecutorRole::hold_back(const TaskId& id) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::waiting) return false;
  leave_place(*task);
  task->place = Place::copying;
  task->claimed_anew = true;
  ++copying_;
  if (task->begun) ++recording_;
  return true;
}

void ExecutorRole::yield(const TaskId& id, NodeId winner, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr) return;
  give_up(*task, now, out);
  const bool unanswered = std::exchange(task->unanswered, false);
  if (winner) {
    if (keeper_ != nullptr) keeper_->gift_went(id, winner);
    for (const Waiter& waiter : task->waiters) {
      if (answers_.is_open(waiter.link)) out.send.push_back({waiter.link, proto::Moved{winner, {id}}});
    }
    const bool told = std::any_of(task->waiters.begin(), task->waiters.end(),
                                  [&](const Waiter& waiter) { return waiter.link == task->asked_on; });
    if (unanswered && !told && answers_.is_open(task->asked_on)) {
      out.send.push_back({task->asked_on, proto::Moved{winner, {id}}});
    }
  }
  if (!task->ended && !task->submit.callback_address.empty())
    outbox_.unreserve(task->submit.callback_address, now);
  --live_;
  live_bytes_ -= held_bytes(task->submit);
  const bool had_deadline = task->deadline && *task->deadline > now.at;
  const bool had_due = task->place == Place::later;
  leave_place(*task);
  seen_.forget(id);
  tasks_.erase(*task);
  if (keys_.waiting() > 0) send_joined_after(id, winner);
  std::erase_if(late_asks_, [&](const LateAsk& ask) { return ask.id == id; });  // They ask again.
  if (had_deadline) drop_timer();
  if (had_due) drop_timer();
}

/// It was offered to another worker, which has taken it and said nothing but its end.
void ExecutorRole::tell_given(const EndedPtr& ended, Now now, Effects& out) {
  TaskRecord* task = find(ended->report.id);
  if (task == nullptr || task->place != Place::giving) return;
  answer_accepted(*task, now);
  const Waiters waiters = std::move(task->waiters);
  yield(ended->report.id, {}, now, out);
  tell_links(waiters, ended, now);
}

// ---- Taking over -----------------------------------------------------------------------------------------

/// The times of its SUBMIT count from when this worker got the copy.
void ExecutorRole::add_timers(TaskRecord& task, Now now) {
  const Duration passed = now.at - task.accepted_at;
  task.accepted_at = now.at;
  proto::Submit& submit = task.submit;
  if (submit.terms.has_value() && submit.terms->delay_ms != 0) {
    const Duration left = span_of_ms(submit.terms->delay_ms) - passed;
    submit.terms.edit().delay_ms = left > Duration::zero() ? ms_of_span(left) : 0;
  }
  if (submit.deadline_ms == 0) return;
  task.deadline = now.at + span_of_ms(submit.deadline_ms) - passed;
  timers_.add({*task.deadline, submit.id, Timers::What::deadline});
}

void ExecutorRole::adopt(const TaskId& id, Adoption&& adoption, Now now, Effects& out) {
  if (adoption.ended) {
    const EndedPtr ended = std::move(adoption.ended);
    tell_given(ended, now, out);
    keep(ended, adoption.ttl, now);
    owner_->adopt_ended(ended, adoption.epoch, adoption.ttl, adoption.others, now);
    owner_->owe(id, tell(adoption.waiters, ended, now), now);
    if (tap_.watched()) tap_.note(*ended, adoption.submit.terms, now);
    if (keys_.waiting() > 0) end_joined(id, ended, now);
    return;
  }
  if (giver_ != nullptr) giver_->taken(id);
  if (find(id) != nullptr)
    return;  // As somebody's task without copies: ids are not made twice by honest clients.
  const std::uint32_t* name = find_name(adoption.submit.name);
  if (adoption.condemned) return condemn(id, std::move(adoption), now);
  if (name == nullptr || (is_once(id) && !adoption.given)) return end_unrun(id, std::move(adoption), now);
  seen_.check(id, 0, false, {}, now.at);
  TaskRecord& task = tasks_.make(id);
  task.submit = std::move(adoption.submit);
  task.submit.id = id;
  task.name = *name;
  task.attempt = task.attempts_before = adoption.attempt;
  task.epoch = adoption.epoch;
  task.past = std::move(adoption.past);
  if (task.past.has_value() && !adoption.given) patient_until_ = now.at + limits::suspect_patience;
  task.joins = adoption.joins;
  task.may_have_run = adoption.may_have_run;
  task.accepted_at = adoption.since;
  task.waiters = std::move(adoption.waiters);
  task.place = Place::copying;
  ++copying_;
  ++live_;
  live_bytes_ += held_bytes(task.submit);
  if (!task.submit.callback_address.empty()) outbox_.reserve(task.submit.callback_address);
  add_timers(task, now);
  if (tap_.watched()) tap_.note(task, now, proto::TaskEvent::moved_flag);
  if (!is_copied(task) ||
      !owner_->adopt(id, adoption.epoch, config_.self.serves[*name], adoption.others, now))
    on_copied(id, now);
  if (!adoption.cancelled) return;
  TaskRecord* adopted = find(id);
  if (adopted != nullptr) cancel(*adopted, now, out);
}

/// Nobody may or can run it (again): its end is that it is lost.
void ExecutorRole::end_unrun(const TaskId& id, Adoption&& adoption, Now now) {
  ++counters_.lost;
  auto fault = is_once(id) ? fault_of(ErrorKind::lost, id, "is lost",
                                      "the worker that had it is gone, and it must not run twice",
                                      "look for its effects before you submit it anew")
                           : fault_of(ErrorKind::lost, id, "is lost",
                                      "the worker that had it is gone, and nobody who holds a copy serves '" +
                                          adoption.submit.name + "'",
                                      "let at least two workers serve each name");
  end_unrun(id, std::move(adoption), TaskState::lost, std::move(fault), now);
}

void ExecutorRole::end_unrun(const TaskId& id, Adoption&& adoption, TaskState state, proto::Fault&& fault,
                             Now now) {
  auto ended = make_recycled<Ended>();
  ended->report = {.id = id, .state = state, .attempt = adoption.attempt};
  ended->report.completed_at = now.wall;
  ended->report.worker = config_.self.node;
  ended->report.worker_name = config_.self.name;
  ended->report.name = adoption.submit.name;
  ended->report.fault = std::move(fault);
  if (adoption.submit.terms.has_value()) {
    const std::string& key = adoption.submit.terms->key;
    if (!key.empty() && !adoption.joins) ended->key = key;  // It may have run where it was.
  }
  ended->callback_address = std::move(adoption.submit.callback_address);
  ended->callback_data = std::move(adoption.submit.callback_data);
  set_callback_terms(*ended, adoption.submit.terms);
  keep(ended, config_.result_ttl, now);
  owner_->adopt_ended(ended, adoption.epoch, config_.result_ttl, adoption.others, now);
  owner_->owe(id, tell(adoption.waiters, ended, now), now);
  if (tap_.watched()) tap_.note(*ended, adoption.submit.terms, now);
  if (keys_.waiting() > 0) end_joined(id, ended, now);
}

void ExecutorRole::end_as_told(const Ended& ended, Now now, Effects& out) {
  TaskRecord* task = find(ended.report.id);
  if (task == nullptr || task->place == Place::telling) return;
  give_up(*task, now, out);
  task->state = TaskState::running;
  task->attempt = std::max(task->attempt, ended.report.attempt);
  task->may_have_run = task->may_have_run || ended.key.has_value();
  ++counters_.told_ends;
  end(*task,
      {.state = ended.report.state,
       .fault = ended.report.fault,
       .result = {ended.report.codec, ended.report.result},
       .json = ended.json,
       .started_at = ended.report.started_at,
       .completed_at = ended.report.completed_at},
      now);
}

/// What the outbox has learned: who has acknowledged, or never will.
void ExecutorRole::settle_told(Now now) {
  for (const auto& settled : outbox_.take_settled()) {
    cache_.set_callback(settled.id, settled.state);
    const bool over = settled.state != CallbackState::pending;
    if (over && owner_ != nullptr && replicas_of(settled.id) > 0) owner_->settle_callback(settled.id, now);
  }
  for (const auto& [id, got] : outbox_.take_told()) {
    if (owner_ != nullptr) owner_->settle(id, got, now);
  }
}

}  // namespace taskmesh::core
