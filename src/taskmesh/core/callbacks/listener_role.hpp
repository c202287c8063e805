// ListenerRole: the receiving end of callbacks.  Spec: proto/04-callbacks.md.
//
// Answers CB_HELLO, hands each event to the face once (repeats by task id are dropped, and acknowledged again if
// the first was), acknowledges when the face says that the handler returned, refuses with NACK(busy) when
// too many wait for the handler. Takes from any number of workers. Pure; one thread.
#pragma once

#include <deque>
#include <unordered_map>
#include <unordered_set>
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

 private:
  NodeConfig config_;
  NodeCounters& counters_;
};

}  // namespace taskmesh::core
