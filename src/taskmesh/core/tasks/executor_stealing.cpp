// ExecutorRole: what waits here goes to a worker that is free.  Spec: proto/08-stealing.md.
#include <algorithm>
#include <vector>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

/// Free slots that nothing here is about to take.
std::uint32_t ExecutorRole::room() const {
  if (draining() || short_of_memory_ || lone_) return 0;
  const std::size_t coming = waiting_ + copying_ + slots_.ahead();
  return slots_.free() > coming ? slots_.free() - static_cast<std::uint32_t>(coming) : 0;
}

/// Whether a task of that name would wait so long that it is worth the way. Known short ones are many, and each is done
/// sooner than it is moved.
bool ExecutorRole::is_worth_moving(std::uint32_t name) const {
  if (slots_.expected(name) == Duration::zero() || slots_.all_long()) return true;
  return static_cast<Duration::rep>(queued()) * slots_.usual() >= limits::steal_worth * slots_.total();
}

/// Without a copy nobody but the two would know where it went: it stays where it was placed.
bool ExecutorRole::may_lend(const TaskRecord& task, const Peer& to, Now now) const {
  const proto::Submit& submit = task.submit;
  if (!is_copied(task) || !owner_->is_safe(submit.id)) return false;
  if (task.place != Place::waiting || task.kept || task.cancel_wanted || is_once(submit.id)) return false;
  if (task.past.has_value() || task.begun) return false;  // Who may have killed is run here, and alone.
  if (submit.terms.has_value() && !submit.terms->key.empty()) return false;  // It is looked for here.
  if (task.deadline && *task.deadline <= now.at) return false;
  if (held_bytes(submit) > limits::steal_bytes_max && now.at - task.accepted_at < limits::steal_large_after)
    return false;
  return is_worth_moving(task.name) && to.serves.contains(config_.self.serves[task.name]);
}

std::uint32_t ExecutorRole::spare() const {
  return draining() || (slots_.free() > 0 && !lone_) ? 0 : static_cast<std::uint32_t>(waiting_);
}

std::size_t ExecutorRole::lend(const Peer& to, std::uint32_t room, Now now) {
  if (giver_ == nullptr || spare() == 0) return 0;
  // Half of it at most: the slots here are free sooner or later, too.
  const std::size_t most =
      std::min({(waiting_ + 1) / 2, limits::steal_max, std::size_t{room} * limits::steal_max});
  Duration span = limits::steal_worth * std::min<std::uint32_t>(room, limits::steal_max);
  std::vector<TaskId> ids;
  queue_.look(limits::steal_look_max, [&](const TaskId& id) {
    const TaskRecord* task = find(id);
    if (task == nullptr || !may_lend(*task, to, now) || std::ranges::find(ids, id) != ids.end()) return true;
    ids.push_back(id);
    const Duration expected = slots_.expected(task->name);
    span -= expected == Duration::zero() ? limits::steal_worth : expected;
    return ids.size() < most && span > Duration::zero();
  });
  for (const TaskId& id : ids) {
    TaskRecord& task = *find(id);
    leave_place(task);
    task.place = Place::giving;
    giver_->lend(id, config_.self.serves[task.name], to.member.node);
  }
  return ids.size();
}

/// Who asked for it has not taken it; or is gone, and others may know that it had (`taken`): then it is claimed anew.
void ExecutorRole::take_back(const TaskId& id, bool taken, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::giving) return;
  ++counters_.returned;
  task->place = Place::nowhere;
  if (task->cancel_wanted) return end_cancelled(*task, now);
  if (task->deadline && *task->deadline <= now.at) return expire(*task, now, out);
  if (taken) task->may_have_run = true;
  if (taken && owner_->claim_again(id, now)) {
    task->place = Place::copying;
    task->claimed_anew = true;
    ++copying_;
    return;
  }
  task->state = TaskState::queued;
  task->place = Place::waiting;
  queue_.push_front(id, task->submit.priority);
  ++waiting_;
  offer_due_ = true;
}

}  // namespace taskmesh::core
