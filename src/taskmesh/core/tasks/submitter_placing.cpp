// SubmitterRole: placing, sending and saying again.
#include <algorithm>

#include "taskmesh/core/tasks/spans.hpp"
#include "taskmesh/core/tasks/submitter_role.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration check_every = 5s;  // A holder is asked about what it holds for us.
/// The worker that has a task also watches its deadline; it gets this long to
/// say so first.
constexpr Duration deadline_margin = 200ms;

/// Of the delay that the task was submitted with.
std::uint64_t delay_left(const FlyingTask& task, Now now) {
  const Duration left = span_of_ms(task.submit.terms->delay_ms) - (now.at - task.submitted_at);
  return left > Duration::zero() ? ms_of_span(left) : 0;
}

}  // namespace

/// A young client hears all workers that it dialled before it chooses among
/// them.
bool SubmitterRole::may_place(Now now) {
  if (placing_) return true;
  if (!first_greeted_at_) return false;
  placing_ = now.at >= *first_greeted_at_ + limits::first_welcomes || !membership_.settling(now.at);
  return placing_;
}

void SubmitterRole::look_for_changes(Now now) {
  if (membership_.alive() == 0) {
    reachable_since_.reset();
  } else if (!reachable_since_) {
    reachable_since_ = now.at;
  }
  const bool resumed = resume_at_ && now.at >= *resume_at_;
  if (!room_ && !resumed && seen_version_ == membership_.version()) return;
  seen_version_ = membership_.version();
  room_ = false;
  resume_at_.reset();
  waiting_.unblock();
}

void SubmitterRole::place(Now now, Effects& out) {
  look_for_changes(now);
  if (waiting_.size() == 0 || !may_place(now)) return;
  for (std::uint32_t slot = waiting_.front(); slot != no_slot; slot = waiting_.front()) {
    const FlyingTask& task = tasks_.at(slot);
    const bool keyed =
        task.submit.terms.has_value() && !task.submit.terms->key.empty() && !rules_.is_broken(21);
    const auto choice =
        keyed ? placement_.choose_by_key(task.submit.name, task.submit.terms->key, task.bytes, now.at)
              : placement_.choose(task.submit.name, task.bytes, now.at);
    WorkerLink* const worker =
        choice.verdict == Placement::Verdict::placed ? worker_at(choice.link) : nullptr;
    if (worker != nullptr) {
      waiting_.remove(slot);
      send(slot, *worker, now, out);
    } else if (!keyed || !waiting_.wait_for(slot, choice.node)) {
      waiting_.block(slot, choice.verdict == Placement::Verdict::not_served);
    }
  }
  end_unserved(now, out);
}

/// A name that no reachable worker serves has name_grace to find one.
void SubmitterRole::end_unserved(Now now, Effects& out) {
  if (!reachable_since_ || now.at < *reachable_since_ + limits::name_grace) return;
  const TimePoint then = now.at - limits::name_grace;
  for (auto slot = waiting_.unserved_since(then); slot != no_slot; slot = waiting_.unserved_since(then)) {
    end_here(slot, TaskState::failure, not_served_error(tasks_.at(slot)), now, out);
  }
}

void SubmitterRole::send(std::uint32_t slot, WorkerLink& worker, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  task.stage = FlyingTask::Stage::sent;
  task.worker = &worker;
  if (!task.sent_before) task.first_sent_at = now.at;
  tasks_.append(worker.sent, slot);
  loads_.placed(worker.node);
  placement_.sent_bytes(worker.node, task.bytes);
  say(slot, now, out);
}

/// Writes the SUBMIT, with a new number on the worker's link.
void SubmitterRole::say(std::uint32_t slot, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  WorkerLink& worker = *task.worker;
  const SubmitTask& wish = task.submit;
  Send& sent = out.send.emplace_back();
  sent.link = worker.link;
  auto& submit = sent.message.emplace<proto::Submit>();  // Written in place: messages are large.
  task.seq = worker.next_seq();
  worker.by_seq.push_back(slot);
  submit.seq = task.seq;
  submit.id = wish.id;
  submit.priority = wish.priority;
  task.wait_said = task.awaited();
  if (task.wait_said) submit.flags |= proto::Submit::wait_flag;
  if (task.sent_before) submit.flags |= proto::Submit::again_flag;
  submit.reply_codec = wish.reply_codec;
  submit.codec = wish.args.codec;
  submit.settled = instance_of(wish.id) == config_.client_instance ? tasks_.settled() : 0;
  if (wish.deadline) submit.deadline_ms = ms_of_span(task.deadline - now.at);
  if (wish.time_limit) submit.time_limit_ms = ms_of_span(*wish.time_limit);
  if (wish.result_ttl) submit.result_ttl_ms = ms_of_span(*wish.result_ttl);
  submit.age_ms = task.sent_before ? ms_of_span(now.at - task.first_sent_at) : 0;
  submit.name = wish.name;
  if (!wish.callback_address.empty()) [[unlikely]] {
    submit.callback_address = wish.callback_address;
    submit.callback_data = wish.callback_data;
  }
  submit.args = wish.args.bytes;
  if (wish.terms.has_value()) [[unlikely]] {
    submit.terms = wish.terms;
    submit.terms.edit().delay_ms = delay_left(task, now);
  }
  task.sent_before = true;
  task.at = now.at;
}

