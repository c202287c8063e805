#include "taskmesh/core/tasks/finder_role.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"

namespace taskmesh::core {

namespace {

/// While this worker looks around itself, it looks again so often.
constexpr Duration look_again = 10ms;

/// A worker that has just started has not heard yet who else is there.
constexpr Duration newborn_for = 250ms;

/// Where the clock was set back its age is taken for a great one.
bool is_newborn(const NodeConfig& config, Now now) {
  const std::uint64_t age_ms = static_cast<std::uint64_t>(now.wall.unix_us / 1'000) - config.self.incarnation;
  return age_ms < static_cast<std::uint64_t>(newborn_for / 1ms);
}

std::string subject_of(const TaskId& id, std::string_view name, std::string_view key) {
  if (key.empty()) return {reinterpret_cast<const char*>(id.bytes.data()), id.bytes.size()};
  std::string subject = "key ";
  subject.append(name).append(1, '\0').append(key);
  return subject;
}

/// May know something: it was greeted in this life, and has not ended as far as is known.
bool may_know(const Peer& peer) {
  return !peer.gone && (peer.liveness == Liveness::alive || peer.liveness == Liveness::draining ||
                        peer.liveness == Liveness::suspect);
}

bool is_in(const std::vector<NodeId>& nodes, NodeId node) {
  return std::ranges::find(nodes, node) != nodes.end();
}

}  // namespace

FinderRole::FinderRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                       ExecutorRole& executor, Rules rules)
    : config_(config), counters_(counters), membership_(membership), executor_(executor), rules_(rules) {}

// ---- Asking ----------------------------------------------------------------------------------------------

bool FinderRole::is_alone(Now now) const {
  if (is_newborn(config_, now) || membership_.settling(now.at, limits::key_settles)) return false;
  bool alone = true;
  membership_.for_each([&](const Peer& peer) { alone = alone && !may_know(peer); });
  return alone;
}

bool FinderRole::find(const TaskId& id, std::string_view name, std::string_view key, TimePoint from,
                      Now now) {
  if (broken(18) || (from <= now.at && is_alone(now))) return false;
  std::string subject = subject_of(id, name, key);
  const auto known = by_subject_.find(subject);
  if (known != by_subject_.end()) {
    searches_.at(known->second).tasks.push_back(id);
    by_task_.insert_or_assign(id, known->second);
    return true;
  }
  ++counters_.asked_for;
  const std::uint64_t serial = next_serial_++;
  Search& search = searches_[serial];
  search.subject = subject;
  search.id = id;
  search.name = name;
  search.key = key;
  search.tasks.push_back(id);
  wake_at(search, from);
  by_subject_.emplace(std::move(subject), serial);
  by_task_.insert_or_assign(id, serial);
  start(search, now);
  return true;
}

/// All who choose must know the same workers: who was dialled a moment ago is waited for.
void FinderRole::start(Search& search, Now now) {
  if (search.at > now.at) return;
  wake_at(search, now.at + look_again);
  if (is_newborn(config_, now) || membership_.settling(now.at, limits::key_settles)) return;
  ask_all(by_subject_.at(search.subject), search, now);
}

/// For the first time or anew: then what was answered before counts for nothing.
void FinderRole::ask_all(std::uint64_t serial, Search& search, Now now) {
  by_stamp_.erase(search.stamp);
  search.stamp = ++clock_;
  by_stamp_.emplace(search.stamp, serial);
  search.asked_at = now.at;
  search.again_at = now.at + limits::copy_repeat;
  wake_at(search, now.at + limits::key_skip_after);
  search.answered.clear();
  search.named.clear();
  search.awaited.clear();
  membership_.for_each([&](const Peer& peer) {
    if (!may_know(peer) && !is_in(search.ahead, peer.member.node)) return;
    search.awaited.push_back(peer.member.node);
    say(search, peer.member.node);
  });
  search.asked = search.awaited;
  check(serial, search);
}

void FinderRole::wake_at(Search& search, TimePoint at) {
  search.at = at;
  next_at_ = std::min(next_at_, at);
}

void FinderRole::check(std::uint64_t serial, const Search& search) {
  if (search.owner || search.awaited.empty()) ready_.push_back(serial);
}

void FinderRole::say(const Search& search, NodeId node) {
  asks_.push_back({node, proto::WhoHas{search.stamp, search.id, search.name, search.key}});
}

void FinderRole::forget(const TaskId& id) {
  const auto found = by_task_.find(id);
  if (found == by_task_.end()) return;
  const auto search = searches_.find(found->second);
  by_task_.erase(id);
  std::erase(search->second.tasks, id);
  if (!search->second.tasks.empty()) return;
  by_subject_.erase(search->second.subject);
  by_stamp_.erase(search->second.stamp);
  searches_.erase(search);
}

// ---- Answering -------------------------------------------------------------------------------------------

void FinderRole::on_who_has(LinkId link, NodeId node, const proto::WhoHas& ask, Now now) {
  heard(node);
  clock_ = std::max(clock_, ask.stamp);
  const std::string_view key = broken(20) ? std::string_view{} : std::string_view{ask.key};
  NodeId owner = executor_.whereabouts(ask.id, ask.name, key, now);
  if (owner == node) owner = {};  // Who asks has it, and asks whether it is the first.
  const auto mine = by_subject_.find(subject_of(ask.id, ask.name, ask.key));
  if (!owner && mine != by_subject_.end() && !broken(19)) {
    Search& search = searches_.at(mine->second);
    // It gives way only to one that it has asked itself: else nobody would tell it so.
    const bool asked = is_in(search.asked, node);
    const bool first = !asked || std::pair(search.stamp, config_.self.node) < std::pair(ask.stamp, node);
    if (search.stamp != 0 && first) owner = config_.self.node;
    if (search.stamp != 0 && !first) give_way(search, node);
  }
  proto::Has has{.stamp = ask.stamp, .owner = owner};
  if (!ask.key.empty() && !broken(22)) {
    const std::string subject = subject_of(ask.id, ask.name, ask.key);
    askers_.add(subject, node, now.at);
    if (!owner) has.askers = askers_.others(subject, node, now.at);
  }
  said_.push_back({link, std::move(has)});
}

/// That one will say that it has the task, or who has.
void FinderRole::give_way(Search& search, NodeId node) {
  if (is_in(search.ahead, node)) return;
  search.ahead.push_back(node);
  if (is_in(search.awaited, node)) return;
  search.awaited.push_back(node);
  say(search, node);
}

void FinderRole::on_has(NodeId node, const proto::Has& has, Now now) {
  heard(node);
  const auto found = by_stamp_.find(has.stamp);
  if (found == by_stamp_.end()) return;
  Search& search = searches_.at(found->second);
  if (std::erase(search.awaited, node) == 0) return;
  if (!is_in(search.answered, node)) search.answered.push_back(node);
  search.named.insert(search.named.end(), has.askers.begin(), has.askers.end());
  if (has.owner && has.owner != config_.self.node) {
    const Peer* owner = membership_.by_node(has.owner);
    // Who tells of one that cannot be reached has a copy.
    search.owner = owner != nullptr && owner->greeted && may_know(*owner) ? has.owner : node;
  }
  if (!search.owner) pass_over(search, now);
  check(found->second, search);
}

void FinderRole::on_peer_change(const PeerChange& change, Now now) {
  calm_at_ = now.at + limits::key_calm;
  heard(change.node);
  if (change.what == PeerChange::What::cut) return;
  const bool gone = change.what != PeerChange::What::greeted;
  for (auto& [serial, search] : searches_) {
    if (search.stamp == 0) continue;
    const auto awaited = std::ranges::find(search.awaited, change.node);
    const bool known = awaited != search.awaited.end();
    if (gone) {
      if (known) search.awaited.erase(awaited);
      for (auto* nodes : {&search.asked, &search.answered, &search.ahead}) std::erase(*nodes, change.node);
      if (search.owner == change.node) search.owner = {};
      check(serial, search);
    } else {
      if (!known) search.awaited.push_back(change.node);  // It may have come back with what it knows.
      if (!known) search.asked.push_back(change.node);
      say(search, change.node);
    }
  }
}

// ---- Those that do not answer ----------------------------------------------------------------------------

void FinderRole::heard(NodeId node) {
  if (!silent_.empty()) std::erase(silent_, node);
}

/// Two that ask about one key, and pass each other over, have both been answered by a third one, which has told the later of
/// them about the earlier one. What was taken before is known to who holds the copy too, unless that one has just gone: so
/// one is passed over, and not two.
bool FinderRole::may_pass_over(const Search& search, NodeId node) const {
  if (is_in(search.ahead, node) || is_in(search.named, node)) return false;
  return !is_in(search.named, config_.self.node) && !askers_.has(search.subject, node);
}

/// One that hangs, or cannot be reached for a while, holds up no key.
void FinderRole::pass_over(Search& search, Now now) {
  if (search.key.empty() || replicas_of(search.id) == 0 || now.at < calm_at_) return;
  const bool only_one = search.awaited.size() == 1 && search.answered.size() + 1 == search.asked.size();
  if (!only_one || search.answered.empty()) return;  // Who is suspect has not answered either.
  const NodeId node = search.awaited[0];
  const bool late = now.at >= search.asked_at + limits::key_skip_after || is_in(silent_, node);
  if (!late || !may_pass_over(search, node)) return;
  bool all_met = true;  // Else it is not known who else does not answer.
  membership_.for_each([&](const Peer& peer) { all_met = all_met && peer.liveness != Liveness::joining; });
  if (!all_met) return;
  if (!is_in(silent_, node)) silent_.push_back(node);
  search.awaited.clear();
  ++counters_.passed_over;
}

/// One that is suspect is not waited for, where what it knows is known to others too.
void FinderRole::look_for_silent() {
  if (searches_.empty() || std::exchange(seen_members_, membership_.version()) == membership_.version())
    return;
  for (auto& [serial, search] : searches_) {
    if (replicas_of(search.id) == 0) continue;
    std::erase_if(search.awaited, [&, ahead = &search.ahead](NodeId node) {
      if (is_in(*ahead, node)) return false;
      const Peer* peer = membership_.by_node(node);
      return peer == nullptr || peer->liveness == Liveness::suspect;
    });
    if (search.stamp != 0) check(serial, search);
  }
}

// ---- Time ------------------------------------------------------------------------------------------------

void FinderRole::on_tick(Now now) {
  if (now.at < next_at_) return;
  next_at_ = TimePoint::max();
  askers_.forget(now.at);
  for (auto& [serial, search] : searches_) {
    if (search.at > now.at) {
      next_at_ = std::min(next_at_, search.at);
    } else if (search.stamp == 0) {
      start(search, now);
    } else if (now.at >= search.asked_at + limits::key_asked_for / 2) {
      ask_all(serial, search, now);  // Those who were asked forget it soon.
    } else {
      pass_over(search, now);
      check(serial, search);
      if (now.at >= search.again_at) {
        for (const NodeId& node : search.awaited) say(search, node);
        search.again_at = now.at + limits::copy_repeat;
      }
      wake_at(search, std::min(search.again_at, now.at + limits::key_skip_after));
    }
  }
  look_at_taken(now);
}

/// What others hold by now is known. What nobody has confirmed for long is asked for once more before it starts.
void FinderRole::look_at_taken(Now now) {
  for (; !taken_.empty(); taken_.pop_front()) {
    const auto& [asked_at, id] = taken_.front();
    if (!executor_.is_copying(id)) continue;
    const TimePoint until = asked_at + limits::key_asked_for / 2;
    if (now.at < until) {
      next_at_ = std::min(next_at_, until);
      return;
    }
    executor_.doubt(id);
  }
}

void FinderRole::on_stall(Now now) {
  for (auto& [serial, search] : searches_) {
    if (search.stamp != 0 && !broken(23)) ask_all(serial, search, now);
  }
  for (const auto& [asked_at, id] : std::exchange(taken_, {})) {
    if (executor_.is_copying(id) && !broken(23)) executor_.doubt(id);
  }
}

void FinderRole::tell(Now now, Effects& out) {
  look_for_silent();
  for (const std::uint64_t serial : std::exchange(ready_, {})) {
    const auto found = searches_.find(serial);
    if (found == searches_.end() || (!found->second.owner && !found->second.awaited.empty())) continue;
    const Search search = std::move(found->second);
    by_subject_.erase(search.subject);
    by_stamp_.erase(search.stamp);
    searches_.erase(found);
    for (const TaskId& id : search.tasks) by_task_.erase(id);
    if (search.owner) ++counters_.found;
    if (!search.owner && !search.key.empty()) {
      for (const TaskId& id : search.tasks) taken_.emplace_back(search.asked_at, id);
      next_at_ = std::min(next_at_, search.asked_at + limits::key_asked_for / 2);
    }
    for (const TaskId& id : search.tasks) executor_.on_found(id, search.owner, now, out);
  }
}

void FinderRole::on_turn_end(Now /*now*/, Effects& out) {
  for (auto& [node, ask] : asks_) {
    const Peer* peer = membership_.by_node(node);
    // Else it is asked when it has greeted (again).
    if (peer != nullptr && peer->greeted) out.send.push_back({peer->link, std::move(ask)});
  }
  asks_.clear();
  for (Send& send : said_) out.send.push_back(std::move(send));
  said_.clear();
  while (!taken_.empty() && !executor_.is_copying(taken_.front().second)) taken_.pop_front();
  if (!searches_.empty() || !taken_.empty()) out.wake_by(next_at_);
}

}  // namespace taskmesh::core
