// ExecutorRole: a worker's side of a task: accept, queue, hand to a slot, end, tell.  Spec: proto/03-tasks.md.
//
// Accepts SUBMITs into a bounded queue (BUSY beyond it), recognises repeated ids, starts by priority, keeps
// results, answers QUERY, and gives every end to the outbox: for each waiting link and for the callback address.
// Short tasks are handed over ahead of free slots so that a flood is not one thread hop per task: the sum of
// the expected times of what is handed over and not finished stays below short_task per free slot; what is
// not started within 5 ms is recalled.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "taskmesh/core/callbacks/callback_outbox.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/result_cache.hpp"
#include "taskmesh/core/tasks/run_queue.hpp"
#include "taskmesh/core/tasks/seen_ids.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole {
 public:
  ExecutorRole(const NodeConfig& config, NodeCounters& counters, CallbackOutbox& outbox);

  /// `link` is greeted. Answers at the end of the turn: ACCEPTED, BUSY; REJECT at once.
  void on_submit(LinkId link, proto::Submit&& submit, Now now, Effects& out);
  void on_query(LinkId link, const proto::Query& query, Now now, Effects& out);
  void on_finished(Finished&& finished, Now now, Effects& out);
  void on_returned(const Returned& returned, Now now, Effects& out);
  /// The link is gone: nobody waits there any more.
  void on_link_down(LinkId link);
  /// Nothing new is taken (BUSY draining); what is queued still runs; at `until` the rest ends as lost.
  void on_drain(TimePoint until, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: hands over runs, sends coalesced ACCEPTED and BUSY with `load`,
  /// learns from the outbox what was delivered, sets wake_at.
  void on_turn_end(const proto::Load& load, Now now, Effects& out);

  std::uint32_t queued() const;
  std::uint32_t running() const;
  std::uint32_t oldest_ms(TimePoint now) const;
  bool draining() const;
  /// No task is queued or running.
  bool idle() const;

 private:
  NodeConfig config_;
  NodeCounters& counters_;
  CallbackOutbox& outbox_;
};

}  // namespace taskmesh::core
