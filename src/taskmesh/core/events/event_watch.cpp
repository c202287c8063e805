#include "taskmesh/core/events/event_watch.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

bool EventWatch::change(WatchEvents& wish, Now now, Effects& out) {
  for (auto& [number, watching] : watches_) {
    if (watching.token != wish.token) continue;
    watching.events = wish.events;
    watching.name = std::move(wish.name);
    watching.ids = std::move(wish.ids);
    for (auto& [node, feed] : watching.feeds) {
      if (feed.again_at != TimePoint::max()) say(number, watching, node, feed, now, out);
    }
    return true;
  }
  return false;
}

void EventWatch::watch(WatchEvents&& wish, Now now, Effects& out) {
  if (change(wish, now, out)) return;
  const std::uint64_t number = ++last_;
  Watching& watching = watches_[number];
  watching.token = wish.token;
  watching.events = wish.events;
  watching.name = std::move(wish.name);
  watching.ids = std::move(wish.ids);
  watching.since = now.at;
  membership_.for_each([&](const Peer& peer) {
    if (!peer.greeted || peer.liveness == Liveness::dead || peer.liveness == Liveness::left) return;
    say(number, watching, peer.member.node, watching.feeds[peer.member.node], now, out);
  });
  look(watching, now, out);
}

void EventWatch::say(std::uint64_t number, const Watching& watching, NodeId node, Feed& feed, Now now,
                     Effects& out) {
  const Peer* peer = membership_.by_node(node);
  if (peer == nullptr || !peer->greeted) return;
  feed.name = peer->member.name;
  feed.taken_said = feed.taken;
  feed.again_at = now.at + limits::watch_renew;
  if (feed.feed == 0 && feed.answer_by == TimePoint::max()) feed.answer_by = now.at + limits::watch_settles;
  out.wake_by(std::min(feed.again_at, feed.answer_by));
  out.send.push_back(
      {peer->link, proto::Watch{.watch = number,
                                .events = watching.events,
                                .taken = feed.taken,
                                .window = limits::watch_window,
                                .lease_ms = static_cast<std::uint32_t>(ms_of_span(limits::watch_lease)),
                                .name = watching.name,
                                .ids = watching.ids}});
}

/// `missed` 0: nobody knows how many.
void EventWatch::tell_gap(const Watching& watching, NodeId node, const Feed& feed, std::uint64_t missed,
                          Effects& out) {
  out.notify.emplace_back(
      EventsTold{.token = watching.token, .worker = node, .worker_name = feed.name, .missed = missed});
}

void EventWatch::on_events(LinkId link, proto::Events&& told, Now now, Effects& out) {
  const Peer* peer = membership_.by_link(link);
  const auto found = watches_.find(told.watch);
  if (peer == nullptr || found == watches_.end()) return;  // Nobody watches any more.
  Watching& watching = found->second;
  Feed& feed = watching.feeds[peer->member.node];
  const std::uint64_t last = told.first - 1 + told.events.size();
  if (told.first == 0 || last < told.first - 1) return;  // No worker counts like this.
  std::optional<std::uint64_t> missed;
  if (feed.feed != told.feed) {
    // What it did between two feeds, or before the first one of a worker that was met late, nobody has told.
    if (feed.feed != 0 || (feed.late && told.before > 0)) missed = 0;
    feed.feed = told.feed;
    feed.taken = told.first - 1;
  } else if (told.first > feed.taken + 1) {
    missed = told.first - 1 - feed.taken;
  }
  feed.answer_by = TimePoint::max();
  feed.taken = std::max(feed.taken, last);
  if (missed || !told.events.empty()) {
    out.notify.emplace_back(EventsTold{.token = watching.token,
                                       .worker = peer->member.node,
                                       .worker_name = peer->member.name,
                                       .missed = missed,
                                       .events = std::move(told.events)});
  }
  if (feed.taken - feed.taken_said >= limits::watch_window / 4) {
    say(found->first, watching, peer->member.node, feed, now, out);
  }
  look(watching, now, out);
}

void EventWatch::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  for (auto& [number, watching] : watches_) {
    if (change.what == PeerChange::What::greeted) {
      const auto [at, fresh] = watching.feeds.try_emplace(change.node);
      if (fresh) at->second.late = watching.begun;
      say(number, watching, change.node, at->second, now, out);
      continue;
    }
    const auto at = watching.feeds.find(change.node);
    if (at == watching.feeds.end()) continue;
    if (change.what == PeerChange::What::cut) {
      at->second.again_at = at->second.answer_by = TimePoint::max();
      continue;
    }
    // Who leaves has told everything before it says so; who dies may not have.
    if (change.what == PeerChange::What::dead) tell_gap(watching, change.node, at->second, 0, out);
    watching.feeds.erase(at);
    look(watching, now, out);
  }
}

void EventWatch::on_abandon(Token token, Effects& out) {
  for (auto at = watches_.begin(); at != watches_.end(); ++at) {
    if (at->second.token != token) continue;
    for (const auto& [node, feed] : at->second.feeds) {
      const Peer* peer = membership_.by_node(node);
      if (peer != nullptr && peer->greeted) {
        out.send.push_back(
            {peer->link, proto::Watch{.watch = at->first, .lease_ms = 0, .name = {}, .ids = {}}});
      }
    }
    watches_.erase(at);
    return;
  }
}

/// It has begun when every worker that is known has answered, or has had its time. Who has just joined may know nobody yet.
void EventWatch::look(Watching& watching, Now now, Effects& out) {
  if (watching.begun) return;
  const TimePoint latest = watching.since + limits::watch_settles;
  const bool waits = std::any_of(watching.feeds.begin(), watching.feeds.end(), [](const auto& each) {
    return each.second.feed == 0 && each.second.again_at != TimePoint::max();
  });
  const bool alone = membership_.alive() == 0 && now.at < watching.since + limits::settle_for;
  if (now.at < latest && (waits || alone || membership_.settling(now.at))) {
    return out.wake_by(std::min(latest, now.at + 10ms));
  }
  watching.begun = true;
  out.notify.emplace_back(EventsTold{.token = watching.token, .begun = true});
}

void EventWatch::on_tick(Now now, Effects& out) {
  for (auto& [number, watching] : watches_) {
    for (auto& [node, feed] : watching.feeds) {
      if (feed.answer_by <= now.at) {  // It cannot or will not tell its events.
        feed.answer_by = TimePoint::max();
        tell_gap(watching, node, feed, 0, out);
      }
      if (feed.again_at <= now.at) say(number, watching, node, feed, now, out);
      const TimePoint next = std::min(feed.again_at, feed.answer_by);
      if (next != TimePoint::max()) out.wake_by(next);
    }
    look(watching, now, out);
  }
}

}  // namespace taskmesh::core
