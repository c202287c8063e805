// WorkerAsks: requests of the face to one worker each: which tasks, which callbacks, try these again.
// Spec: proto/03-tasks.md section 8, proto/04-callbacks.md section 6.
//
// Said when the worker has greeted, said again until answered (the answers do no harm twice), ended by the answer, by
// the worker's end, or when nobody wants it any more. Pure; one thread; `now.at` never decreases.
#pragma once

#include <cstdint>
#include <map>
#include <unordered_map>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class WorkerAsks {
 public:
  WorkerAsks(NodeCounters& counters, const Membership& membership)
      : counters_(counters), membership_(membership) {}

  void ask(AskWorker&& wish, Now now, Effects& out);
  /// Only the worker that was asked can answer.
  void on_answer(LinkId link, std::uint64_t request, WorkerAnswer::Body&& body, Effects& out);
  void on_peer_change(const PeerChange& change, Now now, Effects& out);
  void on_abandon(Token token);
  void on_tick(Now now, Effects& out);
  std::size_t size() const { return asks_.size(); }

 private:
  struct Ask {
    Token token = 0;
    NodeId node;
    AskWorker::What what;
    TimePoint again_at = TimePoint::max();  // Not said on this connection: max.
  };
  using Asks = std::map<std::uint64_t, Ask>;  // By request.

  void say(std::uint64_t request, Ask& ask, Now now, Effects& out);
  void finish(Asks::iterator at, WorkerAnswer::Body&& body, Effects& out);

  NodeCounters& counters_;
  const Membership& membership_;
  Asks asks_;
  std::unordered_map<Token, std::uint64_t> by_token_;
  std::uint64_t next_request_ = 1;
};

}  // namespace taskmesh::core
