#include "taskmesh/core/tasks/executor_role.hpp"

#include <algorithm>
#include <chrono>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

bool waits(const proto::Submit& submit) { return (submit.flags & proto::Submit::wait_flag) != 0; }

std::string mebibytes(std::uint64_t bytes) { return std::to_string(bytes >> 20); }

}  // namespace

ExecutorRole::ExecutorRole(const NodeConfig& config, NodeCounters& counters, CallbackOutbox& outbox,
                           EventTap& tap)
    : config_(config),
      counters_(counters),
      outbox_(outbox),
      tap_(tap),
      tasks_(config_.self.serves),
      slots_(config.self.slots, config.self.serves.size(), counters, tap),
      random_(config.seed),
      cache_(config.results_max, config.results_bytes_max, limits::remembered_max) {
  for (const std::string& name : config_.self.serves) {
    names_.emplace(name, static_cast<std::uint32_t>(&name - config_.self.serves.data()));
  }
}

// ---- Accepting
// ----------------------------------------------------------------------------------------

void ExecutorRole::on_submit(LinkId link, proto::Submit&& submit, Now now, Effects& out) {
  ++counters_.submits;
  answers_.open(link);
  if (const auto refusal = check_submit(submit, config_)) {
    reject(link, submit, refusal->code, refusal->error, out);
    return;
  }
  if (giver_ != nullptr && giver_->has_given() && send_after(link, submit.id, out)) [[unlikely]]
    return;
  const std::uint32_t* name = find_name(submit.name);
  if (!name) {
    reject(link, submit, proto::Code::no_such_queue,
           {ErrorKind::not_found, "nobody serves '" + submit.name + "' here",
            "worker '" + config_.self.name + "' does not serve that name",
            "start a worker that serves it, or correct the name"},
           out);
    return;
  }
  const bool again = (submit.flags & proto::Submit::again_flag) != 0;
  const auto answer = seen_.check(submit.id, submit.settled, again, span_of_ms(submit.age_ms), now.at);
  if (answer_known(link, submit, answer, now)) return;
  if (answer == SeenIds::Answer::too_old) {
    reject(link, submit, proto::Code::too_old,
           {ErrorKind::lost, "task " + to_string(submit.id) + " is not taken again",
            "it is too old to know whether it was accepted here before",
            "look for its effects before you submit it anew"},
           out);
    return;
  }
  if (refuse_for_now(link, submit)) {
    seen_.forget(submit.id);
    return;
  }
  accept(link, std::move(submit), *name, now);
}

/// Answers a SUBMIT whose id is known here. False: it is not.
bool ExecutorRole::answer_known(LinkId link, const proto::Submit& submit, SeenIds::Answer answer, Now now) {
  TaskRecord* task = find(submit.id);
  if (task) {
    ++counters_.duplicates;
    task->submit.seq = submit.seq;
    task->asked_on = link;
    if (waits(submit)) add_waiter(*task, {link, submit.reply_codec});
    // Claimed anew: who held it before may be gone (R1).
    if (task->place == Place::copying) task->unanswered = true;
    if (!task->unanswered) answers_.accepted(link, submit.seq);
    return true;
  }
  if (replicas_of(submit.id) > 0 && answer_held(link, submit)) return true;
  const bool first = answer == SeenIds::Answer::fresh && (submit.flags & proto::Submit::again_flag) == 0;
  const bool here = !strays_.empty() && is_stray(submit.id);
  if (first && !here) return false;  // The hot path ends here, before a look into the results.
  EndedPtr ended = cache_.find(submit.id, now.at);
  auto remembered = ended ? std::nullopt : cache_.remembered(submit.id);
  if (!ended && !remembered && !here && answer != SeenIds::Answer::seen) return false;
  ++counters_.duplicates;
  if (!waits(submit)) {
    answers_.accepted(link, submit.seq);
    return true;
  }
  // NOTIFY implies ACCEPTED.
  if (!ended) ended = remains_of(submit.id, std::move(remembered));
  outbox_.to_link(link, in_codec(ended, submit.reply_codec), now);
  return true;
}

/// Says BUSY if there is no room. False: there is, and it is taken where others
/// keep it.
bool ExecutorRole::refuse_for_now(LinkId link, const proto::Submit& submit) {
  if (draining()) {
    answers_.busy(link, submit.seq, proto::Code::draining, limits::busy_retry_max);
  } else if (short_of_memory_) {
    answers_.busy(link, submit.seq, proto::Code::busy, limits::memory_look_every);
  } else if (full(submit)) {
    answers_.busy(link, submit.seq, proto::Code::busy, room_expected_in());
  } else if (!submit.callback_address.empty() && !outbox_.reserve(submit.callback_address)) {
    answers_.busy(link, submit.seq, proto::Code::busy, limits::busy_retry_max);
  } else {
    return false;
  }
  ++counters_.busy;
  return true;
}

