#include "taskmesh/core/tasks/submitter_role.hpp"

#include <algorithm>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

namespace {

/// The face keeps to in_flight_max; what it has under way meanwhile may exceed it, but not by this much.
constexpr std::size_t in_flight_slack = 2;
/// Refusals of one task for its name, by workers that claim to serve it.
constexpr std::uint8_t refusals_max = 3;
constexpr Duration unknown_again = 5s;  // Two UNKNOWN this far apart are believed.

void add_seq(std::vector<proto::Range>& ranges, std::uint64_t seq) {
  if (!ranges.empty() && ranges.back().last + 1 == seq) {
    ranges.back().last = seq;
  } else if (ranges.empty() || seq < ranges.back().first || seq > ranges.back().last) {
    ranges.push_back({seq, seq});
  }
}

}  // namespace

SubmitterRole::SubmitterRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                             Rules rules)
    : config_(config),
      rules_(rules),
      counters_(counters),
      membership_(membership),
      loads_(config.seed + 1),
      placement_(membership, loads_, config.seed),
      tasks_(config.client_instance),
      waiting_(tasks_),
      questions_(counters, membership),
      copy_order_(membership) {}

void SubmitterRole::on_submit(SubmitTask&& submit, Now now, Effects& out) {
  if (const std::uint32_t known = tasks_.find(submit.id); known != no_slot) {
    if (submit.wait && submit.token != 0) add_token(known, submit.token);
    return;
  }
  const std::uint32_t slot = tasks_.insert(std::move(submit), now);
  const FlyingTask& task = tasks_.at(slot);
  ++pending_;
  if (tasks_.size() > in_flight_slack * config_.in_flight_max) {
    end_here(
        slot, TaskState::failure,
        {.kind = ErrorKind::overloaded,
         .what = "task " + to_string(task.submit.id) + " was not submitted",
         .why = "this client has " + std::to_string(config_.in_flight_max) + " tasks in flight, the limit",
         .fix = "wait for some to end, or add workers"},
        now, out);
    return;
  }
  waiting_.push(slot, false);
}

// ---- Answers of workers -------------------------------------------------------------------------------

WorkerLink* SubmitterRole::worker_at(LinkId link) {
  const auto found = by_link_.find(link);
  return found == by_link_.end() || !found->second->ready ? nullptr : found->second;
}

template <class Visit>
void SubmitterRole::for_each_answered(WorkerLink& worker, const std::vector<proto::Range>& seqs,
                                      Visit visit) {
  // Honest ranges do not overlap, so together they name at most what was sent.
  std::size_t budget = worker.by_seq.size();
  for (const proto::Range& range : seqs) {
    const std::uint64_t first = std::max(range.first, worker.first_seq);
    const std::uint64_t end =
        std::min(range.last, worker.next_seq() - 1) + 1;  // What was never sent has no end.
    for (std::uint64_t seq = first; seq < end && budget > 0; ++seq, --budget) {
      const std::uint32_t slot = worker.by_seq[seq - worker.first_seq];
      const FlyingTask& task = tasks_.at(slot);
      if (task.stage == FlyingTask::Stage::sent && task.worker == &worker && task.seq == seq) visit(slot);
    }
  }
  forget_answered(worker);
}

/// Numbers at the front that no task answers to any more.
void SubmitterRole::forget_answered(WorkerLink& worker) {
  while (!worker.by_seq.empty()) {
    const FlyingTask& task = tasks_.at(worker.by_seq.front());
    if (task.stage == FlyingTask::Stage::sent && task.worker == &worker && task.seq == worker.first_seq)
      return;
    worker.by_seq.pop_front();
    ++worker.first_seq;
  }
}

/// What a worker held for us has ended, or nobody waits for its end any more.
void SubmitterRole::settle_load(FlyingTask& task) {
  if (std::exchange(task.weighs, false)) loads_.released(task.worker->node);
}

/// An unanswered SUBMIT is answered, or nobody expects its answer any more.
void SubmitterRole::settle_answer(FlyingTask& task) {
  if (task.stage != FlyingTask::Stage::sent) return;
  room_ = true;
  loads_.answered(task.worker->node);
  placement_.answered_bytes(task.worker->node, task.bytes);
}

void SubmitterRole::accept(std::uint32_t slot, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  WorkerLink& worker = *task.worker;
  const bool cancelled = task.cancel_wanted;
  const TaskId id = task.submit.id;
  settle_answer(task);
  tell_accepted(task, worker.node, out);
  if (!task.awaited()) {
    remember_holder(id, worker);
    tasks_.erase(slot);
    if (cancelled) cancel_accepted(id, now, out);
    return;
  }
  task.submit.args = Payload{};
  task.bytes = 0;
  // What waits for its time is no load.
  task.weighs = !task.submit.terms.has_value() || task.submit.terms->delay_ms == 0;
  if (task.weighs) loads_.held(worker.node);
  task.stage = FlyingTask::Stage::held;
  task.at = now.at;
  tasks_.unlink(slot);
  tasks_.append(worker.held, slot);
  if (!task.wait_said) ask_one(slot, worker, out);
  task.cancel_wanted = false;
  if (cancelled) cancel_accepted(id, now, out);
}

