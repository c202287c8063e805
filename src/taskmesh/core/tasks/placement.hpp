// Placement: which worker gets this task?  Spec: proto/03-tasks.md section 5.
//
// The least loaded (LoadView::key) of the workers that are alive, greeted, not draining, serve the name, have
// window left and are not paused by BUSY; ties at random. Pure; one thread.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/mesh/load_view.hpp"
#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::core {

class Placement {
 public:
  Placement(const Membership& membership, const LoadView& loads, std::uint64_t seed);

  enum class Verdict : std::uint8_t {
    placed,       ///< `node` and `link` say where.
    no_worker,    ///< Nobody is reachable: wait.
    not_served,   ///< Somebody is reachable, nobody serves the name.
    no_room,      ///< All who serve it are full, paused or out of window: wait.
  };
  struct Choice {
    Verdict verdict = Verdict::no_worker;
    NodeId node;
    LinkId link;
  };
  /// Where to send a task of that name and payload size now.
  Choice choose(std::string_view name, std::size_t bytes, TimePoint now);
  /// BUSY: nothing goes to this worker before `until`.
  void pause(NodeId node, TimePoint until);
  void resume(NodeId node);
  /// The earliest end of a pause after `now`, if any.
  std::optional<TimePoint> next_resume(TimePoint now) const;
  /// Up to three names that reachable workers serve, nearest to `name` first (edit distance).
  std::vector<std::string> nearest_names(std::string_view name) const;

  /// In-flight bytes per worker, for the byte window; the submitter tells.
  void sent_bytes(NodeId node, std::size_t bytes);
  void answered_bytes(NodeId node, std::size_t bytes);
  void forget(NodeId node);

 private:
  const Membership& membership_;
  const LoadView& loads_;
  Random random_;
};

}  // namespace taskmesh::core
