// ExecutorRole: what is told to who asks: QUERY and CANCEL.
#include <algorithm>
#include <memory>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"

namespace taskmesh::core {

void ExecutorRole::on_query(LinkId link, const proto::Query& query, Now now, Effects& out) {
  if (query.ids.size() > limits::query_ids_max) return refuse_too_many(link, proto::Type::query, out);
  answers_.open(link);
  for (const TaskId& id : query.ids) {
    if (is_told_soon(id, query) &&
        answer_later({.id = id, .link = link, .request = query.request, .reply_codec = query.reply_codec})) {
      continue;
    }
    out.send.push_back({link, proto::Status{query.request, about(id, link, query, now)}});
    if (giver_ != nullptr && giver_->has_given()) send_after(link, id, out);
  }
}

void ExecutorRole::on_cancel(LinkId link, const proto::Cancel& cancel, Now now, Effects& out) {
  if (cancel.ids.size() > limits::query_ids_max) return refuse_too_many(link, proto::Type::cancel, out);
  answers_.open(link);
  for (const TaskId& id : cancel.ids) cancel_one(link, cancel.request, id, true, now, out);
}

/// What a keeper asks for it asks its owner for; so nothing goes in circles.
void ExecutorRole::on_cancel_of_keeper(LinkId link, const proto::Cancel& cancel, Now now, Effects& out) {
  if (cancel.ids.size() > limits::query_ids_max) return refuse_too_many(link, proto::Type::cancel, out);
  for (const TaskId& id : cancel.ids) cancel_one(link, cancel.request, id, false, now, out);
}

void ExecutorRole::cancel_one(LinkId link, std::uint64_t request, const TaskId& id, bool ask_owner, Now now,
                              Effects& out) {
  if (TaskRecord* task = find(id)) {
    this->cancel(*task, now, out);
    task = find(id);
    if (task != nullptr && task->place == Place::telling) {  // The end is told when others know it.
      answer_later({.id = id, .link = link, .request = request, .cancels = true});
      return;
    }
  } else if (ask_owner && replicas_of(id) > 0 && keeper_ != nullptr && keeper_->cancel(id, link, request)) {
    return;  // Its owner is asked.
  }
  proto::TaskReport report = about(id, link, {}, now);
  // Given away: whoever has it is found by asking the others.
  if (giver_ != nullptr && giver_->taker_of(id)) report = {.id = id};
  report.result = {};  // Who cancels does not want it.
  report.codec = Codec::none;
  out.send.push_back({link, proto::Status{request, std::move(report)}});
}

/// Who has recorded its end has perhaps told it, so `running` may be an answer from the past.
bool ExecutorRole::is_told_soon(const TaskId& id, const proto::Query& query) const {
  if ((query.flags & proto::Query::wait_flag) != 0) return false;  // It is told the end as well.
  const TaskRecord* task = find(id);
  return task != nullptr && task->place == Place::telling;
}

/// False: it waits already, or there is no room.
bool ExecutorRole::answer_later(const LateAsk& ask) {
  const bool known = std::ranges::any_of(late_asks_, [&](const LateAsk& other) {
    return other.id == ask.id && other.link == ask.link && other.request == ask.request;
  });
  if (known || late_asks_.size() >= limits::cancel_asks_max) return false;
  late_asks_.push_back(ask);
  return true;
}

/// Its end is told: also to who has asked for it or cancelled it.
void ExecutorRole::answer_late(const TaskId& id, Now now) {
  std::erase_if(late_asks_, [&](const LateAsk& ask) {
    if (ask.id != id) return false;
    proto::TaskReport report = about(id, ask.link, {.reply_codec = ask.reply_codec, .ids = {}}, now);
    if (ask.cancels) {
      report.result = {};
      report.codec = Codec::none;
    }
    late_answers_.push_back({ask.link, proto::Status{ask.request, std::move(report)}});
    return true;
  });
}

void ExecutorRole::refuse_too_many(LinkId link, proto::Type type, Effects& out) {
  ++counters_.bad_input;
  out.send.push_back({link, proto::ErrorReport{.code = static_cast<std::uint16_t>(proto::Code::too_large),
                                               .about = static_cast<std::uint16_t>(type),
                                               .text = "one record names at most " +
                                                       std::to_string(limits::query_ids_max) + " ids"}});
}

proto::TaskReport ExecutorRole::about(const TaskId& id, LinkId link, const proto::Query& query, Now now) {
  if (TaskRecord* task = find(id)) {
    if ((query.flags & proto::Query::wait_flag) != 0) add_waiter(*task, {link, query.reply_codec});
    proto::TaskReport report;
    describe(*task, report);
    return report;
  }
  if (replicas_of(id) > 0 && keeper_ != nullptr) {
    if (auto report = keeper_->about(id, query.reply_codec, now)) {
      const bool wait = (query.flags & proto::Query::wait_flag) != 0;
      if (wait && !is_terminal(report->state)) keeper_->add_waiter(id, {link, query.reply_codec});
      return std::move(*report);
    }
  }
  proto::TaskReport report{.id = id};
  if (const NodeId taker = giver_ != nullptr ? giver_->taker_of(id) : NodeId{}) {
    report.state = TaskState::queued;
    report.worker = taker;
    return report;
  }
  if (const EndedPtr ended = cache_.find(id, now.at)) {
    report = report_for(*ended, query.reply_codec);
  } else if (auto remembered = cache_.remembered(id)) {
    report = std::move(*remembered);
    report.submitted_at = submitted_at(id);
    report.worker = config_.self.node;
    report.worker_name = config_.self.name;
  }
  if (const auto callback = cache_.callback(id)) report.callback = *callback;
  if (report.state == TaskState::unknown && keeper_ != nullptr && keeper_->misses_somebody()) {
    report.flags |= proto::TaskReport::unsure_flag;
  }
  return report;
}

/// Of a task that has not ended.
void ExecutorRole::describe(const TaskRecord& task, proto::TaskReport& report) const {
  report.id = task.submit.id;
  report.state = task.state;
  if (task.place == Place::copying && !task.claimed_anew && task.submit.terms.has_value() &&
      task.submit.terms->delay_ms != 0) {
    report.state = TaskState::scheduled;  // As it will be when it is copied.
  }
  report.callback = task.submit.callback_address.empty() ? CallbackState::none : CallbackState::pending;
  if (task.cancel_wanted) report.flags |= proto::TaskReport::stopping_flag;
  report.attempt = task.attempt;
  report.submitted_at = submitted_at(task.submit.id);
  report.started_at = task.started_at;
  report.worker = config_.self.node;
  report.worker_name = config_.self.name;
  report.name = config_.self.serves[task.name];
  report.fault = task.last_fault;
  if (keys_.waiting() == 0) return;
  const TaskId first = keys_.joined(task.submit.id);
  if (!first) return;
  report.joined = proto::Joined{first};
  if (const TaskRecord* other = find(first)) {
    report.state = other->state;
    report.attempt = other->attempt;
    report.started_at = other->started_at;
    report.fault = other->last_fault;
  }
}

/// What is told to who waits for a task that ended long ago. Without even its state it counts as lost.
EndedPtr ExecutorRole::remains_of(const TaskId& id, std::optional<proto::TaskReport> remembered) const {
  auto ended = make_recycled<Ended>();
  if (remembered) {
    ended->report = std::move(*remembered);
  } else {
    ended->report = {.id = id, .state = TaskState::lost, .flags = proto::TaskReport::value_gone_flag};
    ended->report.fault = fault_of(ErrorKind::lost, id, "ended, nobody knows how",
                                   "it was accepted here before, and its end is no longer remembered",
                                   "look for its effects before you submit it anew");
  }
  ended->report.submitted_at = submitted_at(id);
  ended->report.worker = config_.self.node;
  ended->report.worker_name = config_.self.name;
  return ended;
}

}  // namespace taskmesh::core
