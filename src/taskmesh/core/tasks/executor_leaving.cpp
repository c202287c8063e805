// ExecutorRole: what a worker that leaves has not started is handed to others; and what another one hands over.
// Spec: proto/05-keepers.md section 6.
#include <algorithm>
#include <tuple>
#include <utility>
#include <vector>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

void ExecutorRole::on_drain(TimePoint until, Now now, Effects& out) {
  drain_until_ = drain_until_ ? std::min(*drain_until_, until) : until;
  do_due(now, out);
  answers_.hurry();  // A submitter hears that a task is accepted before it hears who has it.
  offer_due_ = true;
  offer_rest(now, out);
  end_undue(*drain_until_, now, out);
  if (!gives_away()) return;
  out.recall = true;
  slots_.recalled(now.at);
}

/// It leaves, and somebody else serves what it serves.
bool ExecutorRole::gives_away() const { return draining() && giver_ != nullptr && giver_->anybody(); }

/// All that is not started, most urgent and oldest first. What nobody takes stays, and is run here.
void ExecutorRole::offer_rest(Now now, Effects& out) {
  const bool news = giver_ != nullptr && giver_->take_news();
  if (!std::exchange(offer_due_, false) && !news) return;
  if (waiting_ + later_ == 0 || !gives_away()) return;
  std::vector<std::tuple<Priority, TaskId, TimePoint>> rest;
  for (const Timers::Timer& timer : timers_.all()) {
    if (timer.what == Timers::What::due && !is_void(timer)) {
      rest.emplace_back(find(timer.id)->submit.priority, timer.id, timer.at);
    }
  }
  tasks_.for_each([&](const TaskRecord& task) {
    if (task.place == Place::waiting) rest.emplace_back(task.submit.priority, task.submit.id, TimePoint{});
  });
  std::sort(rest.begin(), rest.end());
  for (const auto& [priority, id, due] : rest) {
    if (TaskRecord* task = find(id)) offer(*task, due);
  }
  end_undue(*drain_until_, now, out);
}

void ExecutorRole::offer(TaskRecord& task, TimePoint due) {
  const TaskId id = task.submit.id;
  const std::string_view key =
      task.submit.terms.has_value() ? std::string_view{task.submit.terms->key} : std::string_view{};
  if (task.kept || keys_.is_awaited(id)) return;
  if (!giver_->give(id, config_.self.serves[task.name], key, due)) return;
  const bool had_due = task.place == Place::later;
  leave_place(task);
  task.place = Place::giving;
  if (had_due) drop_timer();
}

// ---- What the giver calls --------------------------------------------------------------------------------

void ExecutorRole::fill_gift(proto::Repl& repl, Now now) {
  TaskRecord* task = find(repl.id);
  TASKMESH_CHECK(task != nullptr);
  fill_copy(repl, now);
  repl.epoch = epoch_of(repl.id);
  if (std::exchange(task->offered, true)) repl.flags |= proto::Repl::again_flag;
  if (is_copied(*task)) repl.holders = owner_->holders(repl.id);
}

std::uint64_t ExecutorRole::bytes_of(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task == nullptr ? 0 : held_bytes(task->submit);
}

bool ExecutorRole::is_unwanted(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task != nullptr && task->cancel_wanted;
}

/// Nobody takes it.
void ExecutorRole::keep_here(const TaskId& id, TimePoint due, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::giving) return;
  task->place = Place::nowhere;
  task->kept = true;
  if (task->cancel_wanted) return end_cancelled(*task, now);
  if (task->deadline && *task->deadline <= now.at) return expire(*task, now, out);
  if (due <= now.at) {
    task->last_fault.reset();
    return enqueue(*task, now);
  }
  if (due >= *drain_until_) return end_early(*task, now, out);
  task->place = Place::later;
  ++later_;
  timers_.add({due, id, Timers::What::due});
}

void ExecutorRole::give_away(const TaskId& id, NodeId to, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr) return;
  task->unanswered = true;  // Who has submitted it is told who has it, whether it waits or not.
  if (is_copied(*task) && owner_->owns(id)) return owner_->yield(id, to, now, out);
  yield(id, to, now, out);
}

void ExecutorRole::lose_given(const TaskId& id, Now now) {
  TaskRecord* task = find(id);
  if (task == nullptr) return;
  ++counters_.lost;
  end(*task,
      {.state = TaskState::lost,
       .fault =
           fault_of(ErrorKind::lost, id, "is lost",
                    "its worker left and gave it to one that died without a word, and it must not run twice",
                    "look for its effects before you submit it anew")},
      now);
}

/// Of what was given away: who asks here is sent there.
bool ExecutorRole::send_after(LinkId link, const TaskId& id, Effects& out) const {
  const NodeId to = giver_ == nullptr ? NodeId{} : giver_->taker_of(id);
  if (!to) return false;
  out.send.push_back({link, proto::Moved{to, {id}}});
  return true;
}

// ---- What is handed to this worker -----------------------------------------------------------------------

bool ExecutorRole::may_take(const proto::Submit& submit) {
  return find_name(submit.name) != nullptr && !draining() && !short_of_memory_ && !full(submit);
}

std::uint32_t ExecutorRole::epoch_of(const TaskId& id) const {
  const TaskRecord* task = find(id);
  if (task == nullptr) return 0;
  return is_copied(*task) && owner_->owns(id) ? owner_->epoch_of(id) : task->epoch;
}

NodeId ExecutorRole::given_to(const TaskId& id, std::uint32_t epoch) const {
  return giver_ == nullptr ? NodeId{} : giver_->taken_since(id, epoch);
}

bool ExecutorRole::is_giving(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task != nullptr && task->place == Place::giving;
}

bool ExecutorRole::is_copying(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task != nullptr && task->place == Place::copying;
}

}  // namespace taskmesh::core
