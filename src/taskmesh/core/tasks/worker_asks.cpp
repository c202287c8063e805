#include "taskmesh/core/tasks/worker_asks.hpp"

#include <iterator>
#include <utility>
#include <variant>

namespace taskmesh::core {

void WorkerAsks::ask(AskWorker&& wish, Now now, Effects& out) {
  const std::uint64_t request = next_request_++;
  by_token_[wish.token] = request;
  const auto at = asks_.emplace_hint(asks_.end(), request, Ask{wish.token, wish.node, std::move(wish.what)});
  const Peer* peer = membership_.by_node(wish.node);
  if (peer == nullptr || peer->liveness == Liveness::dead || peer->liveness == Liveness::left) {
    return finish(at, std::monostate{}, out);
  }
  if (peer->greeted) say(request, at->second, now, out);
}

void WorkerAsks::say(std::uint64_t request, Ask& ask, Now now, Effects& out) {
  const Peer* peer = membership_.by_node(ask.node);
  if (peer == nullptr || !peer->greeted) return;
  ask.again_at = now.at + limits::resend_after;
  out.wake_by(ask.again_at);
  std::visit(
      [&](auto record) {
        record.request = request;
        out.send.push_back({peer->link, std::move(record)});
      },
      ask.what);
}

void WorkerAsks::on_answer(LinkId link, std::uint64_t request, WorkerAnswer::Body&& body, Effects& out) {
  const auto at = asks_.find(request);
  const Peer* peer = membership_.by_link(link);
  // Retrying is answered by CALLBACKS_RETRIED, and so on: bodies and questions are in the same order.
  const bool fits = at != asks_.end() && peer != nullptr && peer->member.node == at->second.node &&
                    body.index() == at->second.what.index() + 1;
  if (!fits) return;  // After a repetition that is normal.
  finish(at, std::move(body), out);
}

void WorkerAsks::finish(Asks::iterator at, WorkerAnswer::Body&& body, Effects& out) {
  out.notify.emplace_back(WorkerAnswer{at->second.token, at->second.node, std::move(body)});
  by_token_.erase(at->second.token);
  asks_.erase(at);
}

void WorkerAsks::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  for (auto at = asks_.begin(); at != asks_.end();) {
    const auto next = std::next(at);
    if (at->second.node == change.node) {
      if (change.what == PeerChange::What::greeted) {
        say(at->first, at->second, now, out);
      } else if (change.what == PeerChange::What::cut) {
        at->second.again_at = TimePoint::max();
      } else {
        finish(at, std::monostate{}, out);
      }
    }
    at = next;
  }
}

void WorkerAsks::on_abandon(Token token) {
  const auto found = by_token_.find(token);
  if (found == by_token_.end()) return;
  asks_.erase(found->second);
  by_token_.erase(found);
}

void WorkerAsks::on_tick(Now now, Effects& out) {
  for (auto& [request, ask] : asks_) {
    if (ask.again_at <= now.at) {
      ++counters_.resent;
      say(request, ask, now, out);
    }
    if (ask.again_at != TimePoint::max()) out.wake_by(ask.again_at);
  }
}

}  // namespace taskmesh::core
