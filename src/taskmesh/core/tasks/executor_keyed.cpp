// ExecutorRole: tasks with a key, and those whose SUBMIT was sent before: new here, but perhaps not elsewhere.
// Spec: proto/03-tasks.md section 11, proto/05-keepers.md section 11.
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/finder_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"
#include "taskmesh/core/tasks/kept_ends.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

namespace {

std::string_view key_of(const proto::Submit& submit) {
  return submit.terms.has_value() ? std::string_view{submit.terms->key} : std::string_view{};
}

}  // namespace

// ---- Taking it -------------------------------------------------------------------------------------------

/// A task with a key, or with copies and sent before. It is neither accepted nor started before that is known. Before
/// `from` nothing is done, not even with what is known here: it was tried a moment ago.
void ExecutorRole::look_around(TaskRecord& task, TimePoint from, Now now) {
  const std::string_view key = key_of(task.submit);
  task.place = Place::copying;
  ++copying_;
  if (!key.empty() && from <= now.at && settle_by_key(task, now)) return;
  if (finder_ != nullptr && finder_->find(task.submit.id, config_.self.serves[task.name], key, from, now))
    return;
  take_new(task, now);
}

void ExecutorRole::on_found(const TaskId& id, NodeId owner, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::copying) return;
  if (!owner) return take_new(*task, now);
  // Somebody has the task itself: who submitted it is sent there. Or its key: it goes there, and joins that one.
  key_of(task->submit).empty() ? yield(id, owner, now, out) : hand_on(*task, owner);
}

/// Nobody else has it.
void ExecutorRole::take_new(TaskRecord& task, Now now) {
  const std::string_view key = key_of(task.submit);
  if (!key.empty()) {
    if (settle_by_key(task, now)) return;
    keys_.remember(config_.self.serves[task.name], key, task.submit.id);
    task.joins = false;
    task.key_settled = true;
  }
  is_begun(task) ? on_copied(task.submit.id, now) : begin_copies(task, now);
}

/// False: nobody else has been told of it yet.
bool ExecutorRole::is_begun(const TaskRecord& task) const {
  return ordinal_of(task.epoch) > 1 || (owner_ != nullptr && owner_->owns(task.submit.id));
}

void ExecutorRole::begin_copies(TaskRecord& task, Now now) {
  const TaskId id = task.submit.id;
  const bool copied = is_copied(task) && owner_->begin(id, task.epoch, config_.self.serves[task.name], now);
  if (!copied) return on_copied(id, now);
  if (finder_ != nullptr) owner_->ask_beyond(id, finder_->silent(), now);
}

/// What was said of its key may not be true any more: others may have taken it since. Asked again when it is copied.
void ExecutorRole::doubt(const TaskId& id) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::copying || task->claimed_anew || !task->key_settled) return;
  if (keys_.joined(id)) return;  // It does what the first does.
  task->joins = true;
  task->key_settled = false;
}

/// What was accepted elsewhere before it came here, and may not be the first with its key.
bool ExecutorRole::settle_adopted(TaskRecord& task, Now now) {
  if (task.key_settled || key_of(task.submit).empty()) return false;
  if (!task.joins) {
    note_first(config_.self.serves[task.name], key_of(task.submit), task.submit.id, now);
    if (keys_.first(config_.self.serves[task.name], key_of(task.submit)) == task.submit.id) return false;
  }
  look_around(task, now.at, now);
  return true;
}

// ---- The first with its key ------------------------------------------------------------------------------

/// True: another task with its key is known here; it has joined that one, or goes where that one is.
bool ExecutorRole::settle_by_key(TaskRecord& task, Now now) {
  const TaskId first = keys_.first(config_.self.serves[task.name], key_of(task.submit));
  if (!first || first == task.submit.id) return false;
  if (find(first) != nullptr) return join(task, first, nullptr, now), true;
  if (const EndedPtr ended = cache_.find(first, now.at)) return join(task, first, ended, now), true;
  const NodeId owner = whereabouts_of(first, now);
  if (!owner) return false;  // Nothing is left of it.
  owner == config_.self.node ? join(task, first, nullptr, now) : hand_on(task, owner);
  return true;
}

