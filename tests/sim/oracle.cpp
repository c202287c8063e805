#include "sim/oracle.hpp"

#include <algorithm>

namespace taskmesh::sim {

using core::Liveness;

namespace {

constexpr Duration look_every = 50ms;
constexpr Duration remembered = 20s;
// A silence may begin a second before the fault, with the last heartbeat; the judge may stand still for as long as it need
// not notice; and this is seen in steps of a look.
constexpr Duration excused = limits::heartbeat_every + limits::loop_stall + look_every;

Host host_of(const core::Peer& peer) { return peer.member.node.bytes.back(); }

}  // namespace

Oracle::Oracle(World& world) : world_(world) {
  world_.observer.stepped = [this](Process& process) { on_step(process); };
  world_.timeline().after(look_every, [this] { look(); });
}

std::vector<Host> Oracle::workers() const {
  std::vector<Host> up;
  for (const auto& process : world_.processes()) {
    if (process->up && process->node && process->plan.kind == core::NodeKind::worker)
      up.push_back(process->host);
  }
  return up;
}

/// Who has given the other one up says nothing to it. Nor may one who cannot be answered have much to say: he must greet.
bool Oracle::reaches(Host from, Host to) const {
  return living_to(from, to) && world_.at(from).up && !world_.at(from).paused &&
         !world_.network().blocked(from, to) && !world_.network().blocked(to, from);
}

bool Oracle::living_to(Host judge, Host other) const {
  const auto belief = beliefs_.find({judge, other});
  return belief != beliefs_.end() && belief->second != Liveness::joining &&
         belief->second != Liveness::dead && belief->second != Liveness::left;
}

void Oracle::look() {
  for (const Host judge : workers()) {
    if (world_.at(judge).paused) continue;
    for (const Host other : workers()) {
      if (other == judge) continue;
      Looks& looks = looks_[{judge, other}];
      looks.push_back(!reaches(other, judge));
      if (looks.size() > static_cast<std::size_t>(remembered / look_every)) looks.pop_front();
    }
  }
  world_.timeline().after(look_every, [this] { look(); });
}

Duration Oracle::out_of_reach(Host judge, Host other, Duration within) const {
  const auto at = looks_.find({judge, other});
  if (at == looks_.end()) return {};
  const auto last = static_cast<std::ptrdiff_t>(within / look_every);
  const Looks& looks = at->second;
  return look_every * std::count(looks.end() - std::min(last, std::ssize(looks)), looks.end(), true);
}

/// What was heard came before what was judged, and judged was one after the other.
void Oracle::on_step(Process& judge) {
  if (judge.plan.kind == core::NodeKind::listener) return;
  take(judge, false);
  take(judge, true);
}

void Oracle::take(Process& judge, bool verdicts) {
  const bool member = judge.plan.kind == core::NodeKind::worker;
  judge.node->membership().for_each([&](const core::Peer& peer) {
    if (!peer.member.node) return;
    const Host other = host_of(peer);
    const bool verdict = peer.liveness == Liveness::suspect || peer.liveness == Liveness::dead;
    Liveness& known = beliefs_.try_emplace({judge.host, other}, Liveness::joining).first->second;
    if (known == peer.liveness || verdict != verdicts) return;
    const bool met = living_to(judge.host, other);
    if (member && verdict && met && world_.at(other).up) {
      const char* wrong = peer.liveness == Liveness::dead ? against_death(judge.host, other)
                                                          : against_suspicion(judge.host, other);
      if (wrong != nullptr) fail(judge.host, other, wrong);
    }
    known = peer.liveness;
  });
}

const char* Oracle::against_suspicion(Host judge, Host other) const {
  // Looked for in the 2 s of silence, and 1.5 s before: a belief changes in the turn after the one that has seen it.
  return out_of_reach(judge, other, limits::suspect_after + 1500ms) < limits::suspect_after - excused
             ? "suspects, though it is in reach,"
             : nullptr;
}

const char* Oracle::against_death(Host judge, Host other) const {
  // Witnesses are asked when it has been silent for dead_after, and again for up to 2 s.
  if (out_of_reach(judge, other, limits::dead_after + 2s) < limits::dead_after - excused)
    return "calls dead too soon";
  const Duration half_rule = limits::half_rule_times * limits::dead_after;
  if (half_silent(judge) && out_of_reach(judge, other, remembered) < half_rule - excused) {
    return "calls dead, though half are silent,";
  }
  return witnesses_agree(judge, other) ? nullptr : "calls dead without witnesses";
}

bool Oracle::half_silent(Host judge) const {
  std::size_t living = 0;
  std::size_t silent = 0;
  for (const auto& process : world_.processes()) {
    if (!living_to(judge, process->host)) continue;
    ++living;
    silent += beliefs_.at({judge, process->host}) == Liveness::suspect ? 1U : 0U;  // Each was looked at, too.
  }
  return living >= limits::half_rule_members && 2 * silent >= living;
}

/// They were asked up to a second ago.
bool Oracle::witnesses_agree(Host judge, Host other) const {
  std::size_t heard = 0;
  std::size_t agree = 0;
  for (const auto& process : world_.processes()) {
    const Host third = process->host;
    if (third == other || !living_to(judge, third) || beliefs_.at({judge, third}) == Liveness::suspect)
      continue;
    heard += process->up && out_of_reach(judge, third, 4s) == Duration::zero() ? 1U : 0U;
    // It agrees witness_margin earlier; 300 ms more than its excuses leave, for it has answered since.
    const bool silent = out_of_reach(third, other, limits::dead_after + 2500ms) > 3500ms;
    agree += silent || !living_to(third, other) ? 1U : 0U;
  }
  return agree >= std::min<std::size_t>(limits::witnesses_agree, heard);
}

/// It stood still when another one ended, say. It may ask that one, and wait for an answer.
bool Oracle::trusts_the_dead(Host judge, Host but) const {
  return std::ranges::any_of(world_.processes(), [&](const auto& process) {
    return !process->up && process->host != but && living_to(judge, process->host) &&
           beliefs_.at({judge, process->host}) != Liveness::suspect;
  });
}

void Oracle::expect_death(Host host, Duration within) {
  const TimePoint since = world_.now();
  disturbed_ = since;
  std::vector<Host> judges;
  std::ranges::copy_if(workers(), std::back_inserter(judges),
                       [&](Host judge) { return !trusts_the_dead(judge, host); });
  world_.timeline().after(within, [this, host, since, within, judges] {
    if (disturbed_ != since) return;
    for (const Host judge : judges) {
      if (!world_.at(judge).up || !living_to(judge, host) || world_.at(judge).paused) continue;
      fail(judge, host, "does not know after " + to_string(within) + " the death of");
    }
  });
}

void Oracle::check_agreement() {
  for (const auto& process : world_.processes()) {
    if (!process->up || !process->node || process->plan.kind == core::NodeKind::listener) continue;
    for (const auto& other : world_.processes()) {
      if (other == process || other->plan.kind != core::NodeKind::worker) continue;
      const core::Peer* peer = process->node->membership().by_node(other->config.self.node);
      const bool alive = peer != nullptr && peer->routable();
      const bool ended =
          peer == nullptr || peer->liveness == Liveness::dead || peer->liveness == Liveness::left;
      if (other->up && !alive) fail(process->host, other->host, "does not reach");
      if (!other->up && !ended) fail(process->host, other->host, "still believes in");
    }
  }
}

void Oracle::fail(Host judge, Host other, const std::string& what) {
  const std::string line = "p" + std::to_string(judge) + " " + what + " p" + std::to_string(other);
  world_.note(line + ", out of reach for " + to_string(out_of_reach(judge, other, 8s)) + " of 8s");
  failures_.push_back(world_.notes().back());
}

}  // namespace taskmesh::sim
