// Placement: which worker gets this task?  Spec: proto/03-tasks.md section 5.
//
// The least loaded (LoadView::key) of the workers that are alive, greeted, not
// draining, serve the name, have window left and are not paused by BUSY; ties
// at random. Pure; one thread.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/mesh/load_view.hpp"
#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::core {

/// How much a worker wants tasks with that key (proto/03-tasks.md section 11): what everybody computes alike.
std::uint64_t key_weight(const NodeId& node, std::string_view key);

class Placement {
 public:
  Placement(const Membership& membership, const LoadView& loads, std::uint64_t seed);

  enum class Verdict : std::uint8_t {
    placed,      ///< `node` and `link` say where.
    no_worker,   ///< Nobody is reachable: wait.
    not_served,  ///< Somebody is reachable, nobody serves the name.
    no_room,     ///< All who serve it are paused, out of window or not reachable
                 ///< just now: wait.
  };
  struct Choice {
    Verdict verdict = Verdict::no_worker;
    NodeId node;
    LinkId link;
  };
  /// Where to send a task of that name and payload size now. Hot path: no
  /// allocation after the first task of a name, one look at each worker that
  /// serves it. A window takes a single larger payload alone.
  Choice choose(std::string_view name, std::size_t bytes, TimePoint now);
  /// The same for a task with a key: to one worker only, which all who choose
  /// take. no_room names it.
  Choice choose_by_key(std::string_view name, std::string_view key, std::size_t bytes, TimePoint now);
  /// BUSY: nothing goes to this worker before `until`.
  void pause(NodeId node, TimePoint until);
  void resume(NodeId node);
  /// The earliest end of a pause after `now`, if any.
  std::optional<TimePoint> next_resume(TimePoint now) const;
  /// Up to three names that reachable workers serve, nearest to `name` first
  /// (edit distance).
  std::vector<std::string> nearest_names(std::string_view name) const;

  /// In-flight bytes per worker, for the byte window; the submitter tells.
  void sent_bytes(NodeId node, std::size_t bytes);
  void answered_bytes(NodeId node, std::size_t bytes);
  void forget(NodeId node);

 private:
  /// What the submitter and BUSY tell of one worker.
  struct Lane {
    std::size_t bytes = 0;  ///< Payload under way.
    TimePoint paused_until = TimePoint::min();
  };
  struct Candidate {
    NodeId node;
    LinkId link;
    std::uint32_t window_records = 0;
    std::uint64_t window_bytes = 0;
    const LoadView::Row* row = nullptr;
    const Lane* lane = nullptr;
  };
  struct Candidates {
    std::vector<Candidate> routable;
    std::vector<NodeId> lasting;  ///< Who lives and stays, reachable just now or not.
    bool served = false;          ///< By somebody who lives, reachable just now or not.
  };
  struct NameHash {
    using is_transparent = void;
    std::size_t operator()(std::string_view name) const { return std::hash<std::string_view>{}(name); }
  };

  const Candidates& candidates(std::string_view name);
  Lane* find_lane(NodeId node);
  Lane& lane(NodeId node);
  static bool has_room(const Candidate& candidate, std::size_t bytes, TimePoint now);

  const Membership& membership_;
  const LoadView& loads_;
  Random random_;
  std::unordered_map<NodeId, Lane> lanes_;
  NodeId last_node_;  // A flood looks at one lane and one name again and again.
  Lane* last_lane_ = nullptr;
  std::pair<const std::string, Candidates>* last_name_ = nullptr;
  std::unordered_map<std::string, Candidates, NameHash, std::equal_to<>> by_name_;  // Void after a change of:
  std::uint64_t seen_members_ = ~0ULL;
  std::uint64_t seen_loads_ = ~0ULL;
};

}  // namespace taskmesh::core