/// It ends as the first one does, or has.
void ExecutorRole::join(TaskRecord& task, const TaskId& first, const EndedPtr& ended, Now now) {
  const TaskId id = task.submit.id;
  ++counters_.joined;
  task.joins = task.key_settled = true;
  keys_.join(first, id);
  // Its work is done by the first, so nobody will read them. One with copies may become the first itself.
  if (!is_copied(task)) {
    live_bytes_ -= task.submit.args.size();
    task.submit.args = {};
  }
  is_begun(task) ? on_copied(id, now) : begin_copies(task, now);
  TaskRecord* joined = ended ? find(id) : nullptr;
  if (joined != nullptr) end_as(*joined, ended, now);
}

/// Another worker has the first with its key: that one shall have this one too.
void ExecutorRole::hand_on(TaskRecord& task, NodeId owner) {
  leave_place(task);
  task.place = Place::giving;
  task.joins = true;
  giver_->hand_on(task.submit.id, config_.self.serves[task.name], owner);
}

/// Who was said to have the first one does not take it: somebody else may have it by now.
void ExecutorRole::find_again(const TaskId& id, Now now, Effects& out) {
  TaskRecord* task = find(id);
  if (task == nullptr || task->place != Place::giving) return;
  task->place = Place::nowhere;
  if (task->cancel_wanted) return end_cancelled(*task, now);
  if (task->deadline && *task->deadline <= now.at) return expire(*task, now, out);
  look_around(*task, now.at + limits::copy_repeat, now);
}

/// What had joined a task that goes to another worker goes there too.
void ExecutorRole::send_joined_after(const TaskId& first, NodeId owner) {
  for (const TaskId& id : keys_.take_waiting(first)) {
    TaskRecord* task = find(id);
    if (task == nullptr) continue;
    if (owner && owner != config_.self.node && task->place == Place::joined) {
      hand_on(*task, owner);
    } else {
      keys_.leave(id);
      task->key_settled = false;  // Its own copies are not held yet: then it looks for the first again.
    }
  }
}

// ---- What is known of others -----------------------------------------------------------------------------

/// Who has it, as far as is known here; nil: nobody, or it is not decided yet.
NodeId ExecutorRole::whereabouts_of(const TaskId& id, Now now) {
  if (find(id) != nullptr) {
    const bool open = finder_ != nullptr && finder_->is_searching(id);
    return open ? NodeId{} : config_.self.node;
  }
  if (keeper_ != nullptr && keeper_->holds(id)) return keeper_->owner_of(id);
  if (owner_ != nullptr && owner_->owns(id)) return config_.self.node;
  if (const NodeId taker = giver_ != nullptr ? giver_->taker_of(id) : NodeId{}) return taker;
  return cache_.kept_for(id, now.at) > Duration::zero() ? config_.self.node : NodeId{};
}

NodeId ExecutorRole::whereabouts(const TaskId& id, std::string_view name, std::string_view key, Now now) {
  if (!key.empty()) {
    const TaskId first = keys_.first(name, key);
    const NodeId owner = first ? whereabouts_of(first, now) : NodeId{};
    if (owner) return owner;
  }
  if (const NodeId owner = whereabouts_of(id, now)) return owner;
  const bool over = cache_.knows(id) || (keeper_ != nullptr && keeper_->buried(id));
  return over && find(id) == nullptr ? config_.self.node : NodeId{};
}

/// Another worker has it, or had: it is the first with its key, unless that is known here already.
void ExecutorRole::note_first(std::string_view name, std::string_view key, const TaskId& id, Now now) {
  const TaskId first = keys_.first(name, key);
  if (first == id || (first && whereabouts_of(first, now))) return;
  keys_.remember(name, key, id);
}

void ExecutorRole::note_kept(const Ended& ended, std::vector<NodeId> others) {
  if (kept_ == nullptr || !ended.key.has_value()) return;
  kept_->keep(ended.report.id, *ended.key, std::move(others));
}

std::pair<EndedPtr, Duration> ExecutorRole::kept_end(const TaskId& id, const std::string& key, Now now) {
  const Duration ttl = cache_.kept_for(id, now.at);
  const EndedPtr found = ttl > Duration::zero() ? cache_.find(id, now.at) : nullptr;
  if (!found) return {};
  auto ended = make_recycled<Ended>(*found);
  ended->key = key;
  return {std::move(ended), ttl};
}

void ExecutorRole::forget_key(std::string_view name, std::string_view key, const TaskId& id) {
  keys_.forget(name, key, id);
}

}  // namespace taskmesh::core
