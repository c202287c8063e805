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
#include <memory>
#include <optional>
#include <unordered_map>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/load_view.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/copy_order.hpp"
#include "taskmesh/core/tasks/in_flight.hpp"
#include "taskmesh/core/tasks/placement.hpp"
#include "taskmesh/core/tasks/query_book.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/tasks/task_tokens.hpp"
#include "taskmesh/core/tasks/waiting_room.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// One worker, in one life of it, as the submitter deals with it.
struct WorkerLink {
  NodeId node;
  std::uint64_t incarnation = 0;
  std::string name;
  LinkId link;
  bool ready = false;                ///< Greeted on the present connection.
  bool gone = false;                 ///< Dead or left...
  bool left = false;                 ///< ...the latter.
  std::uint64_t first_seq = 1;       ///< Number of by_seq's front.
  std::deque<std::uint32_t> by_seq;  ///< Slots by SUBMIT.seq of the present connection; may be stale.
  SlotList sent;                     ///< Unanswered SUBMITs, least recently sent first.
  SlotList held;                     ///< Accepted and awaited, least recently asked about first.
  std::vector<proto::Range> acks;    ///< NOTIFYs of this turn.
  std::vector<std::uint32_t> ask;    ///< Slots that it is asked about at the end of this turn.
  Duration busy_pause{};             ///< Of the last BUSY; doubles.
  TimePoint busy_until{};
  TimePoint next_check{};      ///< Not before: QUERY about what it holds.
  std::size_t remembered = 0;  ///< Ids whose holder it is known to be.

  std::uint64_t next_seq() const { return first_seq + by_seq.size(); }
};

