#include "sim/copy_watch.hpp"

#include <algorithm>

#include "taskmesh/core/tasks/epoch.hpp"

namespace taskmesh::sim {

using core::ordinal_of;

namespace {

constexpr Duration rivals_for = 12s;  // Two owners that can hear each other have found out by then.
constexpr std::size_t failures_max = 12;

bool is_worker(const Process& process) {
  return process.up && process.node && process.node->owner() != nullptr;
}

std::optional<std::uint32_t> epoch_at(const Process& process, const TaskId& id) {
  if (const auto mine = process.node->owner()->claimed(id)) return mine->epoch;
  return process.node->keeper()->epoch_of(id);
}

}  // namespace

CopyWatch::CopyWatch(World& world, Story story) : world_(world), story_(std::move(story)) {
  world_.observer.received = [this](Process& process, const core::Received& received) {
    if (is_worker(process)) on_received(process, received);
  };
  world_.observer.sending = [this](Process& process, const core::Send& send) {
    if (is_worker(process)) on_sending(process, send);
  };
  world_.observer.stepped = [this](Process& process) {
    if (is_worker(process)) on_stepped(process);
  };
  world_.timeline().after(1s, [this] { sweep(); });
}

/// As owner or keeper; or it remembers that it is over.
bool CopyWatch::has(const Process& process, const TaskId& id) const {
  const core::Node& node = *process.node;
  return node.owner()->claimed(id) || node.keeper()->holds(id) || node.keeper()->buried(id);
}

// ---- Each step -------------------------------------------------------------------------------------------

void CopyWatch::on_received(const Process& process, const core::Received& received) {
  const core::KeeperRole& keeper = *process.node->keeper();
  const proto::Message& message = received.message;
  if (const auto* submit = std::get_if<proto::Submit>(&message)) {
    submits_[{process.host, received.link, submit->seq}] = submit->id;
    if (process.node->membership().alive() == 0) alone_.emplace(process.host, submit->id);
  } else if (const auto* ok = std::get_if<proto::ReplOk>(&message)) {
    for (const proto::Claim& claim : ok->claims) ++confirmed_[{process.host, claim.id, claim.epoch}];
  } else if (const auto* repl = std::get_if<proto::Repl>(&message)) {
    touched_.push_back(repl->id);
    const auto mine = process.node->owner()->claimed(repl->id);
    looks_.ties += mine && ordinal_of(mine->epoch) == ordinal_of(repl->epoch) ? 1U : 0U;
  } else if (const auto* done = std::get_if<proto::Done>(&message)) {
    touched_.push_back(done->id);
    const auto epoch = keeper.epoch_of(done->id);
    const bool counts =
        done->report->state == TaskState::success || (epoch && ordinal_of(done->epoch) >= ordinal_of(*epoch));
    if (counts) std::erase_if(keeps_, [&](const Kept& kept) { return kept.id == done->id; });
    if (!counts) heard_old(process, {done->id, done->epoch});
  } else if (const auto* release = std::get_if<proto::Release>(&message)) {
    for (const auto* claims : {&release->claims, &release->kept}) {
      for (const proto::Claim& claim : *claims) heard_old(process, claim);
    }
  } else if (const auto* status = std::get_if<proto::StatusA>(&message)) {
    for (const proto::CopyAnswer& answer : status->answers) touched_.push_back(answer.id);
  }
}

/// The word of an owner of former times: what is held stays as it is.
void CopyWatch::heard_old(const Process& process, const proto::Claim& claim) {
  touched_.push_back(claim.id);
  const auto epoch = process.node->keeper()->epoch_of(claim.id);
  if (!epoch || ordinal_of(claim.epoch) >= ordinal_of(*epoch)) return;
  const auto known = process.node->keeper()->about(claim.id, Codec::opaque, {.at = world_.now()});
  keeps_.push_back({claim.id, known && is_terminal(known->state)});
}

void CopyWatch::on_stepped(const Process& process) {
  for (const auto& [id, had_ended] : keeps_) {
    ++looks_.old_words;
    if (process.node->owner()->claimed(id)) continue;
    const auto known = process.node->keeper()->about(id, Codec::opaque, {.at = world_.now()});
    if (!known) fail(process, id, "dropped it on the word of a former owner");
    if (known && is_terminal(known->state) && !had_ended)
      fail(process, id, "ended it on the word of a former owner");
  }
  keeps_.clear();
  for (const TaskId& id : touched_) {
    check_epoch(process, id);
    check_tomb(process, id);
  }
  touched_.clear();
}

void CopyWatch::check_epoch(const Process& process, const TaskId& id) {
  const auto epoch = epoch_at(process, id);
  if (!epoch) {
    epochs_.erase({process.host, id});
    return;
  }
  ++looks_.epochs;
  std::uint32_t& known = epochs_[{process.host, id}];
  const auto state = process.node->keeper()->about(id, Codec::opaque, {.at = world_.now()});
  const bool ended = state && is_terminal(state->state);  // The first end stands, whoever's it is.
  if (ordinal_of(*epoch) < ordinal_of(known) && !ended) {
    fail(process, id, "has gone back from epoch " + std::to_string(known) + " to " + std::to_string(*epoch));
  }
  known = *epoch;
}

void CopyWatch::check_tomb(const Process& process, const TaskId& id) {
  if (!process.node->keeper()->buried(id)) return;
  ++looks_.tombs;
  settled_.insert(id);  // Its result may be all that is left of it.
  const Task task = story_.task(id);
  if (task.callback && !task.handled) fail(process, id, "buried it before its listener had heard of it");
}

void CopyWatch::on_sending(const Process& process, const core::Send& send) {
  const auto* accepted = std::get_if<proto::Accepted>(&send.message);
  if (accepted == nullptr || may_lose_) return;
  for (const proto::Range& range : accepted->seqs) {
    for (std::uint64_t seq = range.first; seq <= range.last; ++seq) {
      const auto found = submits_.find({process.host, send.link, seq});
      if (found == submits_.end() || replicas_of(found->second) == 0) continue;
      const TaskId& id = found->second;
      std::size_t copies = 0;
      bool over = process.node->executor()->records() == 0;
      for (const auto& other : world_.processes()) {
        if (!is_worker(*other)) continue;
        copies += has(*other, id) ? 1U : 0U;
        over = over || other->node->keeper()->buried(id);
      }
      const auto wanted = static_cast<std::size_t>(replicas_of(id));
      if (over || !process.node->owner()->claimed(id))
        continue;  // Ended, or another one's: it waits here only.
      ++looks_.acceptances;
      const std::size_t others = process.node->membership().alive();
      if (others == 0) alone_.emplace(process.host, id);
      // A second holder that has just been lost is replaced, not waited for.
      const std::size_t needed = std::min(all_copies_ ? wanted : 1, others);
      // Who had said that it has it may have died since.
      const auto said = confirmed_.find({process.host, id, process.node->owner()->epoch_of(id)});
      const bool was_held = !all_copies_ && said != confirmed_.end() && said->second >= needed;
      if (copies < 1 + needed && !was_held && !alone_.contains({process.host, id})) {
        fail(process, id, "accepted it with " + std::to_string(copies) + " copies");
      }
    }
  }
}

void CopyWatch::started(const Process& worker, const core::Run& run) {
  const Task task = story_.task(run.id);
  if (task.deadline && world_.now() > *task.deadline + late_)
    fail(worker, run.id, "started it after its deadline");
  if (replicas_of(run.id) == 0) return;
  ++looks_.starts;
  const std::uint32_t epoch = worker.node->owner()->epoch_of(run.id);
  if (confirmed_.contains({worker.host, run.id, epoch}) || worker.node->membership().alive() == 0) return;
  if (alone_.contains({worker.host, run.id})) return;
  fail(worker, run.id,
       "started it before anybody held a copy in epoch " + std::to_string(epoch) +
           ", others: " + std::to_string(worker.node->membership().alive()));
}

// ---- Each second -----------------------------------------------------------------------------------------

void CopyWatch::harmed() {
  for (const TaskId& id : story_.ids()) {
    if (replicas_of(id) > 0 && !story_.task(id).over) check_known(id);
  }
}

void CopyWatch::sweep() {
  for (const TaskId& id : story_.ids()) {
    if (replicas_of(id) == 0 || story_.task(id).over) continue;
    check_known(id);
    check_rivals(id);
  }
  world_.timeline().after(1s, [this] { sweep(); });
}

void CopyWatch::check_known(const TaskId& id) {
  if (may_lose_ || !story_.task(id).accepted) return;
  const auto& all = world_.processes();
  // Its result is all that is left of it where each holder came to own it for a moment, and gave way to an end.
  const auto knows = [&](const auto& each) {
    return is_worker(*each) && (has(*each, id) || each->node->executor()->results().callback(id));
  };
  if (std::ranges::any_of(all, knows)) return;
  if (!settled_.contains(id)) fail(*all.front(), id, "and all others know nothing of what was accepted");
}

void CopyWatch::check_rivals(const TaskId& id) {
  const auto owns = [&](const Process& process) { return is_worker(process) && !process.paused; };
  for (const auto& one : world_.processes()) {
    if (!owns(*one)) continue;
    const auto first = one->node->owner()->claimed(id);
    for (const auto& two : world_.processes()) {
      if (two->host <= one->host || !owns(*two)) continue;
      const auto second = two->node->owner()->claimed(id);
      const bool cut =
          world_.network().blocked(one->host, two->host) || world_.network().blocked(two->host, one->host);
      const std::tuple key(id, one->host, two->host);
      if (!first || !second || cut || ordinal_of(first->epoch) != ordinal_of(second->epoch)) {
        rivals_.erase(key);
        continue;
      }
      const TimePoint since = rivals_.try_emplace(key, world_.now()).first->second;
      if (world_.now() - since > rivals_for) {
        fail(*one, id, "and p" + std::to_string(two->host) + " both own it in one epoch, for too long");
        rivals_[key] = world_.now();
      }
    }
  }
}

void CopyWatch::fail(const Process& process, const TaskId& id, const std::string& what) {
  if (failures_.size() >= failures_max) return;
  world_.note("p" + std::to_string(process.host) + " " + what + ": task " + to_string(id));
  failures_.push_back(world_.notes().back());
}

}  // namespace taskmesh::sim
