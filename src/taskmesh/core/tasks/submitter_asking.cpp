// SubmitterRole: questions of the face, and the tokens that wait.
#include <algorithm>

#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

/// What this client knows of the id by itself.
QueryBook::Wanted SubmitterRole::look_up(const TaskId& id, Now now) const {
  QueryBook::Wanted wanted{.id = id};
  if (const std::uint32_t slot = tasks_.find(id); slot != no_slot) {
    const FlyingTask& task = tasks_.at(slot);
    if (task.pending()) {
      proto::TaskReport pending{.id = id, .state = TaskState::pending};
      pending.name = task.submit.name;
      pending.submitted_at = task.submitted_wall;
      // Its answer may be under way while others (a callback listener, say) know of the end already.
      const bool asked = task.stage == FlyingTask::Stage::sent && task.worker->ready;
      if (asked) wanted.holder = task.worker->node;
      (asked ? wanted.otherwise : wanted.known) = std::move(pending);
    } else if (task.worker != nullptr) {
      wanted.holder = task.worker->node;
    }
  } else if (const auto end = ends_.find(id); end != ends_.end()) {
    wanted.known = end->second;
  } else if (const WorkerLink* held = holders_.find(id); held != nullptr) {
    const WorkerLink& worker = *held;
    const bool copied = replicas_of(id) > 0;
    const bool elsewhere = copied || worker.left;  // Who leaves gives what it has not started to others.
    if (!worker.gone || !elsewhere) wanted.holder = worker.node;
    if (worker.gone && !elsewhere) {
      wanted.known = lost_report(id, {}, worker.node, worker.name, worker.left, now);
    }
  }
  return wanted;
}

void SubmitterRole::on_query(QueryTasks&& query, Now now, Effects& out) {
  if (query.wait) {
    for (const TaskId& id : query.ids) wait_for(id, query, now, out);
    return;
  }
  std::vector<QueryBook::Wanted> wanted;
  wanted.reserve(query.ids.size());
  for (const TaskId& id : query.ids) wanted.push_back(look_up(id, now));
  questions_.ask(query.token, QueryBook::Kind::status, query.reply_codec, std::move(wanted), now, out);
}

void SubmitterRole::wait_for(const TaskId& id, const QueryTasks& query, Now now, Effects& out) {
  if (const std::uint32_t slot = tasks_.find(id); slot != no_slot) {
    add_token(slot, query.token);
    return;  // Still pending: the SUBMIT, or a QUERY at its acceptance, says that we wait.
  }
  auto wanted = look_up(id, now);
  if (wanted.known) {
    out.notify.emplace_back(Completed{query.token, std::move(*wanted.known)});
    return;
  }
  std::vector<QueryBook::Wanted> one;
  one.push_back(std::move(wanted));
  questions_.ask(query.token, QueryBook::Kind::wait, query.reply_codec, std::move(one), now, out);
}

/// A question found the holder, and the holder now knows that we wait: like a task of our own from here on.
void SubmitterRole::hold_for(const QueryBook::Holder& holder, Now now) {
  std::uint32_t slot = tasks_.find(holder.id);
  if (slot == no_slot) {
    const auto worker = workers_.find(holder.node);
    if (worker == workers_.end()) return;
    slot = tasks_.adopt(holder.id, holder.reply_codec, now);
    FlyingTask& task = tasks_.at(slot);
    task.stage = FlyingTask::Stage::held;
    task.worker = worker->second.get();
    task.at = now.at;
    task.wait_said = true;
    tasks_.append(worker->second->held, slot);
  }
  add_token(slot, holder.token);
}

void SubmitterRole::add_token(std::uint32_t slot, Token token) {
  FlyingTask& task = tasks_.at(slot);
  if (task.submit.token == 0) {
    task.submit.token = token;
  } else {
    task.more.push_back(token);
  }
}

/// False: it does not wait for this task.
bool SubmitterRole::remove_token(std::uint32_t slot, Token token) {
  FlyingTask& task = tasks_.at(slot);
  if (task.submit.token != token) return std::erase(task.more, token) > 0;
  task.submit.token = 0;
  if (task.more.empty()) return true;
  task.submit.token = task.more.back();
  task.more.pop_back();
  return true;
}

void SubmitterRole::on_await_accepted(const AwaitAccepted& await, Now, Effects& out) {
  if (!await.id) {
    if (pending_ == 0) {
      out.notify.emplace_back(Acceptance{.token = await.token});
    } else {
      flushes_.push_back({await.token, tasks_.next_serial(), pending_});
    }
    return;
  }
  Acceptance answer{.token = await.token, .id = await.id};
  const auto recent = [&] {
    return std::find_if(recent_.begin(), recent_.end(),
                        [&](const RecentEnd& end) { return end.id == await.id; });
  };
  if (const std::uint32_t slot = tasks_.find(await.id); slot != no_slot) {
    FlyingTask& task = tasks_.at(slot);
    if (task.pending()) {
      task.acceptance_awaited = true;
      acceptance_.add(await.id, await.token);
      return;
    }
    answer.nodes = holders_of(task, task.worker == nullptr ? NodeId{} : task.worker->node);
  } else if (const auto end = ends_.find(await.id); end != ends_.end()) {
    answer.error = end->second.fault->to_error();
  } else if (const WorkerLink* held = holders_.find(await.id); held != nullptr) {
    answer.nodes = {held->node};
    for (const RecentCopies& copies : recent_copies_) {
      if (copies.id == await.id)
        answer.nodes.insert(answer.nodes.end(), copies.nodes.begin(), copies.nodes.end());
    }
  } else if (const auto known = recent(); known != recent_.end()) {
    answer.nodes = {known->node};
  } else {
    answer.error = Error{.kind = ErrorKind::not_found,
                         .what = "the acceptance of task " + to_string(await.id) + " is not known",
                         .why = "this client did not submit it, or too long ago",
                         .fix = "ask for its result instead"};
  }
  out.notify.emplace_back(std::move(answer));
}

void SubmitterRole::on_abandon(const Abandon& abandon, Now now, Effects& out) {
  // Nobody waits for the answer to a cancel any more; the wish stands.
  if (questions_.abandon(abandon.token) || cancels_.drop(abandon.token)) return;
  std::erase_if(flushes_, [&](const Flush& flush) { return flush.token == abandon.token; });
  acceptance_.drop(abandon.token);
  const std::uint32_t slot = tasks_.find(abandon.id);
  if (slot == no_slot || abandon.token == 0 || !remove_token(slot, abandon.token)) return;
  FlyingTask& task = tasks_.at(slot);
  if (task.awaited()) return;
  if (task.stage == FlyingTask::Stage::held) {
    if (task.worker != nullptr) remember_holder(task.submit.id, *task.worker);
    settle_load(task);
    tasks_.erase(slot);
  } else if (abandon.withdraw && !task.sent_before) {
    ++counters_.expired;
    end_here(slot, TaskState::expired,
             {.kind = ErrorKind::timed_out,
              .what = "task " + to_string(task.submit.id) + " ('" + task.submit.name + "') was not sent",
              .why = "its caller stopped waiting before a worker was found for it",
              .fix = "start a worker, or wait longer"},
             now, out);
  }
}

}  // namespace taskmesh::core
