// EventWatch: follows what happens to tasks at all workers, and knows what it has missed.  Spec: proto/07-events.md.
//
// The face watches with a token until it abandons it. Each worker is told when it is greeted, and again before the lease is
// over; what it tells comes as EventsTold, and so does each hole: numbers that are missing, a worker that began anew, died
// or never answered. Pure; one thread; `now.at` never decreases. Errors: none.
#pragma once

#include <cstdint>
#include <map>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class EventWatch {
 public:
  explicit EventWatch(const Membership& membership) : membership_(membership) {}

  /// With a token that it knows: that watch wants this from now on.
  void watch(WatchEvents&& wish, Now now, Effects& out);
  void on_events(LinkId link, proto::Events&& told, Now now, Effects& out);
  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_abandon(Token token, Effects& out);
  void on_tick(Now now, Effects& out);
  std::size_t size() const { return watches_.size(); }

 private:
  /// One worker, as one watch follows it.
  struct Feed {
    std::string name;         // The worker's, for people.
    std::uint64_t feed = 0;   // 0: it has not answered.
    std::uint64_t taken = 0;  // The number of the last event.
    std::uint64_t taken_said = 0;
    TimePoint again_at = TimePoint::max();  // max: there is no connection.
    TimePoint answer_by = TimePoint::max();
    bool late = false;  // It was met when the watch had begun.
  };
  struct Watching {
    Token token = 0;
    std::uint32_t events = 0;
    std::string name;
    std::vector<TaskId> ids;
    TimePoint since{};
    bool begun = false;
    std::map<NodeId, Feed> feeds;
  };
  using Watches = std::map<std::uint64_t, Watching>;  // By number.

  bool change(WatchEvents& wish, Now now, Effects& out);
  void say(std::uint64_t number, const Watching& watching, NodeId node, Feed& feed, Now now, Effects& out);
  void look(Watching& watching, Now now, Effects& out);
  static void tell_gap(const Watching& watching, NodeId node, const Feed& feed, std::uint64_t missed,
                       Effects& out);

  const Membership& membership_;
  Watches watches_;
  std::uint64_t last_ = 0;
};

}  // namespace taskmesh::core
