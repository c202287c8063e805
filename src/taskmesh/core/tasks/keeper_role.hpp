// KeeperRole: copies of tasks that other workers own.  Spec: proto/05-keepers.md sections 3 and 6.
//
// Holds a copy until its owner releases it. A copy whose owner is dead, or no longer knows the task, is taken over: by
// the first of its holders that lives. Refuses a claim to a task that another living worker owns, or that is done. What
// was released is remembered by one bit per task, so that it is never taken for new. A client that waits here for a
// task that is only held here is told its end too.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <unordered_set>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/seen_ids.hpp"
#include "taskmesh/core/tasks/slab.hpp"
#include "taskmesh/core/tasks/task_index.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;
class OwnerRole;

/// A task that comes to this worker from one that is gone.
struct Adoption {
  std::uint32_t epoch = 0;    ///< Of the new ownership.
  std::uint32_t attempt = 0;  ///< Started before, as far as known.
  Boxed<proto::Past> past;    ///< Workers that died while they had it, the last one included.
  bool condemned = false;     ///< That one ran nothing else.
  bool given = false;         ///< Its owner lives, and has not started it.
  Duration ttl{};
  std::vector<NodeId> others;  ///< Who else holds it.
  proto::Submit submit;
  TimePoint since{};  ///< When the times in `submit` were what is left.
  EndedPtr ended;     ///< Where it has ended; then there is no `submit`.
  Waiters waiters;
  bool cancelled = false;     ///< Somebody has cancelled it: it is not to start.
  bool joins = false;         ///< Another task is, or may be, the first with its key.
  bool may_have_run = false;  ///< Whoever had it may have started it.
};