void SubmitterRole::on_accepted(LinkId link, const proto::Accepted& accepted, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  loads_.on_answer(worker->node, accepted.load, now.at);
  worker->busy_pause = Duration::zero();
  for_each_answered(*worker, accepted.seqs, [&](std::uint32_t slot) {
    if (!accepted.copies.empty()) note_copies(tasks_.at(slot), accepted);
    accept(slot, now, out);
  });
}

/// It waits for a place again, before those that were never sent.
void SubmitterRole::take_back(std::uint32_t slot, Now now, Effects& out) {
  FlyingTask& task = tasks_.at(slot);
  if (task.cancel_wanted && !task.perhaps_held()) return end_cancelled(slot, now, out);
  settle_answer(task);
  tasks_.unlink(slot);
  waiting_.push(slot, true);
}

void SubmitterRole::on_busy(LinkId link, const proto::Busy& busy, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  loads_.on_answer(worker->node, busy.load, now.at);
  if (now.at >= worker->busy_until) {
    const Duration doubled = std::max<Duration>(limits::busy_retry, 2 * worker->busy_pause);
    worker->busy_pause = std::min<Duration>(doubled, limits::busy_retry_max);
  }
  const auto asked = std::chrono::milliseconds(std::min<std::uint64_t>(busy.retry_after_ms, 3'600'000));
  const TimePoint until = now.at + std::max<Duration>(worker->busy_pause, asked);
  worker->busy_until = std::max(worker->busy_until, until);
  placement_.pause(worker->node, worker->busy_until);
  for_each_answered(*worker, busy.seqs, [&](std::uint32_t slot) {
    ++counters_.busy;
    take_back(slot, now, out);
  });
}

void SubmitterRole::on_reject(LinkId link, const proto::Reject& reject, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  for_each_answered(*worker, {{reject.seq, reject.seq}}, [&](std::uint32_t slot) {
    FlyingTask& task = tasks_.at(slot);
    if (task.submit.id != reject.id) return;
    ++counters_.rejected;
    const bool elsewhere = reject.code == static_cast<std::uint16_t>(proto::Code::no_such_queue);
    if (elsewhere && ++task.refusals < refusals_max) {
      take_back(slot, now, out);
    } else {
      // Nobody calls an address that a worker has refused.
      if (reject.code == static_cast<std::uint16_t>(proto::Code::callback_refused)) {
        task.submit.callback_address.clear();
      }
      end_here(slot, TaskState::failure, reject.fault.to_error(), now, out);
    }
  });
}

void SubmitterRole::on_notify(LinkId link, proto::Notify&& notify, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  if (notify.seq == 0 || !notify.report->id || !is_terminal(notify.report->state)) {
    ++counters_.bad_input;  // Not the end of a task: nobody who waits for one is told.
    return;
  }
  add_seq(worker->acks, notify.seq);
  loads_.on_answer(worker->node, notify.load, now.at);
  const bool asked = questions_.size() > 0 && questions_.on_end(*notify.report, out);
  const std::uint32_t slot = tasks_.find(notify.report->id);
  if (slot != no_slot) {
    complete(slot, std::move(notify.report), out);
    forget_answered(*worker);
  } else if (!asked) {
    ++(ends_.contains(notify.report->id) ? counters_.late_ends : counters_.events_repeated);
  }
}

void SubmitterRole::on_status(LinkId link, proto::Status&& status, Now now, Effects& out) {
  WorkerLink* worker = worker_at(link);
  if (worker == nullptr) return;
  if (status.request == 0) {
    on_held_status(*worker, std::move(status), now, out);
  } else if (const auto holder = questions_.on_status(worker->node, std::move(status), now, out)) {
    hold_for(*holder, now);
  }
}

/// The answer about a task that this worker accepted and we wait for.
void SubmitterRole::on_held_status(WorkerLink& worker, proto::Status&& status, Now now, Effects& out) {
  const std::uint32_t slot = tasks_.find(status.report.id);
  if (slot == no_slot) return;
  FlyingTask& task = tasks_.at(slot);
  if (task.stage != FlyingTask::Stage::held || task.worker != &worker) return;
  if (is_terminal(status.report.state)) {
    complete(slot, std::move(status.report), out);
  } else if (status.report.state != TaskState::unknown) {
    task.unknown_at.reset();
    if (status.report.worker == worker.node) task.moved.reset();  // Else it is hearsay.
  } else if (replicas_of(task.submit.id) > 0 || task.moved.has_value()) {
    if ((status.report.flags & proto::TaskReport::unsure_flag) != 0) unsure_at_ = now.at;
    follow(slot, place_in_order(task), now, out);
  } else if (!task.unknown_at) {
    task.unknown_at = task.at;
  } else if (task.at >= *task.unknown_at + unknown_again) {
    end_lost(slot, worker, now, out);
  }
}

