// QueryBook: questions about task ids, and wishes to cancel them, that are under way to workers.
// Spec: proto/03-tasks.md sections 7 and 8.
//
// Asks the holder where it is known, else every reachable worker; the first answer other than `unknown` wins (of a
// task that is under way, the word of the worker that has it), `unknown` is said only after all have said so, with
// a fault where somebody who may know it is missing, and `lost` where the known holder is gone. Questions are
// repeated until answered; workers that greet meanwhile are asked too. A waiting question ends with the end
// of its task, or is handed back (Found) as soon as a worker turns out to hold the task. Cancelling asks the same
// workers in the same way; the answer tells what became of the task; of a copied task the wish is said again until its
// end is told.
// Pure; one thread; `now.at` never decreases.
#pragma once

#include <map>
#include <optional>
#include <unordered_map>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class QueryBook {
 public:
  QueryBook(NodeCounters& counters, const Membership& membership)
      : counters_(counters), membership_(membership) {}

  /// One id of a question, with what the asker knows itself.
  struct Wanted {
    TaskId id;
    NodeId holder;                               ///< Nil: nobody is known to hold it.
    std::optional<proto::TaskReport> known;      ///< Already answered.
    std::optional<proto::TaskReport> otherwise;  ///< What is true where the holder does not know it, or dies.
  };
  /// A waiting question has found who holds the task, and that worker tells its end.
  struct Holder {
    Token token = 0;
    TaskId id;
    NodeId node;
    Codec reply_codec = Codec::cereal;
  };

  enum class Kind : std::uint8_t { status, wait, cancel };
  /// `wait` and `cancel`: exactly one id, not known. Token 0: nobody is told the answer.
  void ask(Token token, Kind kind, Codec reply_codec, std::vector<Wanted> wanted, Now now, Effects& out);
  std::optional<Holder> on_status(NodeId node, proto::Status&& status, Now now, Effects& out);
  /// True if somebody waited here for that end.
  bool on_end(const proto::TaskReport& report, Effects& out);
  /// True if the token was one of ours.
  bool abandon(Token token);
  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
  /// Sends what is to be asked, answers what is answered, sets wake_at.
  void on_turn_end(Now now, Effects& out);
  std::size_t size() const { return asks_.size(); }

 private:
  struct Item {
    TaskId id;
    NodeId holder;
    bool done = false;
    proto::TaskReport report;
    std::optional<proto::TaskReport> otherwise;
    std::vector<NodeId> asked;   // No answer yet.
    std::vector<NodeId> denied;  // Said unknown.
    bool unsure = false;         // One of them misses somebody.
    TimePoint heard_at{};
    std::optional<proto::TaskReport> hearsay;  // Of one who holds a copy, about what another one has.
  };
  struct Ask {
    Token token = 0;
    Kind kind = Kind::status;
    bool dirty = false;
    Codec reply_codec = Codec::cereal;
    TimePoint began{};
    TimePoint again_at = TimePoint::max();  // A wish whose end is not known yet is said again.
    std::vector<Item> items;                // Each id once.
    std::vector<std::uint32_t> order;       // As asked: indexes into items.
    std::vector<std::uint64_t> requests;
    std::size_t open = 0;
  };
  struct Request {
    std::uint64_t ask = 0;
    NodeId node;
    TimePoint sent_at{};
    std::unordered_map<TaskId, std::uint32_t> open;
  };
  using Targets = std::map<NodeId, std::vector<std::uint32_t>>;

  static bool awaits_end(const Ask& ask);
  void mark(std::uint64_t serial, Ask& ask);
  void wake_by(TimePoint at);
  Targets targets_of(Ask& ask) const;
  void send(std::uint64_t serial, Ask& ask, Now now, Effects& out);
  void say(std::uint64_t number, Request& request, const Ask& ask, Now now, Effects& out);
  void conclude(Ask& ask, Now now);
  bool may_conclude(const Item& item, Now now);
  void wish_on(Ask& ask, NodeId holder, TimePoint at);
  void tell_caller(Ask& ask, const proto::TaskReport& report, Effects& out);
  proto::TaskReport unknown_report(const Item& item) const;
  bool may_say_unknown(const Ask& ask, TimePoint now) const;
  void answer(Ask& ask, std::uint32_t index, proto::TaskReport&& report);
  void finish(std::uint64_t serial, Ask& ask, Effects& out);
  void drop(std::uint64_t serial);
  void forget_worker(const PeerChange& change, Now now);

  NodeCounters& counters_;
  const Membership& membership_;
  std::uint64_t next_ask_ = 1;
  std::uint64_t next_request_ = 1;
  std::map<std::uint64_t, Ask> asks_;
  std::map<std::uint64_t, Request> requests_;
  std::unordered_map<Token, std::uint64_t> by_token_;
  std::unordered_multimap<TaskId, std::uint64_t> waits_;  // Those that await an end.
  std::vector<std::uint64_t> dirty_;
  std::optional<TimePoint> due_;  // When on_tick has to look at all of them.
};

/// What a report says to who cancels.
Cancellation cancellation(Token token, const proto::TaskReport& report);

/// What a client says of a task whose worker is gone.
proto::TaskReport lost_report(const TaskId& id, const std::string& name, NodeId worker,
                              const std::string& worker_name, bool left, Now now);

}  // namespace taskmesh::core
