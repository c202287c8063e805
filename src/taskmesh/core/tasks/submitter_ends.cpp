// SubmitterRole: how a task ends for this client, and what is remembered of it.
#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

namespace {

/// Ends told by workers that AwaitAccepted may still ask about.
constexpr std::size_t recent_ends_max = 4'096;

}  // namespace

/// Flushes count what was pending when they were asked for.
void SubmitterRole::left_pending(const FlyingTask& task, Effects& out) {
  --pending_;
  if (flushes_.empty()) return;
  for (Flush& flush : flushes_) {
    if (task.serial < flush.before && --flush.open == 0) {
      out.notify.emplace_back(Acceptance{.token = flush.token});
    }
  }
  std::erase_if(flushes_, [](const Flush& flush) { return flush.open == 0; });
}

void SubmitterRole::tell_accepted(FlyingTask& task, NodeId node, Effects& out) {
  left_pending(task, out);
  if (!task.acceptance_awaited) return;
  task.acceptance_awaited = false;
  for (const Token token : acceptance_.take(task.submit.id)) {
    out.notify.emplace_back(Acceptance{token, task.submit.id, holders_of(task, node), std::nullopt});
  }
}

void SubmitterRole::tell_refused(FlyingTask& task, const Error& error, Effects& out) {
  left_pending(task, out);
  if (!task.acceptance_awaited) return;
  for (const Token token : acceptance_.take(task.submit.id)) {
    out.notify.emplace_back(Acceptance{token, task.submit.id, {}, error});
  }
}

/// A worker told the end. The entry is gone afterwards.
void SubmitterRole::complete(std::uint32_t slot, Shared<proto::TaskReport> report, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  settle_load(task);
  if (task.pending()) {
    settle_answer(task);
    tell_accepted(task, report->worker, out);
  }
  if (task.name != nullptr) waiting_.remove(slot);
  remember_recent(task.submit.id, report->worker);
  if (task.cancel_wanted) tell_cancels(*report, out);
  // A worker says `lost` when it leaves: it may not have the time to reach the listener.
  if (report->state == TaskState::lost) tell_listener(task, *report);
  for (const Token token : task.more) out.notify.emplace_back(Completed{token, report});
  if (task.submit.token != 0) out.notify.emplace_back(Completed{task.submit.token, std::move(report)});
  tasks_.erase(slot);
}

/// This client itself says how the task ended.
void SubmitterRole::end_here(std::uint32_t slot, TaskState state, const Error& error, Now now, Effects& out) {
  const FlyingTask& task = tasks_.at(slot);
  proto::TaskReport report;
  report.id = task.submit.id;
  report.state = state;
  report.name = task.submit.name;
  report.submitted_at = task.submitted_wall;
  report.completed_at = now.wall;
  report.fault = proto::Fault::from(error);
  finish_here(slot, std::move(report), out);
}

void SubmitterRole::end_lost(std::uint32_t slot, const WorkerLink& worker, Now now, Effects& out) {
  const FlyingTask& task = tasks_.at(slot);
  ++counters_.lost;
  auto report = lost_report(task.submit.id, task.submit.name, worker.node, worker.name, worker.left, now);
  report.submitted_at = task.submitted_wall;
  finish_here(slot, std::move(report), out);
}

void SubmitterRole::finish_here(std::uint32_t slot, Shared<proto::TaskReport> report, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  // A worker that has the task, or may have it, tells the listener itself.
  const bool worker_tells =
      task.worker != nullptr && task.worker->ready && report->state == TaskState::expired;
  settle_load(task);
  if (task.pending()) {
    settle_answer(task);
    tell_refused(task, report->fault->to_error(), out);
  }
  if (task.name != nullptr) waiting_.remove(slot);
  remember_end(*report);
  if (task.cancel_wanted) tell_cancels(*report, out);
  if (!worker_tells) tell_listener(task, *report);
  for (const Token token : task.more) out.notify.emplace_back(Completed{token, report});
  if (task.submit.token != 0) out.notify.emplace_back(Completed{task.submit.token, std::move(report)});
  tasks_.erase(slot);
}

void SubmitterRole::tell_listener(const FlyingTask& task, const proto::TaskReport& report) {
  if (task.submit.callback_address.empty()) return;
  auto ended = std::make_shared<Ended>();
  ended->report = report;
  ended->callback_address = task.submit.callback_address;
  ended->callback_data = task.submit.callback_data;
  set_callback_terms(*ended, task.submit.terms);
  ends_to_tell_.push_back(std::move(ended));
}

std::vector<EndedPtr> SubmitterRole::take_ends() {
  std::vector<EndedPtr> ends;
  ends.swap(ends_to_tell_);
  return ends;
}

void SubmitterRole::remember_holder(const TaskId& id, WorkerLink& worker) {
  ++worker.remembered;
  WorkerLink* former = holders_.put(id, worker);
  if (former == nullptr) return;
  --former->remembered;
  forget_if_useless(*former);
}

void SubmitterRole::remember_end(const proto::TaskReport& report) {
  if (!ends_.insert_or_assign(report.id, report).second) return;
  ends_order_.push_back(report.id);
  if (ends_order_.size() <= limits::remembered_max) return;
  ends_.erase(ends_order_.front());
  ends_order_.pop_front();
}

void SubmitterRole::remember_recent(const TaskId& id, NodeId node) {
  if (recent_.size() < recent_ends_max) {
    recent_.push_back({id, node});
    return;
  }
  recent_[recent_next_] = {id, node};
  recent_next_ = (recent_next_ + 1) % recent_ends_max;
}

Error SubmitterRole::not_served_error(const FlyingTask& task) const {
  std::string near;
  for (const std::string& name : placement_.nearest_names(task.submit.name)) {
    near += (near.empty() ? "; the nearest names are '" : ", '") + name + "'";
  }
  const std::size_t alive = membership_.alive();
  return {.kind = ErrorKind::not_found,
          .what = "no worker serves the task '" + task.submit.name + "'",
          .why = (alive == 1 ? std::string("the one reachable worker does not know it")
                             : "none of " + std::to_string(alive) + " reachable workers knows it") +
                 near,
          .fix = "check the name, or start a worker that serves it"};
}

}  // namespace taskmesh::core
