#include "taskmesh/core/tasks/placement.hpp"

#include <algorithm>
#include <numeric>
#include <set>
#include <utility>

namespace taskmesh::core {

namespace {

constexpr std::size_t cached_names_max = 4'096;
constexpr std::size_t nearest_max = 3;
constexpr std::size_t nearest_work_max = 4'000'000;  // Cells of distance tables in one call: some ms.

/// Edit distance, or `limit + 1` where it is above `limit`.
std::size_t edit_distance(std::string_view a, std::string_view b, std::size_t limit) {
  const std::size_t longer = std::max(a.size(), b.size());
  const std::size_t shorter = std::min(a.size(), b.size());
  if (longer - shorter > limit) return limit + 1;
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = std::exchange(row[0], i);
    std::size_t least = row[0];
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({substituted, row[j] + 1, row[j - 1] + 1});
      least = std::min(least, row[j]);
    }
    if (least > limit) return limit + 1;
  }
  return std::min(row[b.size()], limit + 1);
}

}  // namespace

std::uint64_t key_weight(const NodeId& node, std::string_view key) {
  std::uint64_t hash = 0xcbf29ce484222325ULL;
  const auto add = [&hash](std::uint8_t octet) { hash = (hash ^ octet) * 0x100000001b3ULL; };
  for (const std::uint8_t octet : node.bytes) add(octet);
  for (const char octet : key) add(static_cast<std::uint8_t>(octet));
  hash ^= hash >> 33;
  hash *= 0xff51afd7ed558ccdULL;
  return hash ^ hash >> 33;
}

Placement::Placement(const Membership& membership, const LoadView& loads, std::uint64_t seed)
    : membership_(membership), loads_(loads), random_(seed) {}

const Placement::Candidates& Placement::candidates(std::string_view name) {
  if (seen_members_ != membership_.version() || seen_loads_ != loads_.version() ||
      by_name_.size() >= cached_names_max) {
    by_name_.clear();
    last_name_ = nullptr;
    seen_members_ = membership_.version();
    seen_loads_ = loads_.version();
  }
  if (last_name_ != nullptr && last_name_->first == name) return last_name_->second;
  const auto known = by_name_.find(name);
  if (known != by_name_.end()) {
    last_name_ = &*known;
    return known->second;
  }
  std::string key{name};
  Candidates found;
  membership_.for_each([&](const Peer& peer) {
    const bool over = peer.liveness == Liveness::dead || peer.liveness == Liveness::left;
    if (over || !peer.serves.contains(key)) return;
    found.served = true;
    if (peer.liveness != Liveness::draining) found.lasting.push_back(peer.member.node);
    if (!peer.routable()) return;
    const NodeId node = peer.member.node;
    found.routable.push_back(
        {node, peer.link, peer.window_records, peer.window_bytes, loads_.row(node), &lane(node)});
  });
  return by_name_.emplace(std::move(key), std::move(found)).first->second;
}

bool Placement::has_room(const Candidate& candidate, std::size_t bytes, TimePoint now) {
  const std::size_t unanswered = candidate.row == nullptr ? 0 : candidate.row->unanswered;
  const Lane& lane = *candidate.lane;
  if (now < lane.paused_until || unanswered >= candidate.window_records) return false;
  return lane.bytes == 0 || lane.bytes + bytes <= candidate.window_bytes;
}

Placement::Choice Placement::choose(std::string_view name, std::size_t bytes, TimePoint now) {
  const Candidates& list = candidates(name);
  if (!list.served) return {membership_.alive() > 0 ? Verdict::not_served : Verdict::no_worker, {}, {}};
  const Candidate* best = nullptr;
  double best_key = 0;
  std::uint64_t ties = 0;
  for (const Candidate& candidate : list.routable) {
    if (!has_room(candidate, bytes, now)) continue;
    const double key = candidate.row == nullptr ? 0.0 : candidate.row->key();
    if (best == nullptr || key < best_key) {
      best = &candidate;
      best_key = key;
      ties = 1;
    } else if (key == best_key && random_.below(++ties) == 0) {  // Each of n equals wins with 1/n.
      best = &candidate;
    }
  }
  if (best == nullptr) {
    return {membership_.alive() > 0 ? Verdict::no_room : Verdict::no_worker, {}, {}};
  }
  return {Verdict::placed, best->node, best->link};
}

Placement::Choice Placement::choose_by_key(std::string_view name, std::string_view key, std::size_t bytes,
                                           TimePoint now) {
  const Candidates& list = candidates(name);
  const Verdict none = membership_.alive() > 0 ? Verdict::not_served : Verdict::no_worker;
  if (!list.served) return {none, {}, {}};
  NodeId best;
  std::uint64_t best_hash = 0;
  for (const NodeId& node : list.lasting) {
    const std::uint64_t hash = key_weight(node, key);
    if (best && (hash < best_hash || (hash == best_hash && node < best))) continue;
    best = node;
    best_hash = hash;
  }
  for (const Candidate& candidate : list.routable) {
    if (candidate.node == best && has_room(candidate, bytes, now)) {
      return {Verdict::placed, candidate.node, candidate.link};
    }
  }
  return {Verdict::no_room, best, {}};
}

Placement::Lane* Placement::find_lane(NodeId node) {
  if (last_lane_ != nullptr && last_node_ == node) return last_lane_;
  const auto at = lanes_.find(node);
  if (at == lanes_.end()) return nullptr;
  last_node_ = node;
  last_lane_ = &at->second;
  return last_lane_;
}

Placement::Lane& Placement::lane(NodeId node) {
  Lane* const known = find_lane(node);
  return known != nullptr ? *known : lanes_[node];
}

void Placement::pause(NodeId node, TimePoint until) { lane(node).paused_until = until; }

void Placement::resume(NodeId node) {
  const auto at = lanes_.find(node);
  if (at != lanes_.end()) at->second.paused_until = TimePoint::min();
}

std::optional<TimePoint> Placement::next_resume(TimePoint now) const {
  std::optional<TimePoint> next;
  for (const auto& [node, lane] : lanes_) {
    if (lane.paused_until > now && (!next || lane.paused_until < *next)) next = lane.paused_until;
  }
  return next;
}

std::vector<std::string> Placement::nearest_names(std::string_view name) const {
  const std::size_t limit = std::max<std::size_t>(2, name.size() / 2);
  std::set<std::pair<std::size_t, std::string>> nearest;  // At most nearest_max, the farthest last.
  std::size_t work = 0;
  membership_.for_each([&](const Peer& peer) {
    if (!peer.routable()) return;
    for (const std::string& served : peer.serves) {
      if (work >= nearest_work_max) return;
      work += 16 + name.size() * served.size();
      const std::size_t distance = edit_distance(name, served, limit);
      if (distance > limit) continue;
      nearest.emplace(distance, served);
      if (nearest.size() > nearest_max) nearest.erase(std::prev(nearest.end()));
    }
  });
  std::vector<std::string> names;
  names.reserve(nearest.size());
  for (const auto& [distance, served] : nearest) names.push_back(served);
  return names;
}

void Placement::sent_bytes(NodeId node, std::size_t bytes) { lane(node).bytes += bytes; }

void Placement::answered_bytes(NodeId node, std::size_t bytes) {
  if (Lane* known = find_lane(node)) known->bytes -= std::min(bytes, known->bytes);
}

void Placement::forget(NodeId node) {
  last_lane_ = nullptr;
  last_name_ = nullptr;
  if (lanes_.erase(node) > 0) by_name_.clear();
}

}  // namespace taskmesh::core