/// Says again what has had no answer for resend_after, if the worker has been
/// heard since: to one that is silent the first sending is still under way.
void SubmitterRole::resend_due(WorkerLink& worker, Now now, Effects& out) {
  if (!worker.ready || worker.sent.empty()) return;
  const Peer* peer = membership_.by_node(worker.node);
  if (peer == nullptr) return;
  while (true) {
    const std::uint32_t slot = worker.sent.head;
    FlyingTask& task = tasks_.at(slot);
    if (task.at + limits::resend_after > now.at || peer->last_heard <= task.at) return;
    tasks_.unlink(slot);
    tasks_.append(worker.sent, slot);
    ++counters_.resent;
    say(slot, now, out);
    forget_answered(worker);
  }
}

/// Registers our waits (again) for what this worker holds and was last asked
/// about before then.
void SubmitterRole::ask_held(WorkerLink& worker, TimePoint asked_before, Now now, Effects& out) {
  proto::Query query{.flags = proto::Query::wait_flag};
  const auto flush = [&] {
    if (!query.ids.empty()) out.send.push_back({worker.link, query});
    query.ids.clear();
  };
  std::vector<std::uint32_t> slots;
  for (std::uint32_t slot = worker.held.head; slot != no_slot; slot = tasks_.at(slot).next) {
    if (tasks_.at(slot).at > asked_before) break;
    slots.push_back(slot);
  }
  for (const std::uint32_t slot : slots) {
    FlyingTask& task = tasks_.at(slot);
    task.at = now.at;
    tasks_.unlink(slot);
    tasks_.append(worker.held, slot);
    if (query.reply_codec != task.submit.reply_codec) flush();
    query.reply_codec = task.submit.reply_codec;
    query.ids.push_back(task.submit.id);
    if (query.ids.size() == limits::query_ids_max) flush();
  }
  flush();
  if (!slots.empty()) worker.next_check = now.at + check_every;
}

/// The worker has accepted a task without knowing that somebody waits by now.
void SubmitterRole::ask_one(std::uint32_t slot, WorkerLink& worker, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  task.wait_said = true;
  proto::Query query{.flags = proto::Query::wait_flag, .reply_codec = task.submit.reply_codec};
  query.ids.push_back(task.submit.id);
  out.send.push_back({worker.link, std::move(query)});
}

void SubmitterRole::expire_due(Now now, Effects& out) {
  for (auto slot = tasks_.take_overdue(now.at); slot != no_slot; slot = tasks_.take_overdue(now.at)) {
    FlyingTask& task = tasks_.at(slot);
    const bool elsewhere = task.worker != nullptr && task.worker->ready;
    if (elsewhere && task.give_up_at == task.deadline) {
      task.give_up_at = task.deadline + deadline_margin;
      tasks_.watch(slot);
      continue;
    }
    ++counters_.expired;
    const bool held = task.stage == FlyingTask::Stage::held;
    end_here(slot, TaskState::expired,
             {.kind = ErrorKind::timed_out,
              .what = "task " + to_string(task.submit.id) + " ('" + task.submit.name + "') has expired",
              .why = std::string("its deadline passed before ") +
                     (held ? "its end was known" : "a worker accepted it"),
              .fix = "give it a later deadline, or add workers for it"},
             now, out);
  }
}

void SubmitterRole::on_tick(Now now, Effects& out) {
  expire_due(now, out);
  for (const auto& [node, worker] : workers_) {
    resend_due(*worker, now, out);
    if (worker->ready && now.at >= worker->next_check) ask_held(*worker, now.at - check_every, now, out);
  }
  questions_.on_tick(now, out);
  follow_again(now, out);
}

void SubmitterRole::on_turn_end(Now now, Effects& out) {
  place(now, out);
  questions_.on_turn_end(now, out);
  for (const auto& [node, worker] : workers_) {
    ask_followed(*worker, out);
    if (worker->acks.empty()) continue;
    out.send.push_back({worker->link, proto::NotifyAck{std::move(worker->acks)}});
    worker->acks.clear();
  }
  set_wake(now, out);
}

void SubmitterRole::set_wake(Now now, Effects& out) {
  if (const auto deadline = tasks_.next_deadline()) out.wake_by(*deadline);
  if (!following_.empty()) out.wake_by(following_.front().at);
  if (waiting_.size() > 0) {
    if (!placing_ && first_greeted_at_) out.wake_by(*first_greeted_at_ + limits::first_welcomes);
    resume_at_ = placement_.next_resume(now.at);
    if (waiting_.blocked() && resume_at_) out.wake_by(*resume_at_);
    const auto oldest = waiting_.oldest_unserved();
    if (oldest && reachable_since_) {
      out.wake_by(std::max(*oldest, *reachable_since_) + limits::name_grace);
    }
  }
  for (const auto& [node, life] : workers_) {
    const WorkerLink& worker = *life;
    if (!worker.ready) continue;
    if (!worker.sent.empty()) {
      const TimePoint sent_at = tasks_.at(worker.sent.head).at;
      const Peer* peer = membership_.by_node(node);
      const bool heard = peer != nullptr && peer->last_heard > sent_at;
      const TimePoint again = sent_at + limits::resend_after;
      if (heard || again > now.at) out.wake_by(again);
    }
    if (!worker.held.empty()) {
      out.wake_by(std::max(worker.next_check, tasks_.at(worker.held.head).at + check_every));
    }
  }
}

}  // namespace taskmesh::core
