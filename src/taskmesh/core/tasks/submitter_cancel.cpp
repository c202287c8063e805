// SubmitterRole: tasks that are not wanted any more.  Spec: proto/03-tasks.md section 7.
#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

/// What no worker has been asked for ends here. What may have been accepted is cancelled by its holder, as soon as we
/// know that there is one: CANCEL could otherwise overtake a SUBMIT that is said again.
void SubmitterRole::on_cancel(const CancelTask& cancel, Now now, Effects& out) {
  const std::uint32_t slot = tasks_.find(cancel.id);
  if (slot == no_slot || tasks_.at(slot).stage == FlyingTask::Stage::held) {
    return ask_cancel(cancel.token, cancel.id, now, out);
  }
  FlyingTask& task = tasks_.at(slot);
  task.cancel_wanted = true;
  if (cancel.token != 0) {
    cancels_[cancel.id].push_back(cancel.token);
    cancel_tokens_[cancel.token] = cancel.id;
  }
  if (task.stage == FlyingTask::Stage::waiting) end_cancelled(slot, now, out);
}

/// The holder decides; where none is known, whoever knows the task.
void SubmitterRole::ask_cancel(Token token, const TaskId& id, Now now, Effects& out) {
  auto wanted = look_up(id, now);
  if (wanted.known) {
    if (token != 0) out.notify.emplace_back(cancellation(token, *wanted.known));
    return;
  }
  if (questions_.size() >= config_.in_flight_max) {
    if (token == 0) return;
    out.notify.emplace_back(
        Cancellation{.token = token,
                     .id = id,
                     .error = Error{.kind = ErrorKind::overloaded,
                                    .what = "task " + to_string(id) + " was not cancelled",
                                    .why = std::to_string(questions_.size()) + " questions are under way",
                                    .fix = "wait for answers, then try again"}});
    return;
  }
  std::vector<QueryBook::Wanted> one;
  one.push_back(std::move(wanted));
  questions_.ask(token, QueryBook::Kind::cancel, Codec::cereal, std::move(one), now, out);
}

void SubmitterRole::end_cancelled(std::uint32_t slot, Now now, Effects& out) {
  const FlyingTask& task = tasks_.at(slot);
  ++counters_.cancelled;
  end_here(slot, TaskState::cancelled,
           {.kind = ErrorKind::cancelled,
            .what = "task " + to_string(task.submit.id) + " ('" + task.submit.name + "') was cancelled",
            .why = "somebody cancelled it before a worker accepted it",
            .fix = "submit it again if it is wanted after all"},
           now, out);
}

/// Its SUBMIT has been answered with ACCEPTED: now its holder can be asked.
void SubmitterRole::cancel_accepted(const TaskId& id, Now now, Effects& out) {
  const auto found = cancels_.find(id);
  if (found == cancels_.end()) return ask_cancel(0, id, now, out);
  const std::vector<Token> tokens = std::move(found->second);
  cancels_.erase(found);
  for (const Token token : tokens) {
    cancel_tokens_.erase(token);
    ask_cancel(token, id, now, out);
  }
}

/// It has ended before its holder was asked.
void SubmitterRole::tell_cancels(const proto::TaskReport& report, Effects& out) {
  const auto found = cancels_.find(report.id);
  if (found == cancels_.end()) return;
  for (const Token token : found->second) {
    cancel_tokens_.erase(token);
    out.notify.emplace_back(cancellation(token, report));
  }
  cancels_.erase(found);
}

/// Nobody waits for the answer any more; the wish stands.
bool SubmitterRole::abandon_cancel(Token token) {
  const auto asked = cancel_tokens_.find(token);
  if (asked == cancel_tokens_.end()) return false;
  const auto tokens = cancels_.find(asked->second);
  std::erase(tokens->second, token);
  if (tokens->second.empty()) cancels_.erase(tokens);
  cancel_tokens_.erase(asked);
  return true;
}

}  // namespace taskmesh::core
