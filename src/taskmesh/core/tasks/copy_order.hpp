// CopyOrder: which workers hold the copies of a task?  Spec: proto/05-keepers.md section 2.
//
// Everybody who knows the same workers puts them into the same order for a task: those that serve its name first, and
// among them by a hash of node and task. Keepers are the first of that order without the owner; a client whose task's
// owner has died looks in that order too. Pure; one thread. Looks at each worker once per task and allocates nothing.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::core {

class CopyOrder {
 public:
  explicit CopyOrder(const Membership& membership) : membership_(membership) {}

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
  };
  void look(std::string_view name);

  const Membership& membership_;
  std::vector<Candidate> candidates_;  // Of the name below; void after a change of version.
  std::string name_;
  std::uint64_t version_ = ~0ULL;
};

}  // namespace taskmesh::core