class KeeperRole {
 public:
  KeeperRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
             ExecutorRole& executor, OwnerRole& owner, Rules rules = {});
  KeeperRole(const KeeperRole&) = delete;
  KeeperRole& operator=(const KeeperRole&) = delete;

  // From owners: `node` has greeted on `link`, and answers go back on it.
  void on_repl(LinkId link, NodeId node, proto::Repl&& repl, Now now, Effects& out);
  /// The same with given_flag: the task itself.
  void on_gift(LinkId link, NodeId node, proto::Repl&& repl, Now now, Effects& out);
  void on_done(LinkId link, NodeId node, proto::Done&& done, Now now, Effects& out);
  void on_release(LinkId link, const proto::Release& release, Now now);
  void on_status_a(NodeId node, const proto::StatusA& status, Now now, Effects& out);
  /// The owner has given way to another one.
  void on_moved(NodeId node, const proto::Moved& moved);
  // From other keepers, about what this node owns (or does not).
  void on_status_q(LinkId link, NodeId node, const proto::StatusQ& ask, Now now);

  // CANCEL and its answers, between workers.
  /// `node` has said it: about what it owns it is a wish for the case of its death, else a question of a keeper.
  void on_cancel(LinkId link, NodeId node, proto::Cancel&& cancel, Now now, Effects& out);
  /// The owner's answer is passed on to who has cancelled.
  void on_status(NodeId node, const proto::Status& status);

  // From the executor, about a task that it does not have.
  bool holds(const TaskId& id) const { return find(id) != nullptr; }
  bool buried(const TaskId& id) const { return tombs_.contains(id); }
  /// Of what is held: who has it, or will take it over.
  NodeId owner_of(const TaskId& id) const;
  /// The link is told the end when it comes.
  void add_waiter(const TaskId& id, Waiter waiter);
  /// Somebody cancels it: its owner is asked, and the answer goes to `link`. False: it is not held, or has ended.
  bool cancel(const TaskId& id, LinkId link, std::uint64_t request);
  /// A worker that may know more than the living ones is cut off or silent.
  bool misses_somebody() const { return membership_.someone_missing(); }
  void on_link_down(LinkId link);
  /// Of what was given to this worker: `winner` has it.
  void gift_went(const TaskId& id, NodeId winner);
  /// Not known to be dead.
  bool lives(NodeId node) const;
  /// What is known of a held task, by what its owner said last.
  std::optional<proto::TaskReport> about(const TaskId& id, Codec codec, Now now) const;

  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  /// This worker leaves: nothing new is held, and what is held shall go to others.
  void on_drain(Now now);
  void on_tick(Now now, Effects& out);
  /// Sends what was gathered and sets wake_at.
  void on_turn_end(Now now, Effects& out);

  /// Of the copy that is held; nothing: there is none.
  std::optional<std::uint32_t> epoch_of(const TaskId& id) const;
  std::size_t held() const { return index_.size(); }

 private:
  /// What is as at first in every copy: plain values, taken anew at once.
  struct HeldState {
    TaskId id;
    std::uint64_t serial = 0;  // 0: free.
    NodeId owner;
    std::uint32_t epoch = 0;
    std::uint32_t attempt = 0;
    bool started = false;
    bool begun = false;
    bool cancelled = false;     // Somebody has cancelled it.
    bool joins = false;         // Not the first with its key.
    TimePoint at{};             // When the times in `submit` were what is left.
    TimePoint unknown_since{};  // The owner is no living member since then.
    Duration ttl{};
    std::uint64_t bytes = 0;  // As counted in bytes_.
  };
  struct Held : HeldState {
    std::uint32_t slot = 0;  // In pool_.
    Boxed<proto::Past> past;
    proto::NodeList holders;
    proto::Submit submit;
    EndedPtr ended;
    Waiters waiters;
    /// What holds memory goes, and all that was known; `submit` is for the next one to overwrite.
    void clear();
  };
  struct Reply {
    LinkId link;
    proto::ReplOk repl_ok;
    proto::DoneOk done_ok;
    proto::ReleaseOk release_ok;
    proto::StatusA status;
  };
  struct Timer {
    TimePoint at{};
    std::uint32_t slot = 0;
    std::uint64_t serial = 0;
  };
  struct CancelAsk {
    TaskId id;
    LinkId link;
    std::uint64_t request = 0;
  };

  Held* find(const TaskId& id);
  const Held* find(const TaskId& id) const;
  Held& make(const TaskId& id, Now now);
  void free(Held& held);
  void weigh(Held& held);
  void bury(const TaskId& id, Now now);
  Reply& reply_to(LinkId link);
  void refuse(LinkId link, const proto::Repl& repl, proto::Refused why, NodeId owner, std::uint32_t epoch);
  /// True: it is refused, and that is said. `held`: the copy that is here, if there is one.
  bool refuse_claim(LinkId link, const proto::Repl& repl, const Held* held, Now now, Effects& out);
  void store(Held& held, proto::Repl&& repl, Now now);
  static EndedPtr end_of(proto::Done&& done);
  void free_key(const Held& held);
  void say_end(LinkId link, const Held& held);
  void let_go(LinkId link, const std::vector<proto::Claim>& claims, bool keep, Now now);
  NodeId heir_of(const Held& held) const;
  void ask(const Held& held, NodeId node);
  void take_over(Held& held, Now now, Effects& out);
  void count_death(const Held& held, Adoption& adoption, Now now) const;
  void keep_end(const EndedPtr& ended, Duration ttl, std::vector<NodeId> others, Now now);
  static std::vector<NodeId> others_of(const Held& held);
  void answer_cancels(const TaskId& id, const proto::TaskReport& report);
  void ask_owner(Held& held, Now now, Effects& out);
  void confirm_gifts(Effects& out);
  void ask_all(Now now, Effects& out);
  bool broken(int rule) const { return rules_.is_broken(rule); }

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  OwnerRole& owner_;
  const Rules rules_;
  Slab<Held> pool_;
  TaskIndex index_;  // Places in pool_.
  std::uint64_t bytes_ = 0;
  std::uint64_t next_serial_ = 1;
  std::unordered_set<NodeId> dead_;
  std::unordered_set<NodeId> left_;  // Of them, those that said BYE: nothing has killed them.
  SeenIds tombs_;
  std::deque<Timer> asks_;
  std::vector<TaskId> asks_now_;        // Their owner has changed.
  std::vector<CancelAsk> cancel_asks_;  // Of clients, passed on to owners.
  bool leaving_ = false;
  TimePoint ask_all_at_{};
  std::vector<std::pair<LinkId, TaskId>> gifts_;  // Taken, and not confirmed yet.
  std::vector<Reply> replies_;
  std::vector<Send> said_;
  std::map<NodeId, proto::StatusQ> questions_;
};

}  // namespace taskmesh::core