void SubmitterRole::on_heartbeat_load(LinkId link, const proto::Load& load, Now now) {
  if (const Peer* peer = membership_.by_link(link)) loads_.on_heartbeat(peer->member.node, load, now.at);
}

void SubmitterRole::on_welcome_load(LinkId link, const proto::Load& load, Now now) {
  if (const Peer* peer = membership_.by_link(link)) loads_.on_answer(peer->member.node, load, now.at);
}

// ---- Workers come and go ------------------------------------------------------------------------------

void SubmitterRole::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  if (change.what == PeerChange::What::greeted) {
    on_worker_greeted(change, now, out);
  } else if (const auto found = workers_.find(change.node); found != workers_.end()) {
    if (change.what == PeerChange::What::cut) {
      // Unanswered ones are said again when it greets, or placed anew if it dies.
      found->second->ready = false;
      found->second->acks.clear();
    } else {
      on_worker_gone(*found->second, change.what == PeerChange::What::left, now, out);
    }
  }
  questions_.on_peer_change(change, now, out);
}

void SubmitterRole::on_worker_greeted(const PeerChange& change, Now now, Effects& out) {
  std::unique_ptr<WorkerLink>& life = workers_[change.node];
  if (life && life->incarnation != change.incarnation && life->remembered > 0) {
    former_.push_back(std::exchange(life, nullptr));
  }
  if (!life) life = std::make_unique<WorkerLink>();
  WorkerLink& worker = *life;
  worker.incarnation = change.incarnation;
  if (worker.link != change.link) by_link_.erase(worker.link);
  worker.node = change.node;
  worker.link = change.link;
  by_link_[change.link] = &worker;
  if (const Peer* peer = membership_.by_node(change.node)) worker.name = peer->member.name;
  worker.ready = true;
  worker.gone = false;
  worker.left = false;
  worker.first_seq = 1;
  worker.by_seq.clear();
  worker.acks.clear();
  worker.busy_pause = Duration::zero();
  if (!first_greeted_at_) first_greeted_at_ = now.at;

  for (std::uint32_t slot = worker.sent.head; slot != no_slot; slot = tasks_.at(slot).next) {
    ++counters_.resent;
    say(slot, now, out);
  }
  ask_held(worker, now.at, now, out);
  for (std::uint32_t slot = homeless_.head, next = no_slot; slot != no_slot; slot = next) {
    next = tasks_.at(slot).next;
    rehome(slot, worker, now);
  }
}

void SubmitterRole::on_worker_gone(WorkerLink& worker, bool left, Now now, Effects& out) {
  worker.ready = false;
  worker.gone = true;
  worker.left = left;
  worker.by_seq.clear();
  worker.acks.clear();
  by_link_.erase(worker.link);
  while (!worker.sent.empty()) {
    // Asked and not answered: it may have run, it may even be what killed the worker. It goes elsewhere once. Where
    // somebody may hold a copy it has not been started before that, and its keepers find out whether it kills.
    FlyingTask& task = tasks_.at(worker.sent.head);
    const bool copied = replicas_of(task.submit.id) > 0;
    const bool alone = membership_.alive() == 0;
    const bool enough = copied ? task.bereaved && alone : task.bereaved || alone;
    if (!left && (enough || is_once(task.submit.id))) {
      end_lost(worker.sent.head, worker, now, out);
    } else {
      task.bereaved = task.bereaved || !left;
      take_back(worker.sent.head, now, out);
    }
  }
  worker.ask.clear();
  while (!worker.held.empty()) {
    const std::uint32_t slot = worker.held.head;
    const FlyingTask& task = tasks_.at(slot);
    if (replicas_of(task.submit.id) > 0 || (task.moved.has_value() && membership_.alive() > 0)) {
      follow(slot, {}, now, out);
    } else {
      end_lost(slot, worker, now, out);
    }
  }
  loads_.forget(worker.node);
  placement_.forget(worker.node);
  forget_if_useless(worker);
}

void SubmitterRole::forget_if_useless(const WorkerLink& worker) {
  if (!worker.gone || worker.remembered > 0) return;
  const auto current = workers_.find(worker.node);
  if (current != workers_.end() && current->second.get() == &worker) {
    workers_.erase(current);
  } else {
    std::erase_if(former_, [&](const auto& life) { return life.get() == &worker; });
  }
}

}  // namespace taskmesh::core
