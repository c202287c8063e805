// SubmitterRole: the client's side of a task, from the call to its end.  Spec: proto/03-tasks.md.
//
// Keeps each task from SubmitTask until it is accepted (no wait) or ended (wait); sends SUBMIT to the worker
// that placement chose, and the same id again to the same worker until it answers, elsewhere only after BUSY,
// after a refusal for the name, or when that worker is dead. Waits for a first worker, for a name (name_grace),
// for room, and ends a task whose deadline passes. A task accepted by a worker that dies is `lost` at once.
// Also asks (QUERY) for tasks by id, and registers waits again after a reconnect.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <deque>
#include <map>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/load_view.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/tasks/placement.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class SubmitterRole {
 public:
  SubmitterRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership);

  // From the face.
  void on_submit(SubmitTask&& submit, Now now, Effects& out);
  void on_query(QueryTasks&& query, Now now, Effects& out);
  void on_await_accepted(const AwaitAccepted& await, Now now, Effects& out);
  void on_abandon(const Abandon& abandon, Now now, Effects& out);

  // From workers; `link` is one of ours, greeted.
  void on_accepted(LinkId link, const proto::Accepted& accepted, Now now, Effects& out);
  void on_busy(LinkId link, const proto::Busy& busy, Now now, Effects& out);
  void on_reject(LinkId link, const proto::Reject& reject, Now now, Effects& out);
  void on_notify(LinkId link, proto::Notify&& notify, Now now, Effects& out);
  void on_status(LinkId link, proto::Status&& status, Now now, Effects& out);
  void on_heartbeat_load(LinkId link, const proto::Load& load, Now now);
  void on_welcome_load(LinkId link, const proto::Load& load, Now now);

  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: places what waits, sends coalesced NOTIFY_ACKs, sets wake_at.
  void on_turn_end(Now now, Effects& out);

  /// Unaccepted or awaited tasks (the in-flight limit counts these).
  std::size_t in_flight() const;
  /// Tasks that no worker has accepted yet.
  std::size_t pending() const;

 private:
  NodeConfig config_;
  NodeCounters& counters_;
  const Membership& membership_;
  LoadView loads_;
  Placement placement_;
};

}  // namespace taskmesh::core
