// GiverRole: a worker that leaves hands what it has not started to others; a task with a key goes to who has the first
// one with it; and what waits goes to who asks for it.  Spec: proto/05-keepers.md sections 6 and 11, 08-stealing.md.
//
// Each task is offered to one worker that serves its name; it is given when that one says MOVED, and kept until then.
// Who refuses, or is dead, is passed over for the next; a once task that a dead one may have taken is lost, for it
// must not run twice. So many at a time, that a taker is not flooded. What nobody takes goes back to the executor.
// What was given is remembered, so that whoever asks here is sent there.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <utility>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/copy_order.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;

class GiverRole {
 public:
  GiverRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
            ExecutorRole& executor, Rules rules = {});
  GiverRole(const GiverRole&) = delete;
  GiverRole& operator=(const GiverRole&) = delete;

  /// True once after each change of who is there.
  bool take_news();
  /// True if somebody else serves any of the names that this worker serves.
  bool anybody();
  /// Offers a task that is nowhere else here. `due`: it must not start before. False: there is nobody to take it.
  bool give(const TaskId& id, std::string_view name, std::string_view key, TimePoint due);
  /// Offers it to `owner` alone. Where that one does not take it: ExecutorRole::find_again.
  void hand_on(const TaskId& id, std::string_view name, NodeId owner);
  /// Offers it to `thief` alone, which has asked for it. Where that one does not take it: ExecutorRole::take_back.
  void lend(const TaskId& id, std::string_view name, NodeId thief);
  /// It has ended here. False: it is offered to somebody, who may have taken it.
  bool take_back(const TaskId& id);
  /// It is over, whoever may have taken it.
  void forget(const TaskId& id);
  /// Who has taken it; nil: it was not given to anybody.
  NodeId taker_of(const TaskId& id) const;
  bool has_given() const { return !gone_.empty(); }
  /// How many are remembered as given, and how much is kept for that.
  std::pair<std::size_t, std::size_t> remembered() const { return {gone_.size(), gone_order_.size()}; }
  /// Who has taken it from this worker when it owned it in this epoch or a later one: who offers it has not heard that
  /// this one took it. Nil: it was not given away since.
  NodeId taken_since(const TaskId& id, std::uint32_t epoch) const;
  /// It has come back.
  void taken(const TaskId& id);

  /// From `node`: these are with moved.owner.
  void on_moved(NodeId node, const proto::Moved& moved, Now now, Effects& out);
  /// False: it answers no offer of this role.
  bool on_refused(NodeId node, const proto::ReplDup& dup, Now now, Effects& out);
  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Offers as many as may be under way, and sets wake_at.
  void on_turn_end(Now now, Effects& out);

  std::size_t open() const { return giving_.size(); }

 private:
  struct Given {
    NodeId taker;  // Nil: not offered yet.
    TimePoint due{};
    std::string name;
    std::string key;
    NodeId only;        // Set: it is offered to nobody else.
    bool lent = false;  // That one has asked for it.
    std::vector<NodeId> refused;
    std::uint64_t bytes = 0;  // While it is offered.
  };
  struct Timer {
    TimePoint at{};
    TaskId id;
  };

  NodeId choose(const TaskId& id, const Given& given);
  void offer(const TaskId& id, Given& given, Now now);
  void withdraw(Given& given);
  void pass_on(const TaskId& id, bool perhaps_taken, Now now, Effects& out);
  void given(const TaskId& id, NodeId to, Now now, Effects& out);
  bool has_room() const;
  void forget_taker(NodeId node);
  void taken_by(const TaskId& id, NodeId node, NodeId owner, Now now, Effects& out);
  bool is_current(const std::pair<std::uint64_t, TaskId>& entry) const;
  void tidy();

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  const Rules rules_;
  CopyOrder order_;
  tsl::robin_map<TaskId, Given, TaskIdHash> giving_;
  struct Gone {
    NodeId taker;
    std::uint32_t epoch = 0;
    std::uint64_t serial = 0;  // Of its entry in gone_order_; the others with that id mean nothing.
  };
  tsl::robin_map<TaskId, Gone, TaskIdHash> gone_;
  std::deque<std::pair<std::uint64_t, TaskId>>
      gone_order_;  // By serial; more than remembered_max are forgotten.
  std::uint64_t last_gone_ = 0;
  std::deque<TaskId> waiting_;  // To be offered; those that are not in giving_ mean nothing.
  std::deque<Timer> repeat_;
  std::uint64_t seen_members_ = 0;
  std::size_t offered_ = 0;
  std::uint64_t offered_bytes_ = 0;
  std::vector<Send> said_;
};

}  // namespace taskmesh::core
