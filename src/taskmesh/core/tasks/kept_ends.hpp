// KeptEnds: the ends of first tasks with a key, where else they are kept, and that they stay so.  Spec: proto/05-keepers.md
// section 11.
//
// A key is known where the end of its first task is kept: at who owned it and at its keepers, which hold nothing else of it
// any more. When one of them dies or leaves, the first of the others has it kept by the next worker of the task's order,
// with the records that a task which has just ended is copied with. So a key outlives any number of workers that go one
// after the other, for as long as its end is kept at all.
// Remembers keys_max of them; what the cache of results has let go of is forgotten when it is looked for.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <iterator>
#include <string>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;
class OwnerRole;

class KeptEnds {
 public:
  KeptEnds(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
           ExecutorRole& executor, OwnerRole& owner);
  KeptEnds(const KeptEnds&) = delete;
  KeptEnds& operator=(const KeptEnds&) = delete;

  /// The end of the first task with that key is kept here, and by `others` as far as is known. One without copies has
  /// nobody to be kept by.
  void keep(const TaskId& id, const std::string& key, std::vector<NodeId> others);
  void on_peer_change(const PeerChange& change, Now now);
  /// Has those copied that are kept by too few, so many at a time.
  void on_turn_end(Now now, Effects& out);

  bool knows(const TaskId& id) const { return kept_.contains(id); }
  std::size_t size() const { return kept_.size(); }

 private:
  struct Kept {
    std::string key;
    std::vector<NodeId> others;
    bool queued = false;
    bool is_short(const TaskId& id) const { return std::ssize(others) < replicas_of(id); }
  };

  void forget(const TaskId& id);
  void queue(const TaskId& id, Kept& kept);
  bool may_keep(NodeId node) const;
  bool is_mine(const Kept& kept) const;
  void look_again(Now now);

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  OwnerRole& owner_;
  tsl::robin_map<TaskId, Kept, TaskIdHash> kept_;
  std::deque<TaskId> order_;     // Oldest first; those that are not in kept_ mean nothing.
  std::deque<TaskId> queue_;     // To be copied.
  std::vector<TaskId> copying_;  // Being copied, or done with that.
  std::size_t short_ = 0;        // Kept by too few.
  std::uint64_t seen_members_ = 0;
  TimePoint look_at_{};
};

}  // namespace taskmesh::core
