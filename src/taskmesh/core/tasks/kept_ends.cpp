#include "taskmesh/core/tasks/kept_ends.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

namespace {

constexpr Duration look_again_after = 2s;   // Who is to see to it has done so by then.
constexpr Duration next_part_after = 10ms;  // Of those that are to be copied.

}  // namespace

KeptEnds::KeptEnds(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                   ExecutorRole& executor, OwnerRole& owner)
    : config_(config), counters_(counters), membership_(membership), executor_(executor), owner_(owner) {}

void KeptEnds::keep(const TaskId& id, const std::string& key, std::vector<NodeId> others) {
  if (replicas_of(id) == 0) return;
  std::erase_if(others, [this](NodeId node) { return !may_keep(node); });
  forget(id);
  order_.push_back(id);
  Kept kept{.key = key, .others = std::move(others)};
  if (kept.is_short(id)) ++short_;
  kept_.insert_or_assign(id, std::move(kept));
  for (; kept_.size() > limits::keys_max; order_.pop_front()) forget(order_.front());
  if (order_.size() <= 2 * kept_.size() + 64) return;
  std::erase_if(order_, [this](const TaskId& each) { return !kept_.contains(each); });
}

void KeptEnds::forget(const TaskId& id) {
  const auto found = kept_.find(id);
  if (found == kept_.end()) return;
  if (found->second.is_short(id)) --short_;
  kept_.erase(found);
}

void KeptEnds::queue(const TaskId& id, Kept& kept) {
  if (!std::exchange(kept.queued, true)) queue_.push_back(id);
}

/// Another worker, of which it is not known that it is gone.
bool KeptEnds::may_keep(NodeId node) const {
  const Peer* peer = membership_.by_node(node);
  return peer != nullptr && peer->liveness != Liveness::dead && peer->liveness != Liveness::left;
}

/// One of those that keep it sees to it at once; all of them know the same, or nearly. Two that do it do no harm.
bool KeptEnds::is_mine(const Kept& kept) const {
  return std::ranges::all_of(kept.others, [this](NodeId node) { return config_.self.node < node; });
}

void KeptEnds::on_peer_change(const PeerChange& change, Now now) {
  if (change.what != PeerChange::What::dead && change.what != PeerChange::What::left) return;
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    Kept& kept = at.value();
    const bool was_short = kept.is_short(at->first);
    if (std::erase(kept.others, change.node) == 0) continue;
    if (!was_short && kept.is_short(at->first)) ++short_;
    if (is_mine(kept)) queue(at->first, kept);
  }
  seen_members_ = 0;
  look_at_ = now.at + look_again_after;
}

/// Somebody has come, or is heard again; or the one that was to see to it knows less.
void KeptEnds::look_again(Now now) {
  if (short_ == 0 || now.at < look_at_ || seen_members_ == membership_.version()) return;
  seen_members_ = membership_.version();
  look_at_ = now.at + look_again_after;
  for (auto at = kept_.begin(); at != kept_.end(); ++at) {
    if (at->second.is_short(at->first)) queue(at->first, at.value());
  }
}

void KeptEnds::on_turn_end(Now now, Effects& out) {
  look_again(now);
  if (short_ > 0 && seen_members_ != membership_.version()) out.wake_by(look_at_);
  if (queue_.empty() || membership_.alive() == 0) return;
  std::erase_if(copying_, [this](const TaskId& id) { return !owner_.claimed(id); });
  while (!queue_.empty() && copying_.size() < limits::gives_max) {
    const TaskId id = queue_.front();
    queue_.pop_front();
    const auto found = kept_.find(id);
    if (found == kept_.end() || owner_.claimed(id)) continue;
    Kept& kept = found.value();
    kept.queued = false;
    if (!kept.is_short(id)) continue;
    const auto [ended, ttl] = executor_.kept_end(id, kept.key, now);
    if (!ended) {
      forget(id);
      continue;
    }
    ++counters_.kept_anew;
    copying_.push_back(id);
    owner_.adopt_ended(ended, 1, ttl, std::vector<NodeId>(kept.others), now);
    owner_.owe(id, 0, now);
  }
  if (!queue_.empty()) out.wake_by(now.at + next_part_after);
}

}  // namespace taskmesh::core
