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
  return std::max<Duration>(limits::link_patience, limits::dial_timeout * static_cast<int>(endpoints));
}

}  // namespace

/// Every event enters here. Silence is counted in our own running time, so a stall is nobody's silence.
void Membership::enter(Now now) {
  TASKMESH_CHECK(now.at >= last_step_);
  if (started_ == TimePoint{}) started_ = now.at;
  if (due_ != TimePoint::max() && now.at > due_ + limits::own_stall) {
    if (now.at > due_ + limits::loop_stall && config_.detector.steady_loop) {
      steady_at_ = now.at + limits::loop_steady;
    }
    if (config_.detector.credit_stalls) credit(now.at - last_step_, now.at);
    ++counters_.own_stalls;
    due_ = now.at;
  }
  last_step_ = now.at;
}

/// What others said before is old, too.
void Membership::credit(Duration gap, TimePoint now) {
  for (auto& [number, entry] : peers_) {
    for (TimePoint* since : {&entry->last_heard, &entry->cut_at, &entry->dialled_at, &entry->attempt_at}) {
      *since = std::min(*since + gap, now);
    }
    entry->round = {};
    entry->ask_at = {};
  }
}

void Membership::leave(Effects& out) const {
  if (due_ != TimePoint::max()) out.wake_by(due_);
}

/// What is due at once is due now: an older time would look like a stall.
void Membership::touch(const Entry& entry) { due_ = std::min(due_, std::max(due_of(entry), last_step_)); }

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
    if (entry.weigh) by(last_step_);
    by(std::max(entry.last_heard + limits::heartbeat_every, last_step_) + limits::own_pulse);
    if (entry.liveness != Liveness::suspect) by(entry.last_heard + limits::suspect_after);
    by(verdict_due(entry));
    if (entry.gone) by(entry.gone_at + limits::last_words);
    return due;
  }
  if (entry.connected && entry.refused) return due;
  if (entry.seeds.empty()) by(entry.attempt_at + attempt_for(entry.endpoints.size()));
  if (entry.endpoints.size() > 1) {
    by(entry.dialled_at + (entry.connected ? limits::link_patience : limits::dial_timeout));
  }
  return due;
}

/// Mirrors judge_as_client() and judge_suspect().
TimePoint Membership::verdict_due(const Entry& entry) const {
  if (config_.kind != NodeKind::worker) {
    TimePoint due = entry.last_heard + limits::client_dead_after;
    if (entry.deserted) {
      due = std::min(due, std::max(entry.cut_at, entry.last_heard) + limits::dead_after_disconnect);
    }
    return std::max(due, steady_at_);
  }
  if (entry.deserted) return entry.ask_at;
  return std::max({entry.last_heard + config_.detector.dead_after, steady_at_, entry.ask_at});
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
  acquit(entry);
  if (entry.ended()) {  // Looked for once more, and not there.
    entry.dial_at = now.at + limits::dead_retry;
    return;
  }
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

void Membership::on_tick(Now now, Effects& out, bool drained) {
  enter(now);
  if (now.at >= due_ && (drained || now.at >= due_ + limits::drain_input)) {
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

void Membership::beat(Now now, Effects& out) {
  enter(now);
  next_beat_ = due_ = now.at;  // At the end of a turn, when it is known which links are still the same.
  out.wake_by(now.at);
  leave(out);
}

void Membership::send_heartbeats(Now now, Effects& out) {
  if (config_.kind != NodeKind::worker || now.at < next_beat_) return;
  next_beat_ = now.at + limits::heartbeat_every;
  const proto::Heartbeat beat{config_.self.node, config_.self.incarnation, own_load_(), counters_.ended};
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
  entry.weigh = false;
  if (entry.gone && now.at - entry.gone_at >= limits::last_words) {
    return bury(entry, Liveness::dead, true, "its process has ended", now, out);
  }
  const Duration silence = now.at - entry.last_heard;
  if ((silence >= limits::suspect_after || entry.deserted) && entry.liveness != Liveness::suspect) {
    entry.liveness = Liveness::suspect;
    ++version_;
    ++counters_.suspected;
    out.notify.emplace_back(notes::suspect(entry, silence, entry.deserted));
  }
  if (entry.connected && !entry.greeted && now.at >= entry.next_hello) say_hello(entry, now, out);
  if (entry.liveness != Liveness::suspect) return;
  config_.kind == NodeKind::worker ? judge_suspect(entry, now, out) : judge_as_client(entry, now, out);
}

/// Who is no member has nobody to ask: it waits longer.
void Membership::judge_as_client(Entry& entry, Now now, Effects& out) {
  if (now.at < steady_at_) return;
  const bool silent = now.at - entry.last_heard >= limits::client_dead_after;
  const TimePoint last_sign = std::max(entry.cut_at, entry.last_heard);
  if (!silent && !(entry.deserted && now.at - last_sign >= limits::dead_after_disconnect)) return;
  ++counters_.called_dead;
  const std::string_view why =
      silent ? "it has been silent for too long" : "nobody listens at its address any more";
  bury(entry, Liveness::dead, false, why, now, out);
}

/// It is not in doubt (any more).
void Membership::acquit(Entry& entry) {
  entry.deserted = entry.weigh = entry.held = false;
  entry.ask_at = {};
  entry.round = {};
}

/// HELLO again; the next endpoint where the present one leads nowhere.
void Membership::keep_calling(Entry& entry, Now now, Effects& out) {
  if (entry.connected && now.at >= entry.next_hello) say_hello(entry, now, out);
  const Duration patience = entry.connected ? limits::link_patience : limits::dial_timeout;
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
