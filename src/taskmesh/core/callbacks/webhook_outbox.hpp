// WebhookOutbox: ends that are to be posted to http and https addresses until somebody answers 2xx.
// Spec: proto/06-webhooks.md section 5.
//
// Per endpoint (address) a queue of its own, a window of unanswered posts, the schedule of pauses, a breaker, a rate, and
// (NodeConfig::webhook_consent) its consent, asked for before the first post by a Post that `asks`. It decides when each event is posted; who carries that out answers each Post with one PostAnswered. An endpoint that is slow, away
// or refuses never holds back another one. What was delivered or given up is handed to the CallbackOutbox, which owns this.
// Pure; one thread; `now.at` never decreases. Cost: O(log n) per event and answer.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/callbacks/webhook_log.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class WebhookOutbox {
 public:
  WebhookOutbox(const NodeConfig& config, NodeCounters& counters);

  /// Room for one more, kept until its end is told or unreserve(). False: the endpoint or the table is full.
  bool reserve(const std::string& address);
  void unreserve(const std::string& address, Now now);
  /// Posts the end to ended->callback_address. `deliveries`: those of an earlier life of it. False: no room for it.
  bool tell(EndedPtr ended, std::uint32_t deliveries, Now now);
  void on_answer(const PostAnswered& answer, Now now, Effects& out);
  /// Once at the end of every turn: posts what is due, sets wake_at.
  void on_turn_end(Now now, Effects& out);
  /// Tries what waits now, disabled and broken endpoints too; at most once in listener_retry for each. How many wait.
  std::uint32_t hurry(const std::string& address, Now now);
  std::uint32_t hurry_all(Now now);

  /// What has ended here since the last call.
  struct Over {
    EndedPtr ended;
    std::uint32_t deliveries = 0;
    std::string why;  ///< Why it was given up; empty: it was delivered.
  };
  std::vector<Over> take_over() { return std::exchange(over_, {}); }

  /// One event as others may look at it.
  struct View {
    const Ended& ended;
    EventStage stage = EventStage::waiting;
    std::uint32_t deliveries = 0;
    TimePoint since{};
    TimePoint expires{};
  };
  struct Cursor {
    std::uint64_t endpoint = 0;
    std::uint64_t event = 0;
  };
  /// Calls look(endpoint, view) from `from` on until it says false or `budget` were looked at; where to go on, endpoint 0:
  /// the end. `address`: of that one alone; empty: of all.
  using Look = std::function<bool(std::uint64_t endpoint, const View&)>;
  Cursor visit(Cursor from, const std::string& address, std::size_t& budget, const Look& look) const;
  /// How an endpoint stands, without its events.
  proto::ListenerRow row_of(std::uint64_t endpoint, TimePoint now) const;

  /// What was posted, and what came of it.
  const WebhookLog& log() const { return log_; }

  std::size_t size() const { return size_; }
  std::size_t endpoints() const { return endpoints_.size(); }
  std::size_t in_flight() const { return posts_.size(); }

 private:
  static constexpr TimePoint never = TimePoint::max();

  struct Item {
    EndedPtr ended;
    TimePoint since{};
    TimePoint expires{};
    TimePoint due{};
    std::uint32_t deliveries = 0;
    std::uint32_t deliveries_max = 0;  // 0: as many as the schedule has.
    std::size_t step = 0;              // In the schedule: failures that count.
    bool in_flight = false;
    bool failed = false;  // It waits for another attempt.
  };
  struct Endpoint {
    std::uint64_t serial = 0;
    std::string address;
    std::string origin;                   // For the log: the rest of an address may be a secret.
    std::map<std::uint64_t, Item> items;  // By age.
    std::set<std::pair<TimePoint, std::uint64_t>> due;       // Not in flight.
    std::set<std::pair<TimePoint, std::uint64_t>> expiries;  // Likewise.
    std::size_t in_flight = 0;
    std::size_t reserved = 0;
    std::uint32_t window = limits::webhook_window;
    std::uint32_t answered = 0;  // Well, since the window last grew.
    int failures = 0;            // In a row.
    bool broken = false;         // The breaker is open: one at a time, not before held_until.
    bool gone = false;           // It said 410: disabled.
    bool noted_undelivered = false;
    Duration back_off = limits::listener_retry;
    Duration pace{};            // From one post to the next.
    TimePoint paced_until{};    // Not before, for its rate...
    TimePoint held_until{};     // ...and as it asked for patience or failed.
    bool asking = false;        // For its consent; meanwhile nothing is posted.
    TimePoint consent_until{};  // It agreed, or need not.
    TimePoint refused_until{};  // It did not: what comes is given up.
    std::string refusal;        // Its words: never empty while it is refused.
    TimePoint hurried_until{};
    TimePoint forget_at = never;
    TimePoint armed = never;
    bool dirty = false;
    bool starved = false;  // In starved_.
    std::string trouble;
  };
  struct Posted {
    std::uint64_t endpoint = 0;
    std::uint64_t item = 0;
    TaskId id;
    std::uint32_t delivery = 0;
    TimePoint at{};
    bool asks = false;
  };
  enum class Consent : std::uint8_t { given, not_known, refused, failed };

  Endpoint* find(const std::string& address);
  Endpoint* endpoint_at(const std::string& address);
  bool make_room();
  void mark(Endpoint& endpoint);
  void arm(Endpoint& endpoint, TimePoint due);
  TimePoint due_of(const Endpoint& endpoint) const;
  void run_timers(Now now, Effects& out);
  void flush(Endpoint& endpoint, Now now, Effects& out);
  void post(Endpoint& endpoint, std::uint64_t number, bool asks, Now now, Effects& out);
  void wait(Endpoint& endpoint, std::uint64_t number, Item& item, TimePoint due);
  void unwait(Endpoint& endpoint, std::uint64_t number, const Item& item);
  void finish(Endpoint& endpoint, std::uint64_t number, std::string why, Now now, Effects& out);
  void on_good(Endpoint& endpoint, Now now, Effects& out);
  void on_gone(Endpoint& endpoint, Now now, Effects& out);
  void on_wait(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now);
  void on_bad(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now, Effects& out);
  bool needs_consent(const Endpoint& endpoint, TimePoint now) const;
  Consent consent_in(const PostAnswered& answer) const;
  void on_consent(Endpoint& endpoint, std::uint64_t number, const PostAnswered& answer, Now now,
                  Effects& out);
  void on_refused(Endpoint& endpoint, const PostAnswered& answer, Now now, Effects& out);
  void give_up_all(Endpoint& endpoint, const std::string& why, Now now, Effects& out);
  void open_breaker(Endpoint& endpoint, Now now, Effects& out);
  void hurry(Endpoint& endpoint, Now now);
  void record(const Endpoint& endpoint, const Posted& posted, const PostAnswered& answer, Now now);
  void note_use(Endpoint& endpoint, Now now);
  void forget(Endpoint& endpoint);
  void note(bool warning, std::string text, Effects& out) const;

  NodeConfig config_;
  NodeCounters& counters_;
  Random random_;
  std::map<std::uint64_t, Endpoint> endpoints_;
  std::unordered_map<std::string, std::uint64_t> addresses_;
  std::unordered_map<std::uint64_t, Posted> posts_;
  std::set<std::pair<TimePoint, std::uint64_t>> timers_;
  std::set<std::pair<TimePoint, std::uint64_t>> idle_;
  std::vector<std::uint64_t> dirty_;
  std::deque<std::uint64_t> starved_;  // They would post, and too many are in flight already.
  std::vector<Over> over_;
  WebhookLog log_{limits::webhook_log_max};
  std::uint64_t next_endpoint_ = 1;
  std::uint64_t next_item_ = 1;
  std::uint64_t next_post_ = 1;
  std::size_t size_ = 0;
};

}  // namespace taskmesh::core
