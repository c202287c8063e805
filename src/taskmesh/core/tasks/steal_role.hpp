// StealRole: a worker that is free asks others for what waits there, and is told when something does.
// Spec: proto/08-stealing.md.
//
// A free slot asks one other worker at a time: one that is known to have waiting tasks, else any. Who has nothing to
// give remembers who asked, and tells it when a task has to wait. After some questions in vain an idle worker is quiet
// until it is told, or hears by a heartbeat that tasks wait somewhere. What is given is offered, acknowledged and
// remembered by GiverRole, as of a worker that leaves; which tasks may go is up to the executor.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;

class StealRole {
 public:
  StealRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
            ExecutorRole& executor);
  StealRole(const StealRole&) = delete;
  StealRole& operator=(const StealRole&) = delete;

  /// `node` has free slots. It is answered at the end of the turn.
  void on_steal(NodeId node, const proto::Steal& steal);
  void on_hint(NodeId node, const proto::Hint& hint, Now now);
  /// `node` has offered a task to this worker.
  void on_given(NodeId node);
  /// What `node` says of itself, in WELCOME or HEARTBEAT.
  void on_load(NodeId node, const proto::Load& load);
  void on_peer_change(const PeerChange& change);
  /// After the executor has filled its slots, and before the giver offers: gives, hints and asks; sets wake_at.
  void on_turn_end(Now now, Effects& out);

 private:
  /// Some nodes, each once, in no order.
  class Nodes {
   public:
    void insert(NodeId node);
    void erase(NodeId node);
    NodeId take_any(Random& random);
    bool empty() const { return list_.empty(); }

   private:
    std::vector<NodeId> list_;
    std::unordered_map<NodeId, std::size_t> places_;
  };
  struct Asked {
    NodeId node;
    TimePoint until{};
  };
  struct Asker {
    NodeId node;
    std::uint32_t room = 0;
  };

  void answer_askers(Now now, Effects& out);
  void hint_idle(Effects& out);
  void steal(Now now, Effects& out);
  void begin_to_ask(Now now);
  void was_in_vain(Now now);
  NodeId whom_to_ask(Now now);
  LinkId link_of(NodeId node) const;

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  Random random_;
  std::vector<Asker> askers_;  // Of this turn.
  Nodes idle_;                 // Believed to have free slots, and not told of a waiting task since.
  std::uint64_t spare_ = 0;    // ExecutorRole::ever_spare, when last looked at.
  Nodes busy_;                 // Believed to have waiting tasks.
  std::optional<Asked> asked_;
  std::uint32_t room_ = 0;           // Free slots at the end of the last turn.
  Duration pause_{};                 // After the next question in vain.
  std::optional<TimePoint> ask_at_;  // Anybody; nothing: quiet.
  std::vector<NodeId> all_;          // Who may be asked, by version_ of the membership.
  std::uint64_t version_ = ~0ULL;
};

}  // namespace taskmesh::core
