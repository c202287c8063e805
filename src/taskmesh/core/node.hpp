// Node: the protocol as a function. Routes each Event to the one role that decides, merges their Effects.
// No rules of its own.  docs/architecture.md.
//
// The caller owns it and calls step() for each event of a turn and turn_end() once after the last; both from
// one thread. Same events and times, same effects: the simulator and the reactor run the same code. Time:
// `now.at` never decreases between calls (checked). After turn_end(), out.wake_at is when to come again.
#pragma once

#include <memory>

#include "taskmesh/core/callbacks/callback_outbox.hpp"
#include "taskmesh/core/callbacks/listener_role.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/events/event_tap.hpp"
#include "taskmesh/core/events/event_watch.hpp"
#include "taskmesh/core/mesh/greeting.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/finder_role.hpp"
#include "taskmesh/core/tasks/giver_role.hpp"
#include "taskmesh/core/tasks/keeper_role.hpp"
#include "taskmesh/core/tasks/kept_ends.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/steal_role.hpp"
#include "taskmesh/core/tasks/submitter_role.hpp"
#include "taskmesh/core/tasks/worker_asks.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class Node {
 public:
  explicit Node(NodeConfig config, Rules rules = {});
  Node(const Node&) = delete;
  Node& operator=(const Node&) = delete;

  void step(Event&& event, Now now, Effects& out);
  /// `drained`: no more input is there. Nobody is called silent before what he said has been read.
  void turn_end(Now now, Effects& out, bool drained = true);

  const NodeConfig& config() const { return config_; }
  const NodeCounters& counters() const { return counters_; }
  const Membership& membership() const { return membership_; }
  const ExecutorRole* executor() const { return executor_.get(); }
  const OwnerRole* owner() const { return owner_.get(); }
  const GiverRole* giver() const { return giver_.get(); }
  const FinderRole* finder() const { return finder_.get(); }
  const KeptEnds* kept() const { return kept_.get(); }
  const KeeperRole* keeper() const { return keeper_.get(); }
  const SubmitterRole* submitter() const { return submitter_.get(); }
  const CallbackOutbox& outbox() const { return outbox_; }
  const EventTap* tap() const { return tap_.get(); }
  const EventWatch* watch() const { return watch_.get(); }
  const ListenerRole* listener() const { return listener_.get(); }

 private:
  void on_event(Received&& received, Now now, Effects& out);
  void on_event(BadInput&& bad, Now now, Effects& out);
  void on_event(LinkUp&& up, Now now, Effects& out);
  void on_event(LinkDown&& down, Now now, Effects& out);
  void on_event(Found&& found, Now now, Effects& out);
  void on_event(Gone&& gone, Now now, Effects& out);
  void on_event(Tick&& tick, Now now, Effects& out);
  void on_event(SubmitTask&& submit, Now now, Effects& out);
  void on_event(QueryTasks&& query, Now now, Effects& out);
  void on_event(AwaitAccepted&& await, Now now, Effects& out);
  void on_event(Abandon&& abandon, Now now, Effects& out);
  void on_event(ListMembers&& list, Now now, Effects& out);
  void on_event(EventHandled&& handled, Now now, Effects& out);
  void on_event(Finished&& finished, Now now, Effects& out);
  void on_event(Returned&& returned, Now now, Effects& out);
  void on_event(Drain&& drain, Now now, Effects& out);
  void on_event(CancelTask&& cancel, Now now, Effects& out);
  void on_event(AskWorker&& ask, Now now, Effects& out);
  void on_event(MemoryUsed&& used, Now now, Effects& out);
  void on_event(NobodyThere&& there, Now now, Effects& out);
  void on_event(PostAnswered&& answer, Now now, Effects& out);
  void on_event(WatchEvents&& wish, Now now, Effects& out);

  void on_message(LinkId link, proto::Hello&& hello, Now now, Effects& out);
  void on_message(LinkId link, proto::Welcome&& welcome, Now now, Effects& out);
  void on_message(LinkId link, proto::Heartbeat&& beat, Now now, Effects& out);
  void on_message(LinkId link, proto::Bye&& bye, Now now, Effects& out);
  void on_message(LinkId link, proto::Digest&& digest, Now now, Effects& out);
  void on_message(LinkId link, proto::Members&& told, Now now, Effects& out);
  void on_message(LinkId link, proto::Doubt&& doubt, Now now, Effects& out);
  void on_message(LinkId link, proto::Witness&& witness, Now now, Effects& out);
  void on_message(LinkId link, proto::Submit&& submit, Now now, Effects& out);
  void on_message(LinkId link, proto::Accepted&& accepted, Now now, Effects& out);
  void on_message(LinkId link, proto::Busy&& busy, Now now, Effects& out);
  void on_message(LinkId link, proto::Reject&& reject, Now now, Effects& out);
  void on_message(LinkId link, proto::Cancel&& cancel, Now now, Effects& out);
  void on_message(LinkId link, proto::Query&& query, Now now, Effects& out);
  void on_message(LinkId link, proto::Status&& status, Now now, Effects& out);
  void on_message(LinkId link, proto::CbHello&& hello, Now now, Effects& out);
  void on_message(LinkId link, proto::CbWelcome&& welcome, Now now, Effects& out);
  void on_message(LinkId link, proto::Notify&& notify, Now now, Effects& out);
  void on_message(LinkId link, proto::NotifyAck&& ack, Now now, Effects& out);
  void on_message(LinkId link, proto::NotifyNack&& nack, Now now, Effects& out);
  void on_message(LinkId link, proto::ListTasks&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::TaskList&& list, Now now, Effects& out);
  void on_message(LinkId link, proto::ListCallbacks&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::CallbackList&& list, Now now, Effects& out);
  void on_message(LinkId link, proto::ListPosts&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::PostList&& list, Now now, Effects& out);
  void on_message(LinkId link, proto::RetryCallbacks&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::CallbacksRetried&& done, Now now, Effects& out);
  void on_message(LinkId link, proto::Watch&& watch, Now now, Effects& out);
  void on_message(LinkId link, proto::Events&& told, Now now, Effects& out);
  void on_message(LinkId link, proto::ErrorReport&& error, Now now, Effects& out);
  // Copies (node_copies.cpp).
  void on_message(LinkId link, proto::Repl&& repl, Now now, Effects& out);
  void on_message(LinkId link, proto::ReplOk&& ok, Now now, Effects& out);
  void on_message(LinkId link, proto::ReplDup&& dup, Now now, Effects& out);
  void on_message(LinkId link, proto::Done&& done, Now now, Effects& out);
  void on_message(LinkId link, proto::DoneOk&& ok, Now now, Effects& out);
  void on_message(LinkId link, proto::Release&& release, Now now, Effects& out);
  void on_message(LinkId link, proto::ReleaseOk&& ok, Now now, Effects& out);
  void on_message(LinkId link, proto::StatusQ&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::StatusA&& status, Now now, Effects& out);
  void on_message(LinkId link, proto::Moved&& moved, Now now, Effects& out);
  void on_message(LinkId link, proto::WhoHas&& ask, Now now, Effects& out);
  void on_message(LinkId link, proto::Has&& has, Now now, Effects& out);
  void on_message(LinkId link, proto::Steal&& steal, Now now, Effects& out);
  void on_message(LinkId link, proto::Hint&& hint, Now now, Effects& out);
  NodeId worker_at(LinkId link) const;
  NodeId copying_worker(LinkId link, proto::Type type, Now now, Effects& out);

  bool may_speak(LinkId link, const proto::Message& message, Now now, Effects& out);
  bool admits(LinkId link, const proto::Message& message, Now now, Effects& out);
  bool takes_list();
  bool speaks_for_itself(LinkId link, NodeId node) const;
  void forget_guests(Now now, Effects& out);
  void refuse(LinkId link, proto::Type type, Now now, Effects& out);
  proto::Load load(TimePoint now) const;
  proto::Load full_load(TimePoint now) const;
  void tick(Now now, Effects& out, bool drained);
  void deliver_changes(Now now, Effects& out);
  void continue_drain(Now now, Effects& out);
  void tell_own_ends(Now now);
  void answer_members(Now now, Effects& out);

  NodeConfig config_;
  const Rules rules_;
  NodeCounters counters_;
  TimePoint last_{};
  std::uint64_t next_link_ = 1;
  Membership membership_;
  Greeting greeting_;
  CallbackOutbox outbox_;
  std::unique_ptr<EventTap> tap_;             // Workers only.
  std::unique_ptr<ExecutorRole> executor_;    // Workers only.
  std::unique_ptr<OwnerRole> owner_;          // Workers only.
  std::unique_ptr<GiverRole> giver_;          // Workers only.
  std::unique_ptr<FinderRole> finder_;        // Workers only.
  std::unique_ptr<KeptEnds> kept_;            // Workers only.
  std::unique_ptr<StealRole> thief_;          // Workers only.
  std::unique_ptr<KeeperRole> keeper_;        // Workers only.
  std::unique_ptr<SubmitterRole> submitter_;  // Clients only.
  std::unique_ptr<WorkerAsks> asks_;          // Clients only.
  std::unique_ptr<EventWatch> watch_;         // Clients only.
  std::unique_ptr<ListenerRole> listener_;    // Listeners only.
  std::optional<TimePoint> drain_until_;
  std::optional<TimePoint> farewell_until_;  // Drained; undelivered ends get this long.
  struct MembersAsked {
    Token token = 0;
    TimePoint until{};
  };
  std::vector<MembersAsked> members_asked_;
  LinkId speaker_;                 // Spoke last in this turn, and may go on.
  std::size_t lists_ = 0;          // Answered in this turn.
  std::optional<TimePoint> wake_;  // Earliest timer that any role announced since the last tick.
};

}  // namespace taskmesh::core
