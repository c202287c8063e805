// ListenerRole: the receiving end of callbacks.  Spec: proto/04-callbacks.md.
//
// Answers CB_HELLO, hands each event to the face once (repeats by task id are dropped, and acknowledged again
// if the first was), acknowledges when the face says that the handler returned, refuses with NACK(busy) when
// too many wait for the handler. Takes from any number of workers. Pure; one thread.
// Errors: a peer's mistake is answered with ERROR and counted.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class ListenerRole {
 public:
  ListenerRole(const NodeConfig& config, NodeCounters& counters);

  void on_cb_hello(LinkId link, const proto::CbHello& hello, Now now, Effects& out);
  void on_notify(LinkId link, proto::Notify&& notify, Now now, Effects& out);
  void on_handled(const EventHandled& handled, Now now, Effects& out);
  void on_link_down(LinkId link);
  void on_tick(Now now, Effects& out);
  /// Coalesced NOTIFY_ACKs, one per link and turn.
  void on_turn_end(Now now, Effects& out);
  /// Events given to the face and not handled yet.
  std::size_t waiting() const;
  /// Ids of events that were handled, remembered to drop repeats.
  std::size_t remembered() const { return heard_.size(); }

 private:
  /// Where an event was heard: whoever told it must be answered there.
  struct Place {
    LinkId link;
    std::uint64_t seq = 0;
    bool operator==(const Place&) const = default;
  };
  struct Link {
    std::vector<proto::Range> acks;  // To be said at the end of the turn.
    std::size_t in_hand = 0;         // What it has with the handler, and the payload of that.
    std::uint64_t in_hand_bytes = 0;
    TimePoint heard{};
    std::uint64_t life =
        0;  // Another one after it was forgotten: what it had in hand before is not in its window.
  };
  struct InHand {
    std::vector<Place> places;  // The oldest first.
    LinkId owner;               // Which link's window it takes...
    std::uint64_t life = 0;     // ...in which life of it.
    std::uint64_t bytes = 0;
  };
  struct Heard {
    TaskId id;
    TimePoint at{};
  };

  bool may_take(const Link& link, std::uint64_t bytes) const;
  void acknowledge(Place place);
  void forget_old(Now now);
  void forget_silent_links();
  void refuse(LinkId link, proto::Code code, proto::Type about, std::string text, Effects& out);

  NodeConfig config_;
  NodeCounters& counters_;
  std::unordered_map<LinkId, Link> links_;  // Those that have greeted.
  std::uint64_t lives_ = 0;
  std::vector<LinkId> to_flush_;
  std::unordered_map<TaskId, InHand> in_hand_;
  std::unordered_set<TaskId> heard_;  // Handled: the ids in heard_order_.
  std::deque<Heard> heard_order_;
};

}  // namespace taskmesh::core