bool ExecutorRole::full(const proto::Submit& submit) const {
  // What a free slot takes at the end of this turn does not wait.
  const std::size_t queue = queued() + later_ + copying_;
  if (queue >= config_.queue_tasks_max + slots_.free()) return true;
  // One that is larger than the limit must get through when nothing waits.
  return queue > slots_.free() && live_bytes_ + held_bytes(submit) > config_.queue_bytes_max;
}

void ExecutorRole::on_memory(std::uint64_t used, Effects& out) {
  if (config_.memory_max == 0) return;
  const std::uint64_t low = config_.memory_low();
  const bool before = short_of_memory_;
  short_of_memory_ = used >= (before ? low : config_.memory_high());
  if (short_of_memory_) cache_.shed(used - low);
  if (short_of_memory_ == before) return;
  const std::string of =
      mebibytes(used) + " of " + mebibytes(config_.memory_max) + " MiB of memory are in use";
  out.notify.emplace_back(
      short_of_memory_ ? Noted{true, of + ": kept results go and nothing new is taken until less than " +
                                         mebibytes(low) + " are"}
                       : Noted{false, of + ": new tasks are taken again"});
}

/// Half of the queue's expected time: by then there is room, and still work.
Duration ExecutorRole::room_expected_in() const {
  const auto rounds = static_cast<double>(queued()) / slots_.total() / 2;
  const double ns = std::min(rounds * static_cast<double>(slots_.usual().count()), 1e18);
  return std::clamp(Duration{static_cast<Duration::rep>(ns)}, limits::busy_retry, limits::busy_retry_max);
}

void ExecutorRole::accept(LinkId link, proto::Submit&& submit, std::uint32_t name, Now now) {
  TaskRecord& task = tasks_.make(submit.id);
  task.submit = std::move(submit);
  task.name = name;
  task.asked_on = link;
  task.accepted_at = now.at;
  const bool again = (task.submit.flags & proto::Submit::again_flag) != 0;
  if (again && owner_ != nullptr) [[unlikely]]
    task.epoch = owner_->epoch_after(0, LineOf::said_again);
  if (waits(task.submit)) task.waiters.push_back({link, task.submit.reply_codec});
  if (task.submit.deadline_ms != 0) {
    task.deadline = now.at + span_of_ms(task.submit.deadline_ms);
    timers_.add({*task.deadline, task.submit.id, Timers::What::deadline});
  }
  ++live_;
  live_bytes_ += held_bytes(task.submit);
  const bool keyed = task.submit.terms.has_value() && !task.submit.terms->key.empty();
  if (is_copied(task) || keyed) [[unlikely]] {
    task.unanswered = true;
    if (keyed || again) return look_around(task, now.at, now);
    task.place = Place::copying;
    ++copying_;
    return begin_copies(task, now);
  }
  if (waits(task.submit) && ends_at_once(task)) {
    answers_.accepted_soon(link, task.submit.seq, now.at + limits::accepted_within);
  } else {
    answers_.accepted(link, task.submit.seq);
  }
  if (task.submit.terms.has_value()) [[unlikely]] {
    place_by_terms(task, now);
  } else {
    enqueue(task, now);
  }
}

/// A known short one, with little before it: by the time ACCEPTED is due, its
/// end may be there.
bool ExecutorRole::ends_at_once(const TaskRecord& task) const {
  if (task.submit.terms.has_value() || slots_.expected(task.name) == Duration::zero()) return false;
  return static_cast<Duration::rep>(queued()) * slots_.usual() < limits::accepted_within * slots_.total();
}

void ExecutorRole::reject(LinkId link, const proto::Submit& submit, proto::Code code, const Error& error,
                          Effects& out) {
  ++counters_.rejected;
  out.send.push_back({link, proto::Reject{submit.seq, submit.id, static_cast<std::uint16_t>(code),
                                          proto::Fault::from(error)}});
}

const std::uint32_t* ExecutorRole::find_name(std::string_view name) {
  const auto& serves = config_.self.serves;
  if (last_name_ < serves.size() && serves[last_name_] == name) return &last_name_;
  const auto found = names_.find(name);
  if (found == names_.end()) return nullptr;
  last_name_ = found->second;
  return &last_name_;
}

