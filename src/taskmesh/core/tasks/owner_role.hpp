// OwnerRole: the owner's side of the copies of its tasks.  Spec: proto/05-keepers.md sections 3 to 5.
//
// A task that asks for replicas is accepted (and started) only when enough other workers hold a copy of it, or there
// are none; its end is told only when one of them has recorded it; the copies are released when everybody who was to
// be told has acknowledged. Meanwhile each copy that is lost is made anew elsewhere.
// The executor owns the tasks themselves and is called back: on_copied, on_end_copied, yield. What is to be sent is
// gathered and leaves at the end of the turn. Tasks without replicas never come here.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/copy_order.hpp"
#include "taskmesh/core/tasks/epoch.hpp"
#include "taskmesh/core/tasks/slab.hpp"
#include "taskmesh/core/tasks/task_index.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;

class OwnerRole {
 public:
  OwnerRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
            ExecutorRole& executor, Rules rules = {});
  OwnerRole(const OwnerRole&) = delete;
  OwnerRole& operator=(const OwnerRole&) = delete;

  // From the executor.
  /// Asks for copies of a task that it has just taken. False: nobody can hold one, take it as it is.
  bool begin(const TaskId& id, std::uint32_t epoch, std::string_view name, Now now);
  /// Those that do not answer are asked, but not waited for: as many others are asked as well.
  void ask_beyond(const TaskId& id, const std::vector<NodeId>& silent, Now now);
  /// The task has ended. `owed`: somebody is to be told. False: nobody holds a copy, tell it at once.
  bool ending(const EndedPtr& ended, Duration ttl, bool owed, Now now);
  /// So many are being told the end, its listener among them if it has one; RELEASE follows when all have acknowledged.
  void owe(const TaskId& id, std::uint32_t debts, Now now);
  /// One link of them has, or is gone (then it has not `got` it).
  void settle(const TaskId& id, bool got, Now now);
  /// Its listener has, or is given up.
  void settle_callback(const TaskId& id, Now now);
  /// One more attempt has failed, and another one follows: whoever takes it over counts on from there.
  void tell_attempt(const TaskId& id, Now now);
  /// It runs and was asked to stop: whoever takes it over is to know that.
  void tell_cancel(const TaskId& id);
  /// Says anew what the executor tells of it. `wait`: it is not open before that is answered. False: nobody holds it.
  bool restate(const TaskId& id, bool wait, Now now);
  /// Copies that were lost with dead workers are being made anew, or are still to be: this node takes one of those that
  /// `past` names for alive.
  bool awaits_copies(const proto::Past& past) const;
  /// True if somebody else is known to hold it.
  bool is_safe(const TaskId& id) const;
  /// Who is known to hold it.
  proto::NodeList holders(const TaskId& id) const;
  std::uint32_t epoch_of(const TaskId& id) const;
  /// The epoch in which this node owns what another one owned in `epoch` (0: nobody did), and nobody gave it.
  std::uint32_t epoch_after(std::uint32_t epoch, LineOf kind);
  /// ... what was given to it out of `epoch`; `again`: by one that had offered it before.
  std::uint32_t epoch_of_gift(std::uint32_t epoch, bool again);

  // From this node's keeper, which takes a task over with what it knows of the other holders.
  /// False: nobody else can hold it, go on alone.
  bool adopt(const TaskId& id, std::uint32_t epoch, std::string_view name, const std::vector<NodeId>& others,
             Now now);
  /// A worker that is gone may have owned it in the next epoch, and told others so. It is claimed above that one, and
  /// not open before all holders have said that nobody else owns it. False: nobody else holds it.
  bool claim_again(const TaskId& id, Now now);
  void adopt_ended(const EndedPtr& ended, std::uint32_t epoch, Duration ttl,
                   const std::vector<NodeId>& others, Now now);
  struct Claimed {
    std::uint32_t epoch = 0;
    bool started = false;
    bool stored = false;
    bool ended = false;
  };
  bool owns(const TaskId& id) const { return find(id) != nullptr; }
  /// What this node claims about an id; nothing: it does not own it.
  std::optional<Claimed> claimed(const TaskId& id) const;
  /// The task goes to `winner`: its copies are told so, and it is forgotten here.
  void yield(const TaskId& id, NodeId winner, Now now, Effects& out);

  // From keepers; `node` has said it itself.
  void on_repl_ok(NodeId node, const proto::ReplOk& ok, Now now);
  void on_repl_dup(NodeId node, const proto::ReplDup& dup, Now now, Effects& out);
  void on_done_ok(NodeId node, const proto::DoneOk& ok, Now now, Effects& out);
  void on_release_ok(NodeId node, const proto::ReleaseOk& ok);
  /// What is said to a keeper about its copy; nothing: this node has never heard of it, as far as this role knows.
  std::optional<proto::CopyVerdict> verdict(NodeId node, const proto::Claim& claim, bool leaves) const;
  /// `node` leaves: another one is to hold what it holds; when that one does, or nobody can, `node` need not.
  void replace(NodeId node, const TaskId& id, Now now);

  void on_peer_change(const PeerChange& change, Now now);
  /// This process stood still: others may have taken over what it has queued. Asks before anything of it starts.
  void on_stall(Now now);
  void on_tick(Now now);
  /// Sends what was gathered and sets wake_at.
  void on_turn_end(Now now, Effects& out);

  /// Tasks with something open: copies, ends, releases.
  std::size_t open() const { return index_.size(); }
  /// Of them, those that are accepted with fewer copies than were asked for.
  std::size_t under_replicated() const { return counters_.under_replicated; }

 private:
  enum class Stage : std::uint8_t {
    copying,    // Neither accepted nor started before somebody holds it.
    open,       // Accepted, not ended.
    ending,     // Ended; not told before somebody has recorded that.
    owed,       // Being told.
    releasing,  // All is said; the copies are to go.
  };
  struct Holder {
    NodeId node;
    bool stored = false;
    bool ended = false;      // Has recorded the end.
    bool released = false;   // Has let go.
    std::uint8_t asked = 0;  // REPLs that are not answered.
    std::uint8_t stale = 0;  // Of them, those said before this process stood still: answers mean nothing.
  };
  static constexpr std::size_t holders_max = 4;
  static constexpr std::uint8_t full_max = 3;  // So many without room are asked, then it is taken with fewer.
  struct Owned {
    TaskId id;
    std::uint32_t slot = 0;    // In pool_.
    std::uint64_t serial = 0;  // 0: free.
    std::uint32_t epoch = 1;
    std::uint32_t debts = 0;
    Stage stage = Stage::copying;
    std::uint8_t wanted = 0;
    std::uint8_t count = 0;  // Of holders.
    std::uint8_t full = 0;   // Workers that had no room for it: the first so many of full_nodes.
    bool again = false;      // Its SUBMIT had been sent before: only the first keeper of the order is asked.
    bool unowed = false;
    bool called = false;   // Its listener has not acknowledged yet.
    bool got = false;      // Somebody who waited has acknowledged the result.
    bool under = false;    // Counted in under_.
    bool mending = false;  // Counted in mending_.
    bool stored = false;   // Some holder has confirmed this claim.
    std::array<Holder, holders_max> holders;
    std::array<NodeId, full_max> full_nodes;  // They are not asked again until somebody comes.
    EndedPtr ended;
    Duration ttl{};
  };
  enum class Phase : std::uint8_t { open, ended, releasing };  // REPL, DONE or RELEASE is said.
  struct Timer {
    TimePoint at{};
    std::uint64_t serial = 0;
    std::uint32_t slot = 0;
    Phase phase = Phase::open;
  };

  Owned* find(const TaskId& id);
  const Owned* find(const TaskId& id) const;
  Owned& make(const TaskId& id, std::uint32_t epoch);
  void free(Owned& owned);
  void finish(Owned& owned);
  static std::vector<NodeId> holder_nodes(const Owned& owned);
  static Holder* holder_of(Owned& owned, NodeId node);
  struct Match {
    Owned* owned = nullptr;
    Holder* holder = nullptr;
  };
  Match claim_of(NodeId node, const proto::Claim& claim);
  static bool counts(Holder& holder);
  bool ask_next(Owned& owned, std::string_view name, Now now, bool first);
  void arm(const Owned& owned, Now now);
  static Phase phase_of(const Owned& owned);
  void fill_up(Owned& owned, std::string_view name, Now now, bool first);
  void add_holders(Owned& owned, const std::vector<NodeId>& others);
  void forget_holder(Owned& owned, NodeId node);
  void repair(Owned& owned, Now now);
  void repair_all(Now now);
  std::string_view name_of(const Owned& owned) const;
  void say_repl(Owned& owned, Holder& holder, bool first, Now now);
  void say_done(const Owned& owned, const Holder& holder);
  void say_release(const Owned& owned, const Holder& holder);
  void say_again(Owned& owned, NodeId only, Now now);
  bool outstanding(const Owned& owned) const;
  void check_copied(Owned& owned, Now now);
  void check_recorded(Owned& owned, Now now);
  void check_settled(Owned& owned, Now now);
  void recount(Owned& owned);
  void lost_holder(Owned& owned, NodeId node, Now now);
  LinkId link_of(NodeId node) const;
  bool broken(int rule) const { return rules_.is_broken(rule); }

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  const Rules rules_;
  Random random_;  // Lines of epochs.
  CopyOrder order_;
  Slab<Owned> pool_;
  TaskIndex index_;  // Places in pool_.
  std::uint64_t next_serial_ = 1;
  std::size_t mending_ = 0;   // Somebody was asked to hold what is short of copies, and has not answered.
  TimePoint repair_at_{};     // Tasks with too few copies are looked at again.
  std::deque<Timer> slow_;    // A REPL without answer: the next worker is asked as well.
  std::deque<Timer> repeat_;  // Whatever is not answered is said again.
  std::vector<Send> said_;
  std::map<NodeId, proto::Release> releases_;  // Of this turn.
};

}  // namespace taskmesh::core
