// CallbackOutbox: one delivery mechanism for everybody who is told the end of a task: clients that wait (on
// the link they dialled) and callback listeners (on a link that we dial).  Spec: proto/04-callbacks.md.
//
// Per destination a queue, a window of unacknowledged events, repetition until acknowledged, back-off, and a
// breaker for listeners that answer badly. A listener that is away parks its events; its CB_WELCOME starts
// them again, oldest first. A destination never holds back another one. TTL ends a delivery as undelivered.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class CallbackOutbox {
 public:
  /// `next_link` numbers the links that the outbox dials (shared with membership).
  CallbackOutbox(const NodeConfig& config, NodeCounters& counters, std::uint64_t& next_link);

  /// What a waiting client's link takes unacknowledged. Must precede to_link.
  void open_link(LinkId link, std::uint32_t window_records, std::uint64_t window_bytes);
  /// Tells the end on a client's link. Dropped when the link goes down: the client asks again.
  void to_link(LinkId link, EndedPtr ended, Now now);
  /// Tells the end to ended->callback_address until acknowledged or callback_ttl has passed.
  void to_address(EndedPtr ended, Now now);

  /// Addresses with accepted tasks hold room: reserve at acceptance, given back by the delivery's end.
  /// False: callbacks_per_listener_max or listeners_max is reached, say BUSY.
  bool reserve(const std::string& address);
  /// True once the listener has said that it takes cereal bytes: no JSON need be written for it.
  bool takes_cereal(const std::string& address) const;

  void on_cb_welcome(LinkId link, const proto::CbWelcome& welcome, Now now, Effects& out);
  void on_ack(LinkId link, const proto::NotifyAck& ack, Now now, Effects& out);
  void on_nack(LinkId link, const proto::NotifyNack& nack, Now now, Effects& out);
  /// ERROR or rubbish on a callback link counts as a bad answer.
  void on_bad_answer(LinkId link, Now now, Effects& out);
  /// True if the link is one that the outbox dialled.
  bool owns(LinkId link) const;
  void on_link_up(LinkId link, Now now, Effects& out);
  void on_link_down(LinkId link, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: sends what windows allow, each with `load`; dials; sets wake_at.
  void on_turn_end(const proto::Load& load, Now now, Effects& out);

  struct Settled {
    TaskId id;
    CallbackState state = CallbackState::delivered;
    bool operator==(const Settled&) const = default;
  };
  /// Callback deliveries (not those to links) that ended since the last call.
  std::vector<Settled> take_settled();

  /// Undelivered events to addresses, and to links.
  std::size_t parked() const;
  std::size_t waiting_on_links() const;
  std::size_t listeners() const;

 private:
  NodeConfig config_;
  NodeCounters& counters_;
  std::uint64_t& next_link_;
};

}  // namespace taskmesh::core
