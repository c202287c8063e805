// Checkers: what must hold in every world, whatever happened to it.
//
// A ledger of every task: who submitted it, where it started, what was told to whom. Safety is checked with
// each entry, liveness at the end, after the faults have stopped. A failure is a line of text with the task id.
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace taskmesh::sim {

struct Story {
  TaskId id;
  Host client = 0;
  std::string name;
  bool wait = false;
  bool watched = false;  ///< No caller waits, but its client hears the end, for the listener.
  bool served = true;    ///< Some worker serves the name.
  bool fails = false;
  std::string address;  ///< Callback; empty: none.
  bool honest = true;   ///< ...which answers as it should.
  bool has_deadline = false;
  bool abandoned = false;
  Duration takes{};
  std::uint32_t retries = 0;
  std::uint32_t fails_first = 0;  ///< So many attempts fail, then one succeeds; with `fails` all do.
  bool has_limit = false;
  bool heeds_stop = true;
  bool cancel_asked = false;
  std::string key;
  TimePoint due{};  ///< Not to be started before.
  std::set<std::pair<Host, std::uint32_t>> attempts;
  std::vector<Host> starts;  ///< First attempts.
  std::vector<Host> finishes;
  std::optional<TaskState> told;  ///< To the waiting caller.
  bool told_by_client = false;    ///< No worker said so.
  bool cancelled = false;         ///< Some worker or its client has said so.
  std::optional<bool> accepted;
  bool acceptance_asked = false;
  bool taken_late = false;      ///< From a record that came twice, and was answered BUSY first.
  std::map<Host, int> handled;  ///< By listener (each life is a process of its own).
  std::set<Host> in_hand;
};

class Ledger {
 public:
  explicit Ledger(World& world) : world_(world) {}

  Story& open(const TaskId& id) { return stories_[id]; }
  Story* find(const TaskId& id);
  const std::map<TaskId, Story>& stories() const { return stories_; }

  void on_started(const Process& worker, const core::Run& run);
  void on_cancellation(Story& story, const core::Cancellation& told);
  void on_completed(Story& story, const proto::TaskReport& report);
  void on_acceptance(Story& story, const core::Acceptance& acceptance);
  void on_event(const Process& listener, const proto::Notify& notify);
  void on_handled(Host listener, const TaskId& id);
  /// An answer that was asked for after the event had arrived.
  void on_read_back(const Story& story, const proto::TaskReport& report);
  /// Limits of one node, after each of its turns.
  void on_stepped(const Process& process);

  /// Everything that must have come true once the faults are over.
  void check_end();
  /// Without any fault: nothing is done or said twice.
  void check_no_repetition();
  bool quiet() const;

  void fail(std::string text);
  const std::vector<std::string>& failures() const { return failures_; }

 private:
  bool any_suspected() const;
  bool suspected(NodeId node) const;
  void check_result(const Story& story, const proto::TaskReport& report);
  void check_story(const Story& story);
  void check_callback(const Story& story);
  void check_membership();
  void check_idle();

  World& world_;
  std::map<TaskId, Story> stories_;
  std::vector<std::string> failures_;
};

}  // namespace taskmesh::sim
