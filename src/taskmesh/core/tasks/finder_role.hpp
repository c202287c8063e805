// FinderRole: is a task new, or has somebody else it already, or one with its key?  Spec: proto/05-keepers.md
// section 11.
//
// Who is here changes, and with it who would know: a worker that joins knows nothing, one that has died took along what it
// knew. So a worker that is about to take a task with a key, or one whose SUBMIT was sent before, for new asks all the
// others first, and waits until each of them has answered or is gone. Two that ask at once: the question with the lower
// stamp is first (a logical clock, as Ricart and Agrawala have it), so one of them, and only one, may take it.
// Who answers looks at what it has at that moment; nothing is kept for those who may join later. Only who asked is
// remembered for a while, and told to others that ask about the same key: so one that does not answer can be passed over
// soon, where all the others have answered and none of them names it. Whoever stood still asks again.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <tsl/robin_map.h>

#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/rules.hpp"
#include "taskmesh/core/tasks/key_askers.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ExecutorRole;

class FinderRole {
 public:
  FinderRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
             ExecutorRole& executor, Rules rules = {});
  FinderRole(const FinderRole&) = delete;
  FinderRole& operator=(const FinderRole&) = delete;

  /// Asks for the task, or for one of that name with its key, not before `from`. The executor is told the answer
  /// (ExecutorRole::on_found) in one of the next turns. False: there is nobody to be asked.
  bool find(const TaskId& id, std::string_view name, std::string_view key, TimePoint from, Now now);
  /// It is not to be taken any more.
  void forget(const TaskId& id);
  bool is_searching(const TaskId& id) const { return by_task_.contains(id); }

  /// `node` has greeted on `link`, and the answer goes back on it.
  void on_who_has(LinkId link, NodeId node, const proto::WhoHas& ask, Now now);
  void on_has(NodeId node, const proto::Has& has, Now now);
  void on_peer_change(const PeerChange& change, Now now);
  /// This process stood still: others may have taken what it was about to take. Before anything that came in is looked at.
  void on_stall(Now now);
  /// Says again what is not answered.
  void on_tick(Now now);
  /// Tells the executor what is known by now.
  void tell(Now now, Effects& out);
  /// Sends what was gathered and sets wake_at.
  void on_turn_end(Now now, Effects& out);

  std::size_t open() const { return searches_.size(); }
  /// Those that were passed over, and have not been heard since.
  const std::vector<NodeId>& silent() const { return silent_; }

 private:
  struct Search {
    std::string subject;
    TaskId id;  // Of the first of `tasks` when it was asked.
    std::string name;
    std::string key;
    std::vector<TaskId> tasks;
    std::uint64_t stamp = 0;  // 0: nobody is asked yet.
    TimePoint at{};           // To be asked, or looked at again.
    TimePoint asked_at{};     // What was answered is true since then.
    TimePoint again_at{};     // Asked again.
    std::vector<NodeId> asked;
    std::vector<NodeId> awaited;   // Of them, those that have not answered.
    std::vector<NodeId> answered;  // Of them, those that have.
    std::vector<NodeId> ahead;  // They ask too, and come first: nothing is taken before they have answered.
    std::vector<NodeId> named;  // They asked somebody before.
    NodeId owner;
  };
  using Searches = std::map<std::uint64_t, Search>;

  bool is_alone(Now now) const;
  void start(Search& search, Now now);
  void ask_all(std::uint64_t serial, Search& search, Now now);
  void say(const Search& search, NodeId node);
  void wake_at(Search& search, TimePoint at);
  void check(std::uint64_t serial, const Search& search);
  void give_way(Search& search, NodeId node);
  void look_for_silent();
  void pass_over(Search& search, Now now);
  bool may_pass_over(const Search& search, NodeId node) const;
  void heard(NodeId node);
  void look_at_taken(Now now);
  bool broken(int rule) const { return rules_.is_broken(rule); }

  const NodeConfig& config_;
  NodeCounters& counters_;
  const Membership& membership_;
  ExecutorRole& executor_;
  const Rules rules_;
  std::uint64_t clock_ = 0;
  std::uint64_t next_serial_ = 1;
  Searches searches_;  // By serial: oldest first.
  std::unordered_map<std::string, std::uint64_t> by_subject_;
  std::unordered_map<std::uint64_t, std::uint64_t> by_stamp_;
  tsl::robin_map<TaskId, std::uint64_t, TaskIdHash> by_task_;
  std::vector<std::uint64_t> ready_;  // Perhaps known by now.
  KeyAskers askers_;
  std::vector<NodeId> silent_;
  TimePoint calm_at_ = TimePoint::max();  // Nobody has come or gone lately; max: nobody has ever come.
  std::deque<std::pair<TimePoint, TaskId>>
      taken_;  // Firsts that nobody else may hold yet, since they were asked for.
  TimePoint next_at_ = TimePoint::max();
  std::uint64_t seen_members_ = 0;
  std::vector<std::pair<NodeId, proto::WhoHas>> asks_;
  std::vector<Send> said_;  // Answers.
};

}  // namespace taskmesh::core