/// Beyond waiters_max nobody is added: who is not told asks again.
void ExecutorRole::add_waiter(TaskRecord& task, Waiter waiter) {
  if (Waiter* const known = task.waiters.find(waiter.link)) {
    known->codec = waiter.codec;
    return;
  }
  if (task.waiters.size() >= limits::waiters_max) {
    task.waiters.erase_if([&](const Waiter& known) { return !answers_.is_open(known.link); });
  }
  if (task.waiters.size() < limits::waiters_max) task.waiters.push_back(waiter);
}

// ---- Running
// ------------------------------------------------------------------------------------------

void ExecutorRole::hand_over(Now now, Effects& out) {
  if (lone_ && !see_to_lone(now, out)) return;
  while (waiting_ > 0) {
    const auto id = queue_.pop();
    TASKMESH_CHECK(id.has_value());
    TaskRecord* task = find(*id);
    if (!task || task->place != Place::waiting) continue;  // Its end was told while it waited.
    auto room = slots_.room_for(*task, now.at);
    if (task->past.has_value() && room != Slots::Room::none) [[unlikely]] {
      if (room == Slots::Room::ahead || !may_start_suspect(*task, now, out)) room = Slots::Room::none;
      if (lone_ || task->place != Place::waiting) return hand_over(now, out);
    }
    const TimePoint start = may_start_at(*task);
    if (start > now.at) out.wake_by(start);
    if (room == Slots::Room::none || start > now.at) {
      queue_.push_front(*id, task->submit.priority);
      return;
    }
    --waiting_;
    begin_run(*task, room, now, out);
  }
}

void ExecutorRole::begin_run(TaskRecord& task, Slots::Room room, Now now, Effects& out) {
  Run& run = out.run.emplace_back();
  fill_run(task, run);
  run.ahead = room == Slots::Room::ahead;
  slots_.hand_over(task, room, now);
  if (task.submit.time_limit_ms == 0) run.expected = task.expected;
  if (const std::uint64_t limit = task.submit.time_limit_ms; limit != 0) {
    timers_.add({now.at + span_of_ms(limit), task.submit.id, Timers::What::limit});
  }
}

/// What ends its process at once should not do so before its submitter knows who has it: it would be sent to the next
/// worker. Whoever has ended here before is trusted.
TimePoint ExecutorRole::may_start_at(const TaskRecord& task) const {
  return slots_.has_ended(task.name) ? TimePoint::min() : task.accepted_at + config_.first_start_after;
}

void ExecutorRole::fill_run(const TaskRecord& task, Run& run) const {
  const proto::Submit& submit = task.submit;
  run.id = submit.id;
  run.attempt = attempt_at_executor(task);
  run.name = config_.self.serves[task.name];
  run.args = {submit.codec, submit.args};
  run.reply_codec = submit.reply_codec;
  run.want_json = !submit.callback_address.empty() && submit.reply_codec != Codec::json &&
                  !outbox_.takes_cereal(submit.callback_address);
  run.deadline = task.deadline;
  run.epoch = is_copied(task) ? owner_->epoch_of(submit.id) : task.epoch;
  if (submit.terms.has_value() && !submit.terms->headers.empty()) run.headers = submit.terms->headers;
}

void ExecutorRole::on_finished(Finished&& finished, Now now, Effects& out) {
  TaskRecord* task = find(finished.id);
  const bool handed_over = task && (task->place == Place::slot || task->place == Place::ahead);
  if (!handed_over || finished.attempt != attempt_at_executor(*task)) {
    ++counters_.late_ends;  // Of an attempt that was given up, or of nothing
                            // that we handed over.
    return release_stray(finished.id, finished.attempt, now);
  }
  slots_.learn(task->name, finished.elapsed);
  const bool dropped = task->cancel_wanted && !finished.started_at;
  if (!dropped) slots_.mark_started(*task, now);
  slots_.release(*task, now);
  if (dropped) never_started(*task);
  if (task->submit.time_limit_ms != 0) drop_timer();
  const bool late = task->deadline && (finished.error ? *task->deadline <= now.at : *task->deadline < now.at);
  if (task->cancel_wanted) {
    end_cancelled(*task, now);  // Whatever it came to: nobody wants it.
  } else if (late) {
    // What sees its deadline pass and returns can be back before the deadline's own timer: it has no result then,
    // whatever it says. One that succeeds in that very moment has not seen it.
    expire(*task, now, out);
  } else {
    ++counters_.finished;
    counters_.run_time.add(finished.elapsed);
    end_attempt(*task, outcome_of(std::move(finished), *task), now);
  }
}

/// Whatever we thought while the executor had it.
void ExecutorRole::never_started(TaskRecord& task) {
  if (task.state != TaskState::running) return;
  task.state = TaskState::queued;
  --task.attempt;
  task.started_at = {};
}

