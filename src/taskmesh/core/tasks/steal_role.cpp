#include "taskmesh/core/tasks/steal_role.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"

namespace taskmesh::core {

StealRole::StealRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                     ExecutorRole& executor)
    : config_(config),
      counters_(counters),
      membership_(membership),
      executor_(executor),
      random_(config.seed ^ 0x57EA1ULL) {}

void StealRole::Nodes::insert(NodeId node) {
  if (places_.try_emplace(node, list_.size()).second) list_.push_back(node);
}

void StealRole::Nodes::erase(NodeId node) {
  const auto found = places_.find(node);
  if (found == places_.end()) return;
  list_[found->second] = list_.back();
  places_[list_.back()] = found->second;
  list_.pop_back();
  places_.erase(node);
}

NodeId StealRole::Nodes::take_any(Random& random) {
  const NodeId node = list_[random.below(list_.size())];
  erase(node);
  return node;
}

LinkId StealRole::link_of(NodeId node) const {
  const Peer* peer = membership_.by_node(node);
  return peer != nullptr && peer->routable() ? peer->link : LinkId{};
}

// ---- What others say -------------------------------------------------------------------------------------

void StealRole::on_steal(NodeId node, const proto::Steal& steal) {
  executor_.answer_before_lending();
  askers_.push_back({node, steal.room});
}

void StealRole::on_hint(NodeId node, const proto::Hint& hint, Now now) {
  if (!config_.steals || !link_of(node)) return;
  hint.waiting > 0 ? busy_.insert(node) : busy_.erase(node);
  if (!asked_ || asked_->node != node) return;
  asked_.reset();
  if (hint.waiting == 0) was_in_vain(now);
}

/// Whoever gives has perhaps more.
void StealRole::on_given(NodeId node) {
  if (!asked_ || asked_->node != node) return;
  asked_.reset();
  busy_.insert(node);
}

void StealRole::on_load(NodeId node, const proto::Load& load) {
  if (!config_.steals) return;
  load.queued > 0 ? busy_.insert(node) : busy_.erase(node);
  const bool takes = (load.flags & (proto::Load::draining_flag | proto::Load::memory_flag)) == 0;
  const bool idle = takes && load.queued == 0 && load.running < load.slots;
  idle ? idle_.insert(node) : idle_.erase(node);
}

void StealRole::on_peer_change(const PeerChange& change) {
  if (change.what == PeerChange::What::greeted) return;
  idle_.erase(change.node);
  busy_.erase(change.node);
  if (asked_ && asked_->node == change.node) asked_.reset();
}

// ---- Giving ----------------------------------------------------------------------------------------------

void StealRole::answer_askers(Now now, Effects& out) {
  for (const Asker& asker : std::exchange(askers_, {})) {
    const Peer* peer = membership_.by_node(asker.node);
    if (peer == nullptr || !peer->greeted) continue;
    idle_.erase(asker.node);
    if (config_.steals && peer->routable() && executor_.lend(*peer, asker.room, now) > 0) continue;
    idle_.insert(asker.node);
    out.send.push_back({peer->link, proto::Hint{0}});
  }
}

/// A task that came has to wait: some of those that are idle are told, others by the next one.
void StealRole::hint_idle(Effects& out) {
  const std::uint64_t came = executor_.ever_spare() - std::exchange(spare_, executor_.ever_spare());
  if (came == 0 || idle_.empty()) return;
  const std::uint32_t waiting = executor_.spare();
  std::size_t left = std::min({static_cast<std::size_t>(came), std::size_t{waiting}, limits::hints_max}) *
                     limits::hints_each;
  for (left = std::min(left, limits::hints_max); left > 0 && !idle_.empty(); --left) {
    const NodeId node = idle_.take_any(random_);
    const LinkId link = link_of(node);
    if (!link) continue;
    ++counters_.hints;
    out.send.push_back({link, proto::Hint{waiting}});
  }
}

// ---- Asking ----------------------------------------------------------------------------------------------

void StealRole::begin_to_ask(Now now) {
  pause_ = limits::steal_pause;
  // Where tasks are short the next one is here before an answer is.
  ask_at_ = executor_.usual() >= limits::steal_pause ? now.at : now.at + pause_;
}

void StealRole::was_in_vain(Now now) {
  ask_at_.reset();
  if (pause_ > limits::steal_pause_max) return;
  ask_at_ = now.at + pause_;
  pause_ *= 2;
}

NodeId StealRole::whom_to_ask(Now now) {
  while (!busy_.empty()) {
    const NodeId node = busy_.take_any(random_);
    if (link_of(node)) return node;
  }
  if (!ask_at_ || now.at < *ask_at_) return {};
  if (std::exchange(version_, membership_.version()) != membership_.version()) {
    all_.clear();
    membership_.for_each([this](const Peer& peer) {
      if (peer.routable()) all_.push_back(peer.member.node);
    });
  }
  return all_.empty() ? NodeId{} : all_[random_.below(all_.size())];
}

void StealRole::steal(Now now, Effects& out) {
  const std::uint32_t room = executor_.room();
  if (room > std::exchange(room_, room)) begin_to_ask(now);
  if (room == 0) return;
  if (asked_ && asked_->until <= now.at) {
    asked_.reset();
    was_in_vain(now);
  }
  if (asked_) return out.wake_by(asked_->until);
  const NodeId node = whom_to_ask(now);
  const LinkId link = node ? link_of(node) : LinkId{};
  if (!link) {
    if (ask_at_ && *ask_at_ <= now.at) ask_at_.reset();  // There is nobody.
    if (ask_at_) out.wake_by(*ask_at_);
    return;
  }
  ++counters_.steal_asks;
  asked_ = Asked{node, now.at + limits::steal_answer};
  out.send.push_back({link, proto::Steal{room}});
  out.wake_by(asked_->until);
}

void StealRole::on_turn_end(Now now, Effects& out) {
  if (!askers_.empty()) answer_askers(now, out);
  if (!config_.steals) return;
  hint_idle(out);
  steal(now, out);
}

}  // namespace taskmesh::core
