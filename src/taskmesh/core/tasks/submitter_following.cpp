// SubmitterRole: tasks that other workers hold copies of, when the one that had them is gone.
// Spec: proto/05-keepers.md section 7.
#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration nowhere_for = 5s;  // Nobody knows a task for so long: it is lost.
constexpr std::size_t recent_copies_max = 4'096;

bool names(const std::vector<proto::Range>& seqs, std::uint64_t seq) {
  return std::any_of(seqs.begin(), seqs.end(),
                     [&](const proto::Range& range) { return range.first <= seq && seq <= range.last; });
}

}  // namespace

/// The next worker in the task's own order that can be asked; from the beginning, where `after` is not in it. Those that its
/// receipt named go first: where they stand in the order depends on who owned it.
WorkerLink* SubmitterRole::next_holder(const FlyingTask& task, NodeId after) {
  std::vector<NodeId> order = copy_order_.all(task.submit.id, task.submit.name);
  if (task.copies.has_value()) {
    std::stable_partition(order.begin(), order.end(), [&](const NodeId& node) {
      return std::ranges::find(*task.copies, node) != task.copies->end();
    });
  }
  const auto last = std::find(order.begin(), order.end(), after);
  for (auto node = last == order.end() ? order.begin() : last + 1; node != order.end(); ++node) {
    const auto worker = workers_.find(*node);
    if (worker != workers_.end() && worker->second->ready) return worker->second.get();
  }
  return nullptr;
}

/// Who was asked last by the task's own order: one that he has sent us after is not of it, and nobody is left out for that.
NodeId SubmitterRole::place_in_order(const FlyingTask& task) {
  return task.moved.has_value() ? task.moved->from : task.worker->node;
}

/// Whoever had it is gone, or does not know it (any more).
void SubmitterRole::follow(std::uint32_t slot, NodeId after, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  settle_load(task);
  WorkerLink* next = next_holder(task, after);
  if (next == nullptr) return found_nowhere(slot, now, out);
  if (task.moved.has_value()) task.moved.edit().from = next->node;
  rehome(slot, *next, now);
}

void SubmitterRole::rehome(std::uint32_t slot, WorkerLink& to, Now now) {
  FlyingTask& task = tasks_.at(slot);
  tasks_.unlink(slot);
  task.stage = FlyingTask::Stage::held;
  task.worker = &to;
  task.at = now.at;
  task.wait_said = true;
  tasks_.append(to.held, slot);
  to.ask.push_back(slot);
}

/// Its receipt named its worker alone, and no other worker is known that could have been given a copy since.
bool SubmitterRole::was_alone(const FlyingTask& task) const {
  if (task.copies.has_value() || task.moved.has_value()) return false;
  bool alone = true;
  membership_.for_each([&](const Peer& peer) {
    alone = alone && (peer.liveness == Liveness::dead || peer.liveness == Liveness::left);
  });
  return alone;
}

/// All were asked, or there is nobody to ask.
void SubmitterRole::found_nowhere(std::uint32_t slot, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  // R12: who is missing has not said no.
  const bool unsure = unsure_at_ && now.at < *unsure_at_ + nowhere_for;
  const bool missing = (unsure || membership_.someone_missing()) && !rules_.is_broken(12);
  const bool asked = !missing;  // Who has certainly ended has no word.
  if (!asked) task.unknown_at.reset();
  const bool alone = asked && was_alone(task);
  if (alone || (asked && task.unknown_at && now.at >= *task.unknown_at + nowhere_for)) {
    ++counters_.lost;
    const NodeId last = task.moved.has_value() ? task.moved->owner : NodeId{};
    proto::TaskReport report = lost_report(task.submit.id, task.submit.name, last, "", false, now);
    report.submitted_at = task.submitted_wall;
    report.fault =
        proto::Fault::from({.kind = ErrorKind::lost,
                            .what = "task " + to_string(task.submit.id) + " is lost",
                            .why = alone ? "the worker that had it is gone, and there was no other one "
                                           "to hold a copy"
                                         : "the worker that had it is gone, and no other one knows it",
                            .fix = "submit it again if running it twice does no harm"});
    return finish_here(slot, std::move(report), out);
  }
  if (asked && !task.unknown_at) task.unknown_at = now.at;
  tasks_.unlink(slot);
  task.worker = nullptr;
  tasks_.append(homeless_, slot);
  task.at = now.at + limits::follow_pause;
  following_.push_back({task.at, slot, task.serial});
}

