// OwnerRole: what it owns, for this node's keeper, which takes tasks over and answers for them.
// Spec: proto/05-keepers.md sections 5 and 6.
#include <algorithm>
#include <span>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"

namespace taskmesh::core {

/// Of a worker that was never met, or is known to be dead already, nobody will say here that it is dead; if it lives, it
/// asks for what it holds.
void OwnerRole::add_holders(Owned& owned, const std::vector<NodeId>& others) {
  for (const NodeId& node : others) {
    const Peer* peer = membership_.by_node(node);
    if (peer == nullptr || peer->liveness == Liveness::joining || owned.count == holders_max - 1U) continue;
    if (peer->liveness == Liveness::dead || peer->liveness == Liveness::left) continue;
    owned.holders[owned.count++] = Holder{.node = node};
  }
}

void OwnerRole::ask_beyond(const TaskId& id, const std::vector<NodeId>& silent, Now now) {
  Owned* owned = silent.empty() ? nullptr : find(id);
  if (owned == nullptr || owned->stage != Stage::copying) return;
  const auto answers = [&](const Holder& holder) {
    return std::ranges::find(silent, holder.node) == silent.end();
  };
  const auto asked = std::span(owned->holders).first(owned->count);
  auto heard = std::ranges::count_if(asked, answers);
  while (heard < owned->wanted && ask_next(*owned, name_of(*owned), now, true)) {
    if (answers(owned->holders[owned->count - 1U])) ++heard;
  }
  recount(*owned);
}

bool OwnerRole::adopt(const TaskId& id, std::uint32_t epoch, std::string_view name,
                      const std::vector<NodeId>& others, Now now) {
  Owned& owned = make(id, epoch);
  add_holders(owned, others);
  for (std::size_t i = 0; i < owned.count; ++i) say_repl(owned, owned.holders[i], false, now);
  if (owned.count > 0) arm(owned, now);
  fill_up(owned, name, now, false);
  if (owned.count == 0) owned.stage = Stage::open;
  recount(owned);
  return owned.count > 0;
}

bool OwnerRole::claim_again(const TaskId& id, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || owned->stage != Stage::open) return false;
  owned->epoch = epoch_after(epoch_handed_on(owned->epoch, random_), LineOf::taken_over);
  owned->stored = false;
  for (std::size_t i = 0; i < owned->count; ++i) owned->holders[i] = Holder{.node = owned->holders[i].node};
  fill_up(*owned, name_of(*owned), now, false);
  recount(*owned);
  if (owned->count == 0) return false;
  owned->stage = Stage::copying;
  owned->again = true;
  recount(*owned);
  say_again(*owned, {}, now);
  arm(*owned, now);
  return true;
}

void OwnerRole::adopt_ended(const EndedPtr& ended, std::uint32_t epoch, Duration ttl,
                            const std::vector<NodeId>& others, Now now) {
  Owned& owned = make(ended->report.id, epoch);
  owned.stage = Stage::owed;
  owned.ended = ended;
  owned.ttl = ttl;
  add_holders(owned, others);
  for (std::size_t i = 0; i < owned.count; ++i) say_done(owned, owned.holders[i]);
  if (owned.count > 0) arm(owned, now);
  fill_up(owned, name_of(owned), now, false);
  recount(owned);
}

std::optional<OwnerRole::Claimed> OwnerRole::claimed(const TaskId& id) const {
  const Owned* owned = find(id);
  if (owned == nullptr) return std::nullopt;
  const bool ended = owned->ended != nullptr;
  return Claimed{owned->epoch, ended || executor_.is_started(id), owned->stored, ended};
}

bool OwnerRole::is_safe(const TaskId& id) const {
  const Owned* owned = find(id);
  return owned != nullptr && std::any_of(owned->holders.begin(), owned->holders.begin() + owned->count,
                                         [](const Holder& holder) { return holder.stored; });
}

proto::NodeList OwnerRole::holders(const TaskId& id) const {
  proto::NodeList nodes;
  const Owned* owned = find(id);
  for (std::size_t i = 0; owned != nullptr && i < owned->count; ++i) {
    if (owned->holders[i].stored) nodes.push_back(owned->holders[i].node);
  }
  return nodes;
}

std::vector<NodeId> OwnerRole::holder_nodes(const Owned& owned) {
  std::vector<NodeId> nodes;
  for (std::size_t i = 0; i < owned.count; ++i) nodes.push_back(owned.holders[i].node);
  return nodes;
}

std::uint32_t OwnerRole::epoch_of(const TaskId& id) const {
  const Owned* owned = find(id);
  return owned == nullptr ? first_epoch : owned->epoch;
}

std::uint32_t OwnerRole::epoch_after(std::uint32_t epoch, LineOf kind) {
  return broken(24) ? epoch + 1 : epoch_in_new_line(epoch, kind, random_);
}

std::uint32_t OwnerRole::epoch_of_gift(std::uint32_t epoch, bool again) {
  return again ? epoch_after(epoch, LineOf::said_again) : epoch_handed_on(epoch, random_);
}

std::optional<proto::CopyVerdict> OwnerRole::verdict(NodeId node, const proto::Claim& claim,
                                                     bool leaves) const {
  const Owned* owned = find(claim.id);
  if (owned == nullptr) return std::nullopt;
  bool elsewhere = false;
  for (std::size_t i = 0; i < owned->count; ++i) {
    if (owned->holders[i].node == node) return proto::CopyVerdict::yours;
    elsewhere = elsewhere || owned->holders[i].stored;
  }
  return elsewhere || leaves ? proto::CopyVerdict::needless : proto::CopyVerdict::yours;
}

void OwnerRole::replace(NodeId node, const TaskId& id, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || owned->stage == Stage::releasing || holder_of(*owned, node) == nullptr) return;
  std::size_t asked = 0;
  std::size_t held = 0;
  for (std::size_t i = 0; i < owned->count; ++i) {
    const Holder& holder = owned->holders[i];
    const Peer* peer = membership_.by_node(holder.node);
    if (peer == nullptr || peer->liveness == Liveness::draining) continue;
    ++asked;
    held += (owned->ended ? holder.ended : holder.stored) ? 1U : 0U;
  }
  const bool more = asked >= owned->wanted || ask_next(*owned, name_of(*owned), now, false);
  if (held >= owned->wanted || !more) lost_holder(*owned, node, now);
}

}  // namespace taskmesh::core
