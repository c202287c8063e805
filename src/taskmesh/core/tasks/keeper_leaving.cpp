// KeeperRole: tasks and copies of workers that leave, and those of this one when it leaves itself.
// Spec: proto/05-keepers.md section 6.
#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"

namespace taskmesh::core {

/// Its owner leaves, and has not started it: it is this worker's from now on. Confirmed when others hold it.
void KeeperRole::on_gift(LinkId link, NodeId node, proto::Repl&& repl, Now now, Effects& out) {
  const auto same = [&](const auto& gift) { return gift.second == repl.id; };
  if (std::any_of(gifts_.begin(), gifts_.end(), same)) return;  // Not held by others yet.
  if (executor_.is_giving(repl.id)) {
    // Offered to somebody by this worker too. Who has it in the later epoch was given it: nobody would have it, if both
    // took the other's word.
    if (ordinal_of(executor_.epoch_of(repl.id)) <= ordinal_of(repl.epoch))
      return refuse(link, repl, proto::Refused::not_here, {}, 0);
    gifts_.emplace_back(link, repl.id);
    return;
  }
  if (replicas_of(repl.id) == 0 && executor_.has(repl.id)) {
    gifts_.emplace_back(link, repl.id);
    return;
  }
  if (const NodeId taker = executor_.given_to(repl.id, repl.epoch)) {
    said_.push_back({link, proto::Moved{taker, {repl.id}}});  // Taken, given away, and that was not heard.
    return;
  }
  Held* held = find(repl.id);
  if (refuse_claim(link, repl, held, now, out)) return;
  if (held != nullptr && held->ended) {  // It need not start.
    held->epoch = repl.epoch;
    held->owner = node;
    return say_end(link, *held);
  }
  if (repl.submit.id != repl.id || check_submit(repl.submit, config_) ||
      repl.past->deaths.size() > limits::deaths_max || !executor_.may_take(repl.submit)) {
    return refuse(link, repl, proto::Refused::not_here, {}, 0);
  }
  const bool again = (repl.flags & proto::Repl::again_flag) != 0;
  Adoption adoption{.epoch = owner_.epoch_of_gift(repl.epoch, again), .attempt = repl.attempt, .given = true};
  for (const NodeId& holder : repl.holders) {
    if (holder != config_.self.node && holder != node && lives(holder)) adoption.others.push_back(holder);
  }
  adoption.past = std::move(repl.past);
  adoption.submit = std::move(repl.submit);
  adoption.since = now.at;
  adoption.joins = (repl.flags & proto::Repl::joins_flag) != 0;
  adoption.may_have_run = (repl.flags & proto::Repl::ran_flag) != 0;
  if (held != nullptr) {
    adoption.waiters = std::move(held->waiters);
    free(*held);
  }
  ++counters_.taken_in;
  gifts_.emplace_back(link, repl.id);
  executor_.adopt(repl.id, std::move(adoption), now, out);
}

/// Once others hold what this worker has taken, who gave it may forget it.
void KeeperRole::confirm_gifts(Effects& out) {
  const auto pending = std::stable_partition(
      gifts_.begin(), gifts_.end(), [&](const auto& gift) { return !executor_.is_copying(gift.second); });
  std::stable_sort(gifts_.begin(), pending,
                   [](const auto& a, const auto& b) { return a.first.value < b.first.value; });
  proto::Moved moved{.owner = config_.self.node};
  for (auto gift = gifts_.begin(); gift != pending; ++gift) {
    moved.ids.push_back(gift->second);
    const bool last = gift + 1 == pending || (gift + 1)->first != gift->first;
    if (!last && moved.ids.size() < limits::claims_max) continue;
    out.send.push_back({gift->first, moved});
    moved.ids.clear();
  }
  gifts_.erase(gifts_.begin(), pending);
}

/// Who gave it, and who submitted it there, are sent on: here nobody would know it.
void KeeperRole::gift_went(const TaskId& id, NodeId winner) {
  std::erase_if(gifts_, [&](const auto& gift) {
    if (gift.second != id) return false;
    said_.push_back({gift.first, proto::Moved{winner, {id}}});
    return true;
  });
}

void KeeperRole::on_drain(Now now) {
  leaving_ = true;
  ask_all_at_ = now.at;
}

/// Their owners find others to hold them, and say when these may go.
void KeeperRole::ask_all(Now now, Effects& out) {
  if (!leaving_ || now.at < ask_all_at_) return;
  ask_all_at_ = now.at + limits::leave_ask_every;
  for (std::uint32_t slot = 0; slot < pool_.size(); ++slot) {
    if (pool_[slot].serial != 0) ask_owner(pool_[slot], now, out);
  }
}

}  // namespace taskmesh::core
