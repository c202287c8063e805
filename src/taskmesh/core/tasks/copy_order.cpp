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

void CopyOrder::look(std::string_view name) {
  if (version_ == membership_.version() && name_ == name) return;
  version_ = membership_.version();
  name_ = name;
  candidates_.clear();
  membership_.for_each([this](const Peer& peer) {
    if (peer.routable()) candidates_.push_back({peer.member.node, peer.serves.contains(name_)});
  });
}

NodeId CopyOrder::first(const TaskId& id, std::string_view name, std::span<const NodeId> without) {
  look(name);
  const Candidate* best = nullptr;
  std::uint64_t best_weight = 0;
  for (const Candidate& candidate : candidates_) {
    if (std::ranges::find(without, candidate.node) != without.end()) continue;
    const std::uint64_t weight = CopyOrder::weight(candidate.node, id);
    const bool better =
        best == nullptr || std::pair(candidate.serves, weight) > std::pair(best->serves, best_weight);
    if (!better) continue;
    best = &candidate;
    best_weight = weight;
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
  std::vector<std::pair<std::pair<bool, std::uint64_t>, NodeId>> ranked;
  for (const Candidate& each : candidates_)
    ranked.push_back({{each.serves, weight(each.node, id)}, each.node});
  std::sort(ranked.begin(), ranked.end(), [](const auto& a, const auto& b) { return a > b; });
  std::vector<NodeId> nodes;
  for (const auto& each : ranked) nodes.push_back(each.second);
  return nodes;
}

}  // namespace taskmesh::core