class SubmitterRole {
 public:
  SubmitterRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                Rules rules = {});

  // From the face.
  void on_submit(SubmitTask&& submit, Now now, Effects& out);
  void on_query(QueryTasks&& query, Now now, Effects& out);
  void on_await_accepted(const AwaitAccepted& await, Now now, Effects& out);
  void on_abandon(const Abandon& abandon, Now now, Effects& out);
  void on_cancel(const CancelTask& cancel, Now now, Effects& out);

  // From workers; `link` is one of ours, greeted.
  void on_accepted(LinkId link, const proto::Accepted& accepted, Now now, Effects& out);
  void on_busy(LinkId link, const proto::Busy& busy, Now now, Effects& out);
  void on_reject(LinkId link, const proto::Reject& reject, Now now, Effects& out);
  void on_notify(LinkId link, proto::Notify&& notify, Now now, Effects& out);
  void on_status(LinkId link, proto::Status&& status, Now now, Effects& out);
  void on_moved(LinkId link, const proto::Moved& moved, Now now, Effects& out);
  void on_heartbeat_load(LinkId link, const proto::Load& load, Now now);
  void on_welcome_load(LinkId link, const proto::Load& load, Now now);

  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: places what waits, sends coalesced NOTIFY_ACKs, sets wake_at.
  void on_turn_end(Now now, Effects& out);

  /// Ends that this client itself told of tasks with a callback address: no worker tells the listener.
  std::vector<EndedPtr> take_ends();

  /// Unaccepted or awaited tasks (the in-flight limit counts these).
  std::size_t in_flight() const { return tasks_.size(); }
  /// Tasks that no worker has accepted yet.
  std::size_t pending() const { return pending_; }
  /// Questions and wishes to cancel that are not answered yet.
  std::size_t open_questions() const { return questions_.size() + cancels_.size(); }
  /// What is remembered of tasks that have ended, beside who held them (a ring).
  std::size_t remembered() const { return ends_.size() + recent_.size(); }

 private:
  struct Flush {
    Token token = 0;
    std::uint64_t before = 0;  // Serials below.
    std::size_t open = 0;
  };
  struct RecentEnd {
    TaskId id;
    NodeId node;
  };
  struct RecentCopies {
    TaskId id;
    std::vector<NodeId> nodes;
  };

  // Placing and sending (submitter_placing.cpp).
  void place(Now now, Effects& out);
  bool may_place(Now now);
  void look_for_changes(Now now);
  void end_unserved(Now now, Effects& out);
  void send(std::uint32_t slot, WorkerLink& worker, Now now, Effects& out);
  void say(std::uint32_t slot, Now now, Effects& out);
  void resend_due(WorkerLink& worker, Now now, Effects& out);
  void ask_held(WorkerLink& worker, TimePoint asked_before, Now now, Effects& out);
  void ask_one(std::uint32_t slot, WorkerLink& worker, Effects& out);
  void set_wake(Now now, Effects& out);
  void expire_due(Now now, Effects& out);

  // Answers.
  WorkerLink* worker_at(LinkId link);
  template <class Visit>
  void for_each_answered(WorkerLink& worker, const std::vector<proto::Range>& seqs, Visit visit);
  void forget_answered(WorkerLink& worker);
  void settle_load(FlyingTask& task);
  void settle_answer(FlyingTask& task);
  void accept(std::uint32_t slot, Now now, Effects& out);
  void take_back(std::uint32_t slot, Now now, Effects& out);
  void on_held_status(WorkerLink& worker, proto::Status&& status, Now now, Effects& out);

  // Following a task whose worker is gone (submitter_following.cpp).
  struct Following {
    TimePoint at{};
    std::uint32_t slot = 0;
    std::uint64_t serial = 0;
  };
  WorkerLink* next_holder(const FlyingTask& task, NodeId after);
  static NodeId place_in_order(const FlyingTask& task);
  void follow(std::uint32_t slot, NodeId after, Now now, Effects& out);
  bool was_alone(const FlyingTask& task) const;
  void found_nowhere(std::uint32_t slot, Now now, Effects& out);
  void rehome(std::uint32_t slot, WorkerLink& to, Now now);
  void follow_again(Now now, Effects& out);
  void ask_followed(WorkerLink& worker, Effects& out);
  void note_copies(FlyingTask& task, const proto::Accepted& accepted);
  std::vector<NodeId> holders_of(const FlyingTask& task, NodeId owner) const;

  // Ends (submitter_ends.cpp).
  void complete(std::uint32_t slot, Shared<proto::TaskReport> report, Effects& out);
  void end_here(std::uint32_t slot, TaskState state, const Error& error, Now now, Effects& out);
  void end_lost(std::uint32_t slot, const WorkerLink& worker, Now now, Effects& out);
  void finish_here(std::uint32_t slot, Shared<proto::TaskReport> report, Effects& out);
  void tell_accepted(FlyingTask& task, NodeId node, Effects& out);
  void tell_refused(FlyingTask& task, const Error& error, Effects& out);
  void left_pending(const FlyingTask& task, Effects& out);
  void tell_listener(const FlyingTask& task, const proto::TaskReport& report);
  void remember_holder(const TaskId& id, WorkerLink& worker);
  void remember_end(const proto::TaskReport& report);
  void remember_recent(const TaskId& id, NodeId node);
  Error not_served_error(const FlyingTask& task) const;

  // Questions and tokens (submitter_asking.cpp).
  QueryBook::Wanted look_up(const TaskId& id, Now now) const;
  void wait_for(const TaskId& id, const QueryTasks& query, Now now, Effects& out);
  void hold_for(const QueryBook::Holder& holder, Now now);
  void add_token(std::uint32_t slot, Token token);
  bool remove_token(std::uint32_t slot, Token token);

  // Cancelling (submitter_cancel.cpp).
  void ask_cancel(Token token, const TaskId& id, Now now, Effects& out);
  void end_cancelled(std::uint32_t slot, Now now, Effects& out);
  void cancel_accepted(const TaskId& id, Now now, Effects& out);
  void tell_cancels(const proto::TaskReport& report, Effects& out);

  // Workers.
  void on_worker_greeted(const PeerChange& change, Now now, Effects& out);
  void on_worker_gone(WorkerLink& worker, bool left, Now now, Effects& out);
  void forget_if_useless(const WorkerLink& worker);

  NodeConfig config_;
  const Rules rules_;
  NodeCounters& counters_;
  const Membership& membership_;
  LoadView loads_;
  Placement placement_;
  InFlight tasks_;
  WaitingRoom waiting_;
  QueryBook questions_;
  CopyOrder copy_order_;
  SlotList homeless_;  // Copied tasks whose worker is gone, and nobody who holds them is found yet.
  std::deque<Following> following_;  // When those are looked for again.
  std::optional<TimePoint>
      unsure_at_;  // A worker that was asked about one of them misses somebody who may know it.
  std::size_t pending_ = 0;

  std::map<NodeId, std::unique_ptr<WorkerLink>> workers_;
  std::vector<std::unique_ptr<WorkerLink>> former_;  // Earlier lives of workers_, while remembered.
  tsl::robin_map<LinkId, WorkerLink*, std::hash<LinkId>> by_link_;

  bool placing_ = false;  // The first look around is over.
  std::optional<TimePoint> first_greeted_at_;
  std::optional<TimePoint> reachable_since_;
  std::uint64_t seen_version_ = 0;
  bool room_ = false;  // An answer may have made room since the last try.
  std::optional<TimePoint> resume_at_;

  TaskTokens acceptance_;  // Waiting for ACCEPTED.
  std::vector<Flush> flushes_;
  TaskTokens cancels_;  // Waiting for an answer to SUBMIT.

  HolderRing holders_;                                  // Accepted, nobody waits.
  std::unordered_map<TaskId, proto::TaskReport> ends_;  // Told by this client itself.
  std::deque<TaskId> ends_order_;
  std::vector<RecentEnd> recent_;  // A ring of ends that workers told.
  std::size_t recent_next_ = 0;
  std::deque<RecentCopies> recent_copies_;  // Accepted and no longer kept here: who held them.
  std::vector<EndedPtr> ends_to_tell_;
};

}  // namespace taskmesh::core
