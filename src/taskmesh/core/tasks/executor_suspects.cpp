// ExecutorRole: tasks whose workers have died while they had them: perhaps they kill.  Spec: proto/05-keepers.md section 10.
#include <algorithm>
#include <string>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

namespace {

bool runs_alone(const TaskRecord& task) { return task.past->deaths.size() >= limits::deaths_max; }

}  // namespace

/// What holds a copy must know that it runs, before it runs. False: not yet, and nothing behind it is to start either;
/// or it waits elsewhere by now.
bool ExecutorRole::may_start_suspect(TaskRecord& task, Now now, Effects& out) {
  if (runs_alone(task)) {
    lone_ = task.submit.id;
    return false;
  }
  if (task.begun) return true;
  if (awaits_copies(task, now, out)) return false;
  return recording_ < slots_.free() && !record_start(task, now);
}

/// The copies that were lost with the dead workers come first: this one may be the next.
bool ExecutorRole::awaits_copies(const TaskRecord& task, Now now, Effects& out) const {
  if (now.at >= patient_until_ || !owner_->awaits_copies(*task.past)) return false;
  out.wake_by(patient_until_);
  return true;
}

/// False: nobody holds a copy, so nobody is to be told.
bool ExecutorRole::record_start(TaskRecord& task, Now now) {
  task.begun = true;
  if (!is_copied(task) || !owner_->restate(task.submit.id, true, now)) return false;
  if (task.place == Place::waiting) leave_place(task);
  task.place = Place::copying;
  task.claimed_anew = true;
  ++copying_;
  ++recording_;
  return true;
}

/// Its start is recorded, or was to be when this worker stood still: it is next.
void ExecutorRole::go_on(TaskRecord& task) {
  task.state = TaskState::queued;
  task.place = Place::waiting;
  queue_.push_front(task.submit.id, task.submit.priority);
  ++waiting_;
  std::erase_if(begun_, [this](const TaskId& id) { return !is_about_to_start(id); });
  begun_.push_back(task.submit.id);
}

bool ExecutorRole::is_about_to_start(const TaskId& id) const {
  const TaskRecord* task = find(id);
  return task != nullptr && task->begun && task->place == Place::waiting;
}

/// Those whose start is recorded are run before anything runs alone: a death would be held against them, too.
bool ExecutorRole::start_recorded(Now now, Effects& out) {
  bool left = recording_ > 0;
  for (const TaskId& id : begun_) {
    if (id == lone_ || !is_about_to_start(id)) continue;
    left = true;
    TaskRecord& task = *find(id);
    if (slots_.room_for(task, now.at) != Slots::Room::slot) continue;
    --waiting_;
    begin_run(task, Slots::Room::slot, now, out);
  }
  return left;
}

/// While one is to run alone nothing else starts. True: none is.
bool ExecutorRole::see_to_lone(Now now, Effects& out) {
  TaskRecord* task = find(lone_);
  const bool over = task == nullptr || task->place == Place::later || task->place == Place::telling ||
                    task->place == Place::giving || !task->past.has_value();
  if (over) {
    lone_ = {};
    return true;
  }
  if (task->place != Place::waiting || start_recorded(now, out)) return false;
  if (slots_.in_slots() + slots_.ahead() > stuck()) return false;
  if (awaits_copies(*task, now, out)) return false;
  if (!task->begun && record_start(*task, now)) return false;
  --waiting_;
  begin_run(*task, Slots::Room::slot, now, out);
  return false;
}

/// The attempt has ended, and its worker lives: a death during the pause is not its doing.
/// False: others do not know that it had started.
bool ExecutorRole::clear_start(TaskRecord& task, Now now) {
  if (!std::exchange(task.begun, false) || !is_copied(task)) return false;
  return owner_->restate(task.submit.id, false, now);
}

std::string ExecutorRole::deaths_of(const proto::Past& past) {
  std::string text;
  for (const proto::Death& death : past.deaths) {
    text += (text.empty() ? "" : ", ") + ("'" + death.name + "' at ") + to_rfc3339(death.at);
  }
  return text;
}

/// It killed the worker that ran nothing else.
void ExecutorRole::condemn(const TaskId& id, Adoption&& adoption, Now now) {
  const proto::Past& past = *adoption.past;
  ++counters_.condemned;
  auto fault = fault_of(
      ErrorKind::failed, id, "is quarantined",
      std::to_string(past.deaths.size()) + " workers have died while they had it: " + deaths_of(past) +
          "; the last one ran nothing else",
      "look into what it does to its process (its logs, core dumps) before you submit it anew");
  end_unrun(id, std::move(adoption), TaskState::failure, std::move(fault), now);
}

}  // namespace taskmesh::core