/// The executor has let go of an attempt that was given up. Attempt 0: any.
void ExecutorRole::release_stray(const TaskId& id, std::uint32_t attempt, Now now) {
  const auto stray = std::find_if(strays_.begin(), strays_.end(), [&](const TaskRecord* each) {
    return each->submit.id == id && (attempt == 0 || each->attempt == attempt);
  });
  if (stray == strays_.end()) return;
  TaskRecord& task = **stray;
  strays_.erase(stray);
  slots_.release(task, now);
  tasks_.recycle(task);
}

void ExecutorRole::on_returned(const Returned& returned, Now now, Effects&) {
  // From the last to the first, so that each goes in front of its successor.
  // clang 14 cannot read std::views::reverse of libstdc++ 12.
  // NOLINTNEXTLINE(modernize-loop-convert)
  for (auto id = returned.ids.rbegin(); id != returned.ids.rend(); ++id) {
    TaskRecord* task = find(*id);
    if (!task || (task->place != Place::slot && task->place != Place::ahead)) {
      release_stray(*id, 0, now);
      continue;
    }
    slots_.release(*task, now);
    never_started(*task);
    if (task->submit.time_limit_ms != 0) drop_timer();
    if (task->cancel_wanted) {
      end_cancelled(*task, now);
      continue;
    }
    task->place = Place::waiting;
    queue_.push_front(*id, task->submit.priority);
    ++waiting_;
    if (task->begun) begun_.push_back(*id);
    offer_due_ = true;
  }
}

void ExecutorRole::recall(Now now, Effects& out) {
  auto due = slots_.recall_due();
  if (due && *due <= now.at) {
    out.recall = true;
    slots_.recalled(now.at);
    due = slots_.recall_due();
  }
  if (due) out.wake_by(*due);
}

// ---- Turns and links
// ----------------------------------------------------------------------------------

void ExecutorRole::on_link_down(LinkId link) {
  answers_.close(link);
  std::erase_if(late_asks_, [&](const LateAsk& ask) { return ask.link == link; });
}

void ExecutorRole::on_turn_end(const proto::Load& load, Now now, Effects& out) {
  do_due(now, out);
  settle_told(now);
  if (draining()) [[unlikely]]
    offer_rest(now, out);
  hand_over(now, out);
  answers_.flush(load, now, out);
  for (Send& late : std::exchange(late_answers_, {})) out.send.push_back(std::move(late));
  recall(now, out);
  if (const auto next = timers_.next()) out.wake_by(*next);
  if (drain_until_ && live_ > 0) out.wake_by(*drain_until_);
  if (const auto next = cache_.expire(now.at)) out.wake_by(*next);
  tasks_.pack_idle();
}

std::uint32_t ExecutorRole::queued() const { return static_cast<std::uint32_t>(waiting_) + slots_.ahead(); }

bool ExecutorRole::is_stray(const TaskId& id) const {
  return std::any_of(strays_.begin(), strays_.end(),
                     [&](const TaskRecord* stray) { return stray->submit.id == id; });
}

std::uint32_t ExecutorRole::stuck() const {
  const auto in_slot = [](const TaskRecord* stray) { return stray->place == Place::slot; };
  return static_cast<std::uint32_t>(std::count_if(strays_.begin(), strays_.end(), in_slot));
}

std::uint32_t ExecutorRole::running() const { return slots_.in_slots(); }

std::uint32_t ExecutorRole::oldest_ms(TimePoint now) const {
  const TaskRecord* oldest = slots_.oldest();
  if (!oldest) return 0;
  const auto age = std::chrono::duration_cast<std::chrono::milliseconds>(now - oldest->in_slot_since).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(age, 0, UINT32_MAX));
}

/// Lanes are in the order in which tasks came, so the first that still waits in each is the oldest there, or was put back.
std::uint32_t ExecutorRole::oldest_queued_ms(TimePoint now) const {
  if (waiting_ == 0) return 0;
  TimePoint since = now;
  queue_.each_front([&](const TaskId& id) {
    const TaskRecord* task = find(id);
    if (!task || task->place != Place::waiting) return false;
    since = std::min(since, may_start_from(*task));
    return true;
  });
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>((now - since) / 1ms, 0, UINT32_MAX));
}

// ---- Records
// ------------------------------------------------------------------------------------------

TaskRecord* ExecutorRole::find(const TaskId& id) { return tasks_.find(id); }

const TaskRecord* ExecutorRole::find(const TaskId& id) const { return tasks_.find(id); }

void TaskRecord::clear() {
  static_cast<TaskProgress&>(*this) = {};
  submit.id = {};
  release(submit);
  waiters.clear();
  past.reset();
  last_fault.reset();
  ended.reset();
}

}  // namespace taskmesh::core
