// The part of Membership that time drives: own stalls, heartbeats, suspicion, death, dialling again.
#include <algorithm>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/mesh/notes.hpp"

namespace taskmesh::core {

namespace {

/// How long one attempt to greet a peer may last, all its endpoints together.
Duration attempt_for(std::size_t endpoints) {
  return std::max<Duration>(limits::dead_after, limits::dial_timeout * static_cast<int>(endpoints));
}

}  // namespace

/// Every event enters here. Silence is counted in our own running time, so a stall is nobody's silence.
void Membership::enter(Now now) {
  TASKMESH_CHECK(now.at >= last_step_);
  if (due_ != TimePoint::max() && now.at > due_ + limits::own_stall) {
    const Duration gap = now.at - last_step_;
    for (auto& [number, entry] : peers_) {
      for (TimePoint* since : {&entry->last_heard, &entry->cut_at, &entry->dialled_at, &entry->attempt_at}) {
        *since = std::min(*since + gap, now.at);
      }
    }
    due_ = now.at;
  }
  last_step_ = now.at;
}

void Membership::leave(Effects& out) const {
  if (due_ != TimePoint::max()) out.wake_by(due_);
}

void Membership::touch(const Entry& entry) { due_ = std::min(due_, due_of(entry)); }

/// The next time at which judge() has something to do for this peer. Mirrors judge().
TimePoint Membership::due_of(const Entry& entry) const {
  TimePoint due = TimePoint::max();
  const auto by = [&](TimePoint at) { due = std::min(due, at); };
  if (entry.ended()) by(entry.ended_at + limits::forget_dead_after);
  if (entry.ended() && entry.proven) return due;
  if (entry.lost()) by(entry.lost_until);
  if (!entry.link) {
    if (!entry.endpoints.empty()) by(entry.dial_at);
    return due;
  }
  if (entry.greeted && config_.kind == NodeKind::worker) by(next_beat_);
  if (entry.connected && !entry.greeted) by(entry.next_hello);
  if (entry.living()) {
    by(entry.last_heard + (entry.liveness == Liveness::suspect ? limits::dead_after : limits::suspect_after));
    if (!entry.connected) by(std::max(entry.cut_at, entry.last_heard) + limits::dead_after_disconnect);
    if (entry.gone) by(entry.gone_at + limits::last_words);
    return due;
  }
  if (entry.connected && entry.refused) return due;
  if (entry.seeds.empty()) by(entry.attempt_at + attempt_for(entry.endpoints.size()));
  if (entry.endpoints.size() > 1) {
    by(entry.dialled_at + (entry.connected ? limits::dead_after : limits::dial_timeout));
  }
  return due;
}

void Membership::tell_end(Entry& entry, Liveness how, std::string_view why, Effects& out) {
  if (!std::exchange(entry.told, false)) return;
  const auto what = how == Liveness::left ? PeerChange::What::left : PeerChange::What::dead;
  changes_.push_back({what, entry.member.node, entry.member.incarnation, entry.link});
  out.notify.emplace_back(notes::ended(entry, how, why));
}

void Membership::bury(Entry& entry, Liveness how, bool proven, std::string_view why, Now now, Effects& out) {
  tell_end(entry, how, why, out);
  hang_up(entry, out);
  entry.proven = entry.proven || proven;
  entry.gone = false;
  if (entry.ended()) return;
  entry.liveness = how;
  entry.refused = false;
  entry.ended_at = now.at;
  entry.dial_at = now.at + limits::dead_retry;
  ++version_;
  touch(entry);
  if (entry.seeds.empty()) return;
  Entry* seed = make(&entry, true, out);
  seed->endpoints = seed->seeds = std::exchange(entry.seeds, {});
  seed->seed = true;
  entry.seed = false;
  seed->attempt_at = now.at;
  seed->dial_at = now.at + limits::redial_after;
  touch(*seed);
}

void Membership::on_tick(Now now, Effects& out) {
  enter(now);
  if (now.at >= due_) {
    send_heartbeats(now, out);
    exchange(now, out);
    for (auto at = peers_.begin(); at != peers_.end();) {
      const std::uint64_t number = at->first;
      judge(*at->second, now, out);
      at = peers_.upper_bound(number);  // judge() may forget peers and make new ones.
    }
    due_ = TimePoint::max();
    for (const auto& [number, entry] : peers_) touch(*entry);
  }
  leave(out);
}

void Membership::send_heartbeats(Now now, Effects& out) {
  if (config_.kind != NodeKind::worker || now.at < next_beat_) return;
  next_beat_ = now.at + limits::heartbeat_every;
  const proto::Heartbeat beat{config_.self.node, config_.self.incarnation, own_load_()};
  for (const auto& [number, entry] : peers_) {
    if (entry->greeted) out.send.push_back({entry->link, beat});
  }
}

/// What is due for this peer at this time. Mirrored by due_of().
void Membership::judge(Entry& entry, Now now, Effects& out) {
  if (entry.living()) return judge_living(entry, now, out);
  if (entry.lost()) return judge_lost(entry, now, out);
  if (entry.ended()) {
    if (now.at - entry.ended_at >= limits::forget_dead_after) return keep_address(entry, out);
    if (entry.proven) return;
  }
  if (!entry.link) {
    if (entry.endpoints.empty() || now.at < entry.dial_at) return;
    entry.attempt_at = now.at;
    return dial(entry, now, out);
  }
  if (!gave_up(entry, now.at)) return keep_calling(entry, now, out);
  if (!entry.ended()) return bury(entry, Liveness::dead, false, "it never answered", now, out);  // Untold.
  hang_up(entry, out);
  entry.dial_at = now.at + limits::dead_retry;
}

/// The record is forgotten. The address of one that may return is not: a network that is cut for long heals too.
void Membership::keep_address(Entry& entry, Effects& out) {
  if (entry.proven || !entry.met || entry.endpoints.empty()) return forget(entry, out);
  Entry* oldest = nullptr;
  std::size_t kept = 0;
  for (const auto& [number, other] : peers_) {
    if (!other->lost()) continue;
    ++kept;
    if (oldest == nullptr || other->lost_until < oldest->lost_until) oldest = other.get();
  }
  if (kept >= limits::lost_addresses_max) forget(*oldest, out);
  hang_up(entry, out);
  by_node_.erase(entry.member.node);
  entry.member = {};
  entry.serves.clear();
  entry.load = {};
  entry.liveness = Liveness::joining;
  entry.rumoured_by = {};
  entry.met = entry.digest_sent = entry.digest_answered = false;
  entry.noted = true;  // People were told of its death; these dials are nobody's news.
  entry.lost_until = entry.ended_at + limits::keep_lost_for;
  entry.dial_at = entry.ended_at + limits::forget_dead_after + limits::lost_retry;
  touch(entry);
}

void Membership::judge_lost(Entry& entry, Now now, Effects& out) {
  if (now.at >= entry.lost_until) return forget(entry, out);
  if (!entry.link) {
    if (now.at < entry.dial_at) return;
    entry.attempt_at = now.at;
    return dial(entry, now, out);
  }
  if (!gave_up(entry, now.at)) return keep_calling(entry, now, out);
  hang_up(entry, out);
  entry.dial_at = now.at + limits::lost_retry;
}

void Membership::judge_living(Entry& entry, Now now, Effects& out) {
  if (entry.gone && now.at - entry.gone_at >= limits::last_words) {
    return bury(entry, Liveness::dead, true, "its process has ended", now, out);
  }
  const Duration silence = now.at - entry.last_heard;
  const TimePoint last_sign = std::max(entry.cut_at, entry.last_heard);
  if (!entry.connected && now.at - last_sign >= limits::dead_after_disconnect) {
    return bury(entry, Liveness::dead, false, "its connection broke and did not come back", now, out);
  }
  if (silence >= limits::dead_after) {
    return bury(entry, Liveness::dead, false, "it has been silent for too long", now, out);
  }
  if (silence >= limits::suspect_after && entry.liveness != Liveness::suspect) {
    entry.liveness = Liveness::suspect;
    ++version_;
    out.notify.emplace_back(notes::suspect(entry, silence));
  }
  if (entry.connected && !entry.greeted && now.at >= entry.next_hello) say_hello(entry, now, out);
}

/// HELLO again; the next endpoint where the present one leads nowhere.
void Membership::keep_calling(Entry& entry, Now now, Effects& out) {
  if (entry.connected && now.at >= entry.next_hello) say_hello(entry, now, out);
  const Duration patience = entry.connected ? limits::dead_after : limits::dial_timeout;
  const bool waiting = entry.endpoints.size() < 2 || (entry.connected && entry.refused);
  if (waiting || now.at - entry.dialled_at < patience) return;
  hang_up(entry, out);
  ++entry.next_endpoint;
  dial(entry, now, out);
}

bool Membership::gave_up(const Entry& entry, TimePoint now) const {
  if (!entry.seeds.empty() || (entry.connected && entry.refused)) return false;
  return now - entry.attempt_at >= attempt_for(entry.endpoints.size());
}

}  // namespace taskmesh::core
