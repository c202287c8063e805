// The part of Membership that calls no worker dead on its own word alone: do others hear it, and is it perhaps me?
#include <algorithm>
#include <utility>

#include "taskmesh/core/mesh/membership.hpp"

namespace taskmesh::core {

namespace {

Duration milliseconds(std::uint32_t ms) { return std::chrono::milliseconds{ms}; }

std::uint32_t to_ms(Duration silence) {
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(silence).count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(ms, 0, UINT32_MAX));
}

bool may_testify(const Peer& peer) {
  return peer.greeted && !peer.gone &&
         (peer.liveness == Liveness::alive || peer.liveness == Liveness::draining);
}

}  // namespace

/// Half of the others silent at once: then it is more likely that this node hears nobody. A delay, not a veto: who lost
/// half of a mesh must go on some time.
bool Membership::perhaps_me(Duration silence) const {
  const DetectorRules& rules = config_.detector;
  if (silence >= rules.half_times * rules.dead_after) return false;
  std::size_t others = 0;
  std::size_t silent = 0;
  for (const auto& [number, entry] : peers_) {
    if (!entry->living()) continue;
    ++others;
    silent += entry->liveness == Liveness::suspect ? 1U : 0U;
  }
  return others >= rules.half_from && 2 * silent >= others;
}

/// A worker's verdict on a suspect: again at least each ask_again, as long as there is a reason.
void Membership::judge_suspect(Entry& entry, Now now, Effects& out) {
  const DetectorRules& rules = config_.detector;
  const Duration silence = now.at - entry.last_heard;
  bool silent = silence >= rules.dead_after && now.at >= steady_at_;
  if (silent && perhaps_me(silence)) {
    counters_.half_held += std::exchange(entry.held, true) ? 0U : 1U;
    silent = false;
    if (!entry.deserted) entry.ask_at = now.at + limits::ask_again;
  }
  if (!silent && !entry.deserted) return;
  if (now.at >= entry.ask_at) ask_witnesses(entry, now, out);
  if (entry.round.request == 0) return;
  const std::size_t enough = rules.fewer_agree ? std::min(rules.agree, entry.round.asked) : rules.agree;
  const bool agreed = silent && entry.round.silent >= enough;
  const bool seconded = entry.deserted && entry.round.denials == 0 &&
                        entry.round.cut >= std::min<std::size_t>(1, entry.round.asked);
  if (!agreed && !seconded) {
    if (entry.round.waited_for.empty()) entry.ask_at = std::min(entry.ask_at, now.at + limits::ask_again);
    return;
  }
  ++counters_.called_dead;
  const std::string_view why =
      agreed ? "it has been silent for too long" : "nobody listens at its address any more";
  bury(entry, Liveness::dead, false, why, now, out);
}

/// Others than last time, perhaps, and only those that this node hears itself.
void Membership::ask_witnesses(Entry& entry, Now now, Effects& out) {
  std::vector<Entry*> heard;
  for (const auto& [number, other] : peers_) {
    if (other.get() != &entry && may_testify(*other)) heard.push_back(other.get());
  }
  entry.round = {};
  entry.round.request = ++last_request_;
  entry.ask_at = now.at + limits::witness_wait;
  const std::size_t count = std::min(heard.size(), config_.detector.witnesses);
  for (std::size_t i = 0; i < count; ++i) {
    std::swap(heard[i], heard[i + random_.below(heard.size() - i)]);
    entry.round.waited_for.push_back(heard[i]->member.node);
    out.send.push_back(
        {heard[i]->link, proto::Doubt{last_request_, entry.member.node, entry.member.incarnation}});
  }
  entry.round.asked = count;
  counters_.doubts += count;
}

void Membership::on_doubt(LinkId link, const proto::Doubt& doubt, Now now, Effects& out) {
  enter(now);
  proto::Witness answer{.request = doubt.request, .node = doubt.node, .incarnation = doubt.incarnation};
  const Entry* entry = find(doubt.node);
  // Of one that was merely told of the incarnation is not known.
  const bool met = entry != nullptr && (entry->living() || entry->ended()) &&
                   doubt.incarnation <= entry->member.incarnation;
  if (doubt.node == config_.self.node) {
    answer.testimony = proto::Testimony::linked;
  } else if (met && (entry->ended() || entry->gone || doubt.incarnation < entry->member.incarnation)) {
    answer.testimony = proto::Testimony::ended;
  } else if (now.at < steady_at_) {  // Its own stall explains a silence, and no broken connection.
    const bool broken = met && !entry->connected;
    answer.testimony = broken ? proto::Testimony::cut : proto::Testimony::unsure;
  } else {
    answer.testimony = met && entry->connected ? proto::Testimony::linked : proto::Testimony::cut;
    answer.silence_ms = to_ms(now.at - (met ? entry->last_heard : started_));
  }
  out.send.push_back({link, answer});
  leave(out);
}

/// Only counted here. What else came in with it is heard before anybody is judged.
void Membership::on_witness(NodeId from, const proto::Witness& witness, Now now, Effects& out) {
  enter(now);
  Entry* entry = find(witness.node);
  const bool current = entry != nullptr && entry->living() && entry->round.request == witness.request &&
                       entry->member.incarnation == witness.incarnation;
  if (current && std::erase(entry->round.waited_for, from) > 0 &&
      witness.testimony != proto::Testimony::unsure) {
    const bool ended = witness.testimony == proto::Testimony::ended;
    const bool silent =
        ended || milliseconds(witness.silence_ms) >= config_.detector.dead_after - limits::witness_margin;
    const bool cut = silent || witness.testimony == proto::Testimony::cut;
    entry->round.silent += silent ? 1U : 0U;
    entry->round.cut += cut ? 1U : 0U;
    entry->round.denials += cut ? 0U : 1U;
    counters_.denials += cut ? 0U : 1U;
    entry->weigh = true;
    touch(*entry);
  }
  leave(out);
}

/// The end of a process is told by its system, which closes its connections and refuses new ones.
void Membership::on_nobody_there(LinkId link, Now now, Effects& out) {
  enter(now);
  Entry* entry = ours(link);
  if (entry != nullptr && entry->living() && !entry->connected && config_.detector.early) {
    entry->deserted = entry->weigh = true;
    touch(*entry);
  }
  leave(out);
}

}  // namespace taskmesh::core
