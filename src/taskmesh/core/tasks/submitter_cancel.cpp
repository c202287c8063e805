// SubmitterRole: tasks that are not wanted any more.  Spec: proto/03-tasks.md section 7.
#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

/// What no worker has been asked for ends here. What may have been accepted is cancelled by its holder, as soon as we
/// know that there is one: CANCEL could otherwise overtake a SUBMIT that is said again. So it is said again, too, where
/// a dead worker may have had it copied.
void SubmitterRole::on_cancel(const CancelTask& cancel, Now now, Effects& out) {
  const std::uint32_t slot = tasks_.find(cancel.id);
  if (slot == no_slot || tasks_.at(slot).stage == FlyingTask::Stage::held) {
    return ask_cancel(cancel.token, cancel.id, now, out);
  }
  FlyingTask& task = tasks_.at(slot);
  task.cancel_wanted = true;
  if (cancel.token != 0) cancels_.add(cancel.id, cancel.token);
  if (task.stage == FlyingTask::Stage::waiting && !task.perhaps_held()) end_cancelled(slot, now, out);
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
  const std::vector<Token> tokens = cancels_.take(id);
  if (tokens.empty()) return ask_cancel(0, id, now, out);
  for (const Token token : tokens) ask_cancel(token, id, now, out);
}

/// It has ended before its holder was asked.
void SubmitterRole::tell_cancels(const proto::TaskReport& report, Effects& out) {
  for (const Token token : cancels_.take(report.id)) out.notify.emplace_back(cancellation(token, report));
}

}  // namespace taskmesh::core
