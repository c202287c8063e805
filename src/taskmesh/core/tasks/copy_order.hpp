// CopyOrder: which workers hold the copies of a task?  Spec: proto/05-keepers.md section 2.
//
// Everybody who knows the same workers puts them into the same order for a task: those that serve its name first, among
// them those on another host than its owner, and among these by a hash of node and task. Keepers are the first of that
// order without the owner. A client whose task's owner has died looks in that order too, without the hosts: it may not
// know who owned the task last. Pure; one thread. Looks at each worker once per task and allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::core {

class CopyOrder {
 public:
  /// `host`: of this node, whose tasks are to be held on others; empty: hosts do not matter. A worker that does not say
  /// where it is counts as on the same one.
  explicit CopyOrder(const Membership& membership, std::string host = {})
      : membership_(membership), host_(std::move(host)) {}

  /// The first that is none of `without`; nil: there is none. This node itself is never named.
  NodeId first(const TaskId& id, std::string_view name, std::span<const NodeId> without);
  /// The first that serves the name and is none of `without`; nil: there is none.
  NodeId taker(const TaskId& id, std::string_view name, std::span<const NodeId> without);
  /// All of them, in their order.
  std::vector<NodeId> all(const TaskId& id, std::string_view name);
  static std::uint64_t weight(const NodeId& node, const TaskId& id);

 private:
  struct Candidate {
    NodeId node;
    bool serves = false;
    bool elsewhere = false;  // On another host.
  };
  using Rank = std::tuple<bool, bool, std::uint64_t>;  // The greater one comes first.
  static Rank rank(const Candidate& candidate, const TaskId& id);
  void look(std::string_view name);

  const Membership& membership_;
  const std::string host_;
  std::vector<Candidate> candidates_;  // Of the name below; void after a change of version.
  std::string name_;
  std::uint64_t version_ = ~0ULL;
};

}  // namespace taskmesh::core
