// CallbackOutbox: one delivery mechanism for everybody who is told the end of a task: clients that wait (on
// the link they dialled) and callback listeners (on a link that we dial).  Spec: proto/04-callbacks.md.
//
// Per destination a queue, a window of unacknowledged events, repetition until acknowledged, back-off, and a
// breaker for listeners that answer badly. A listener that is away parks its events; its CB_WELCOME starts
// them again, oldest first. A destination never holds back another one. TTL, and attempts where they are
// limited, end a delivery as undelivered; what was given up is kept for a while and can be tried again. Addresses of HTTP are
// the WebhookOutbox's, which this one owns: to everybody else they are addresses like the others.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/callbacks/dead_callbacks.hpp"
#include "taskmesh/core/callbacks/event_flow.hpp"
#include "taskmesh/core/callbacks/webhook_outbox.hpp"
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
  /// Tells the end on a client's link. Dropped when the link goes down: the client asks again. False: dropped already.
  bool to_link(LinkId link, EndedPtr ended, Now now);
  /// Tells the end to ended->callback_address until acknowledged, or its callback_ttl has passed, or its attempts are made.
  void to_address(EndedPtr ended, Now now);

  /// Addresses with accepted tasks hold room: reserve at acceptance, given back by the delivery's end.
  /// False: callbacks_per_listener_max or listeners_max is reached, say BUSY.
  bool reserve(const std::string& address);
  /// Gives back what was reserved for a task whose end somebody else will tell.
  void unreserve(const std::string& address, Now now);
  /// True once the listener has said that it takes cereal bytes: no JSON need be written for it.
  bool takes_cereal(const std::string& address) const;

  void on_cb_welcome(LinkId link, const proto::CbWelcome& welcome, Now now, Effects& out);
  void on_ack(LinkId link, const proto::NotifyAck& ack, Now now, Effects& out);
  void on_nack(LinkId link, const proto::NotifyNack& nack, Now now, Effects& out);
  /// Of a Post to an http or https address; what is told there is decided by the WebhookOutbox.
  void on_post_answered(const PostAnswered& answer, Now now, Effects& out);
  /// ERROR or rubbish on a callback link counts as a bad answer.
  void on_bad_answer(LinkId link, Now now, Effects& out);
  /// True if the link is one that the outbox dialled.
  bool owns(LinkId link) const;
  void on_link_up(LinkId link, Now now, Effects& out);
  void on_link_down(LinkId link, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Once at the end of every turn: sends what windows allow, each with `load`; dials; sets wake_at.
  void on_turn_end(const proto::Load& load, Now now, Effects& out);

  /// One page of what is undelivered; bounded work and size. What was given up comes last.
  proto::CallbackList list(const proto::ListCallbacks& ask, Now now) const;
  /// What was given up is queued anew, with a new callback_ttl; who is away or left alone is tried at the end of the
  /// turn.
  proto::CallbacksRetried retry(const proto::RetryCallbacks& ask, Now now, Effects& out);

  /// One page of what was posted to webhooks, the newest first; bounded work and size.
  proto::PostList posts(const proto::ListPosts& ask) const { return webhooks_.log().list(ask); }

  struct Settled {
    TaskId id;
    CallbackState state = CallbackState::delivered;  ///< pending: it was given up before and is tried again.
    bool operator==(const Settled&) const = default;
  };
  /// Callback deliveries (not those to links) that ended, or began anew, since the last call, in this order.
  std::vector<Settled> take_settled();

  /// A waiting link that has got the end of a copied task, or is gone without that.
  struct Told {
    TaskId id;
    bool got = false;
  };
  /// Since the last call; tasks without replicas are left out.
  std::vector<Told> take_told() { return std::exchange(told_, {}); }

  /// Undelivered events to addresses, and to links.
  std::size_t parked() const;
  std::size_t waiting_on_links() const;
  std::size_t listeners() const;
  const DeadCallbacks& dead() const { return dead_; }

 private:
  /// A destination in timers_ and dirty_: a client's link by its number, a listener by our serial number.
  struct Key {
    bool is_listener = false;
    std::uint64_t number = 0;
    bool operator<(const Key& other) const {
      return is_listener != other.is_listener ? other.is_listener : number < other.number;
    }
  };
  struct Destination {
    EventFlow flow;
    bool dirty = false;                  // In dirty_.
    TimePoint armed = EventFlow::never;  // In timers_ at this time; never: not in it.
  };
  struct Listener : Destination {
    enum class State : std::uint8_t {
      unused,    // No link.
      away,      // Dialled, not connected.
      greeting,  // Connected, CB_HELLO said.
      ready,     // It has said CB_WELCOME.
      broken,    // It answered badly too often: no link until retry_at.
    };
    std::uint64_t serial = 0;
    std::string address;
    State state = State::unused;
    LinkId link;
    bool slow_dial = false;
    bool takes_cereal = false;
    bool noted_away = false;  // One line per absence, one per loss, not one per event.
    bool noted_undelivered = false;
    bool halved = false;    // In this turn.
    int bad_greetings = 0;  // In a row, each.
    int bad_events = 0;
    Duration back_off = limits::listener_retry;
    std::size_t reserved = 0;  // Accepted tasks that have not ended.
    std::uint32_t granted = 1;
    std::size_t acked = 0;  // Since the window last grew.
    std::string nonce;
    std::string_view trouble;  // A literal: what went wrong last.
    TimePoint hurried_until{};
    TimePoint away_since{};
    TimePoint hello_at{};                  // greeting: CB_HELLO again.
    TimePoint welcome_by{};                // greeting: later is a bad answer.
    TimePoint retry_at{};                  // broken: dial again.
    TimePoint idle_at = EventFlow::never;  // In idle_ at this time; never: in use.
  };

  Listener& listener_at(const std::string& address);
  Listener* by_link(LinkId link);
  void mark(Destination& destination, Key key);
  void arm(Destination& destination, Key key, TimePoint due);
  void disarm(Destination& destination, Key key);
  void run_timers(Now now, Effects& out);
  void flush(Destination& client, LinkId link, const proto::Load& load, Now now, Effects& out);
  void flush(Listener& listener, const proto::Load& load, Now now, Effects& out);

  void on_due(Listener& listener, Now now, Effects& out);
  TimePoint due_of(Listener& listener) const;
  void dial(Listener& listener, bool slow, Effects& out);
  void hang_up(Listener& listener);
  void say_hello(Listener& listener, Now now, Effects& out);
  void bad_answer(Listener& listener, std::string_view why, Now now, Effects& out);
  void open_breaker(Listener& listener, std::string_view why, Now now, Effects& out);
  void halve(Listener& listener);
  void settle(const Ended& ended, CallbackState state);
  Duration ttl_of(const Ended& ended) const;
  std::uint32_t attempts_of(const Ended& ended) const;
  void queue(Listener& listener, EndedPtr ended, std::uint32_t deliveries, Now now);
  // What was given up, and what people ask (callback_outbox_asked.cpp).
  void expire(Listener& listener, Now now, Effects& out);
  void bury(Listener& listener, EndedPtr ended, std::uint32_t deliveries, std::string why, Now now);
  void note_undelivered(Listener& listener, std::size_t count, std::string_view why, Now now, Effects& out);
  proto::ListenerRow row_of(const Listener& listener, TimePoint now) const;
  struct Page;
  std::uint64_t list_waiting(const Listener& listener, std::uint64_t from, Page& page) const;
  std::uint64_t list_dead(std::uint64_t from, Page& page) const;
  void list_webhooks(Page& page) const;
  void absorb(Now now);
  bool revive(DeadCallbacks::Dead dead, Now now);
  bool revive_webhook(DeadCallbacks::Dead dead, Now now);
  std::uint32_t hurry(Listener& listener, Now now, Effects& out);
  void wake(Listener& listener, Now now);
  void note_use(Listener& listener, Now now);
  bool make_room();
  void forget(Listener& listener);

  NodeConfig config_;
  NodeCounters& counters_;
  std::uint64_t& next_link_;
  Random random_;

  WebhookOutbox webhooks_;
  std::unordered_map<LinkId, Destination> clients_;
  std::map<std::uint64_t, Listener> listeners_;               // By serial.
  std::unordered_map<std::string, std::uint64_t> addresses_;  // -> serial
  std::unordered_map<LinkId, std::uint64_t> dialled_;         // -> serial
  std::uint64_t next_serial_ = 1;
  std::vector<Key> dirty_;                              // What the end of the turn looks at.
  std::set<std::pair<TimePoint, Key>> timers_;          // May be early, never late.
  std::set<std::pair<TimePoint, std::uint64_t>> idle_;  // Listeners without use.
  DeadCallbacks dead_{limits::dead_callbacks_max, limits::dead_callbacks_bytes_max};
  std::vector<LinkId> to_close_;
  std::vector<Settled> settled_;
  std::vector<Told> told_;
  std::size_t parked_ = 0;
  std::size_t waiting_on_links_ = 0;
};

}  // namespace taskmesh::core