void SubmitterRole::follow_again(Now now, Effects& out) {
  while (!following_.empty() && following_.front().at <= now.at) {
    const Following due = following_.front();
    following_.pop_front();
    const FlyingTask& task = tasks_.at(due.slot);
    // Who was asked meanwhile, and was no help, has set a later time.
    const bool waits = task.serial == due.serial && task.list == &homeless_ && task.at == due.at;
    if (waits) follow(due.slot, {}, now, out);
  }
}

/// One question for all that is looked for here.
void SubmitterRole::ask_followed(WorkerLink& worker, Effects& out) {
  if (worker.ask.empty()) return;
  for (const Codec codec : {Codec::cereal, Codec::json}) {
    proto::Query query{.flags = proto::Query::wait_flag, .reply_codec = codec};
    for (const std::uint32_t slot : worker.ask) {
      const FlyingTask& task = tasks_.at(slot);
      if (task.worker != &worker || task.stage != FlyingTask::Stage::held) continue;
      if ((task.submit.reply_codec == Codec::json) != (codec == Codec::json)) continue;
      query.ids.push_back(task.submit.id);
      if (query.ids.size() < limits::query_ids_max) continue;
      out.send.push_back({worker.link, query});
      query.ids.clear();
    }
    if (!query.ids.empty()) out.send.push_back({worker.link, std::move(query)});
  }
  worker.ask.clear();
}

/// The worker that was asked says who has them.
void SubmitterRole::on_moved(LinkId link, const proto::Moved& moved, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  const auto owner = workers_.find(moved.owner);
  WorkerLink* to = owner == workers_.end() || !owner->second->ready ? nullptr : owner->second.get();
  for (const TaskId& id : moved.ids) {
    const std::uint32_t slot = tasks_.find(id);
    if (slot == no_slot && owner != workers_.end() && holders_.find(id) == worker) {
      remember_holder(id, *owner->second);
      continue;
    }
    if (slot == no_slot || tasks_.at(slot).worker != worker) continue;
    if (tasks_.at(slot).stage == FlyingTask::Stage::held) {
      FlyingTask& task = tasks_.at(slot);
      const bool again = task.moved.has_value();
      const SentAfter sent{moved.owner, place_in_order(task)};
      task.moved.edit() = sent;
      settle_load(task);
      // One that cannot be asked: all others may know better. Sent on again, it does not begin anew without a pause.
      to == nullptr ? follow(slot, again ? task.moved->from : NodeId{}, now, out) : rehome(slot, *to, now);
    } else if (to != nullptr) {  // Else it is said again, and somebody will know better.
      accept(slot, now, out);
      if (tasks_.find(id) != slot) continue;
      tasks_.at(slot).moved.edit() = {moved.owner, worker->node};
      rehome(slot, *to, now);
    }
  }
  forget_answered(*worker);
}

void SubmitterRole::note_copies(FlyingTask& task, const proto::Accepted& accepted) {
  for (const proto::Copies& copies : accepted.copies) {
    if (names(copies.seqs, task.seq)) task.copies.edit().push_back(copies.holder);
  }
  if (!task.copies.has_value() || task.awaited()) return;
  recent_copies_.push_back({task.submit.id, *task.copies});
  if (recent_copies_.size() > recent_copies_max) recent_copies_.pop_front();
}

std::vector<NodeId> SubmitterRole::holders_of(const FlyingTask& task, NodeId owner) const {
  std::vector<NodeId> nodes{owner};
  nodes.insert(nodes.end(), task.copies->begin(), task.copies->end());
  return nodes;
}

}  // namespace taskmesh::core
