// CopyWatch: what must hold of copied tasks after every step of every node, whatever happens.  Spec: proto/05-keepers.md.
//
// Looks at the nodes from outside and at every record on its way. Checked at each step, for what that step was about:
// ACCEPTED only where enough of those that live have the task (R1); no start before a keeper has said REPL_OK in this
// ownership; no start after the deadline; the epoch that a node knows of a task never falls; a claim to a task that is over
// only after its listener has handled the event (R2); failures and releases of former owners change nothing (R15).
// Each second, over all open tasks: an accepted one is known to somebody; two that own it in one epoch have found out soon.
#pragma once

#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "sim/world.hpp"

namespace taskmesh::sim {

class CopyWatch {
 public:
  /// What the world's own story says of a task.
  struct Task {
    bool callback = false;
    bool handled = false;  ///< By the listener.
    bool accepted = false;
    bool over = false;  ///< Everybody who was to be told knows its end.
    std::optional<TimePoint> deadline;
  };
  struct Story {
    std::function<Task(const TaskId&)> task;
    std::function<std::vector<TaskId>()> ids;
  };

  /// Takes the observer's hooks `received`, `sending` and `stepped`.
  CopyWatch(World& world, Story story);
  CopyWatch(const CopyWatch&) = delete;
  CopyWatch& operator=(const CopyWatch&) = delete;

  void started(const Process& worker, const core::Run& run);
  /// A worker has died, with its copies: what was accepted must be known to somebody else now.
  void harmed();
  /// More workers died at once than a task has copies: some tasks may be gone.
  void allow_loss() { may_lose_ = true; }
  /// Workers stay in touch: at its acceptance a task has all the copies that were asked for, not one only.
  void expect_all_copies() { all_copies_ = true; }
  /// How late a deadline may be kept: what is left of it is counted from the arrival of a record.
  void allow_late(Duration span) { late_ = span; }

  const std::vector<std::string>& failures() const { return failures_; }
  /// Checks that were not vacuous, by kind.
  struct Looks {
    std::uint64_t acceptances = 0;
    std::uint64_t starts = 0;
    std::uint64_t epochs = 0;
    std::uint64_t tombs = 0;
    std::uint64_t old_words = 0;
    std::uint64_t ties = 0;  ///< Claims that came to who owned the task in the same epoch.
  };
  const Looks& looks() const { return looks_; }

 private:
  void on_received(const Process& process, const core::Received& received);
  void on_sending(const Process& process, const core::Send& send);
  void on_stepped(const Process& process);
  void heard_old(const Process& process, const proto::Claim& claim);
  void check_epoch(const Process& process, const TaskId& id);
  void check_tomb(const Process& process, const TaskId& id);
  void sweep();
  void check_known(const TaskId& id);
  void check_rivals(const TaskId& id);
  bool has(const Process& process, const TaskId& id) const;
  void fail(const Process& process, const TaskId& id, const std::string& what);

  World& world_;
  Story story_;
  std::map<std::tuple<Host, TaskId, std::uint32_t>, std::size_t> confirmed_;  // How often REPL_OK came.
  std::map<std::tuple<Host, core::LinkId, std::uint64_t>, TaskId> submits_;
  std::map<std::pair<Host, TaskId>, std::uint32_t> epochs_;
  std::map<std::tuple<TaskId, Host, Host>, TimePoint> rivals_;
  std::set<std::pair<Host, TaskId>> alone_;  // Accepted when nobody else could be reached.
  std::set<TaskId> settled_;                 // Somebody has buried it.
  std::vector<TaskId> touched_;              // In this turn.
  struct Kept {
    TaskId id;
    bool had_ended = false;
  };
  std::vector<Kept> keeps_;  // What this turn must not take away or end.
  bool may_lose_ = false;
  bool all_copies_ = false;
  Duration late_ = 100ms;
  Looks looks_;
  std::vector<std::string> failures_;
};

}  // namespace taskmesh::sim
