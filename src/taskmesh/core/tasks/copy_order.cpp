#include "taskmesh/core/tasks/copy_order.hpp"

#include <algorithm>
#include <utility>

namespace taskmesh::core {

namespace {

std::uint64_t mixed(std::uint64_t h) {
  h ^= h >> 33;
  h *= 0xff51afd7ed558ccdULL;
  return h ^ h >> 33;
}

}  // namespace

std::uint64_t CopyOrder::weight(const NodeId& node, const TaskId& id) {
  const auto a = detail::words_of(node.bytes);
  const auto b = detail::words_of(id.bytes);
  return mixed(mixed(a.high ^ b.low) ^ a.low ^ b.high);
}

CopyOrder::Rank CopyOrder::rank(const Candidate& candidate, const TaskId& id) {
  return {candidate.serves, candidate.elsewhere, weight(candidate.node, id)};
}

void CopyOrder::look(std::string_view name) {
  if (version_ == membership_.version() && name_ == name) return;
  version_ = membership_.version();
  name_ = name;
  candidates_.clear();
  membership_.for_each([this](const Peer& peer) {
    if (!peer.routable()) return;
    const std::string& host = peer.member.host;
    const bool elsewhere = !host_.empty() && !host.empty() && host != host_;
    candidates_.push_back({peer.member.node, peer.serves.contains(name_), elsewhere});
  });
}

NodeId CopyOrder::first(const TaskId& id, std::string_view name, std::span<const NodeId> without) {
  look(name);
  const Candidate* best = nullptr;
  Rank best_rank;
  for (const Candidate& candidate : candidates_) {
    if (std::ranges::find(without, candidate.node) != without.end()) continue;
    const Rank ranked = rank(candidate, id);
    if (best != nullptr && ranked <= best_rank) continue;
    best = &candidate;
    best_rank = ranked;
  }
  return best == nullptr ? NodeId{} : best->node;
}

NodeId CopyOrder::taker(const TaskId& id, std::string_view name, std::span<const NodeId> without) {
  const NodeId node = first(id, name, without);
  const auto found = std::ranges::find(candidates_, node, &Candidate::node);
  return found != candidates_.end() && found->serves ? node : NodeId{};
}

std::vector<NodeId> CopyOrder::all(const TaskId& id, std::string_view name) {
  look(name);
  std::vector<std::pair<Rank, NodeId>> ranked;
  for (const Candidate& each : candidates_) ranked.emplace_back(rank(each, id), each.node);
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a > b; });
  std::vector<NodeId> nodes;
  for (const auto& each : ranked) nodes.push_back(each.second);
  return nodes;
}

}  // namespace taskmesh::core
