#include "taskmesh/core/tasks/giver_role.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/placement.hpp"
#include "taskmesh/core/tasks/said.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

GiverRole::GiverRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                     ExecutorRole& executor, Rules rules)
    : config_(config),
      counters_(counters),
      membership_(membership),
      executor_(executor),
      rules_(rules),
      order_(membership, config.self.host) {}

bool GiverRole::take_news() {
  return std::exchange(seen_members_, membership_.version()) != membership_.version();
}

bool GiverRole::anybody() {
  return std::any_of(config_.self.serves.begin(), config_.self.serves.end(),
                     [&](const std::string& name) { return static_cast<bool>(order_.taker({}, name, {})); });
}

/// Where tasks with that key go; else the first of the task's own order, who may hold a copy already.
NodeId GiverRole::choose(const TaskId& id, const Given& given) {
  if (given.only) {
    const Peer* peer = membership_.by_node(given.only);
    const bool there = peer != nullptr && peer->greeted && given.refused.empty();
    return there ? given.only : NodeId{};
  }
  if (given.key.empty()) return order_.taker(id, given.name, given.refused);
  NodeId best;
  membership_.for_each([&](const Peer& peer) {
    const NodeId node = peer.member.node;
    if (!peer.routable() || !peer.serves.contains(given.name)) return;
    if (!best || key_weight(node, given.key) > key_weight(best, given.key)) best = node;
  });
  return std::ranges::find(given.refused, best) == given.refused.end() ? best : NodeId{};
}

bool GiverRole::give(const TaskId& id, std::string_view name, std::string_view key, TimePoint due) {
  Given given{.due = due, .name = std::string(name), .key = std::string(key)};
  if (!choose(id, given)) return false;
  giving_.insert_or_assign(id, std::move(given));
  waiting_.push_back(id);
  return true;
}

void GiverRole::hand_on(const TaskId& id, std::string_view name, NodeId owner) {
  giving_.insert_or_assign(id, Given{.name = std::string(name), .only = owner});
  waiting_.push_back(id);
}

void GiverRole::lend(const TaskId& id, std::string_view name, NodeId thief) {
  giving_.insert_or_assign(id, Given{.name = std::string(name), .only = thief, .lent = true});
  waiting_.push_back(id);
}

void GiverRole::taken(const TaskId& id) {
  if (gone_.erase(id) > 0) tidy();
}

bool GiverRole::take_back(const TaskId& id) {
  const auto found = giving_.find(id);
  if (found == giving_.end()) return true;
  if (found->second.taker) return false;
  giving_.erase(found);
  return true;
}

void GiverRole::forget(const TaskId& id) {
  const auto found = giving_.find(id);
  if (found == giving_.end()) return;
  withdraw(found.value());
  giving_.erase(found);
}

NodeId GiverRole::taker_of(const TaskId& id) const {
  const auto found = gone_.find(id);
  return found == gone_.end() ? NodeId{} : found->second.taker;
}

NodeId GiverRole::taken_since(const TaskId& id, std::uint32_t epoch) const {
  const auto found = gone_.find(id);
  return found == gone_.end() || ordinal_of(found->second.epoch) < ordinal_of(epoch) ? NodeId{}
                                                                                     : found->second.taker;
}

// ---- Offers ----------------------------------------------------------------------------------------------

bool GiverRole::has_room() const {
  return offered_ == 0 || (offered_ < limits::gives_max && offered_bytes_ < limits::gives_bytes_max);
}

void GiverRole::offer(const TaskId& id, Given& given, Now now) {
  const Peer* peer = membership_.by_node(given.taker);
  if (peer == nullptr || !peer->greeted) return;  // It is said when that one has greeted again.
  Send& sent = said_.emplace_back();
  sent.link = peer->link;
  auto& repl = sent.message.emplace<proto::Repl>();
  repl.id = id;
  repl.owner = config_.self.node;
  repl.flags = proto::Repl::given_flag;
  executor_.fill_gift(repl, now);
  if (given.due > now.at) repl.submit.terms.edit().delay_ms = ms_of_span(given.due - now.at);
}

/// It is not offered to anybody any more.
void GiverRole::withdraw(Given& given) {
  if (!std::exchange(given.taker, {})) return;
  --offered_;
  offered_bytes_ -= std::exchange(given.bytes, 0);
}

/// To the next one; where there is none, back to the executor. `perhaps_taken`: by one that is gone.
void GiverRole::pass_on(const TaskId& id, bool perhaps_taken, Now now, Effects& out) {
  const auto found = giving_.find(id);
  withdraw(found.value());
  const bool more = found->second.refused.size() < limits::gives_refused_max;
  if (more && choose(id, found->second)) return waiting_.push_back(id);
  const TimePoint due = found->second.due;
  const bool handed_on = static_cast<bool>(found->second.only);
  const bool lent = found->second.lent;
  giving_.erase(found);
  if (lent) return executor_.take_back(id, perhaps_taken, now, out);
  handed_on ? executor_.find_again(id, now, out) : executor_.keep_here(id, due, now, out);
}

void GiverRole::given(const TaskId& id, NodeId to, Now now, Effects& out) {
  const auto offered = giving_.find(id);
  const bool lent = offered != giving_.end() && offered->second.lent;
  forget(id);
  gone_.insert_or_assign(id, Gone{to, executor_.epoch_of(id), ++last_gone_});
  gone_order_.emplace_back(last_gone_, id);
  for (; gone_order_.size() > limits::remembered_max; gone_order_.pop_front()) {
    if (is_current(gone_order_.front())) gone_.erase(gone_order_.front().second);
  }
  ++(lent ? counters_.stolen : counters_.given);
  const Peer* peer = executor_.is_unwanted(id) ? membership_.by_node(to) : nullptr;
  if (peer != nullptr && peer->greeted)
    said_.push_back({peer->link, proto::Cancel{.request = 1, .ids = {id}}});
  executor_.give_away(id, to, now, out);
}

// ---- Answers ---------------------------------------------------------------------------------------------

void GiverRole::on_moved(NodeId node, const proto::Moved& moved, Now now, Effects& out) {
  for (const TaskId& id : moved.ids) {
    const auto found = giving_.find(id);
    if (found == giving_.end() || found->second.taker != node) continue;
    taken_by(id, node, moved.owner, now, out);
  }
}

bool GiverRole::on_refused(NodeId node, const proto::ReplDup& dup, Now now, Effects& out) {
  const auto found = giving_.find(dup.id);
  if (found == giving_.end() || found->second.taker != node) return false;
  switch (dup.why) {
    case proto::Refused::full:
      return false;  // Of a copy.
    case proto::Refused::not_here:
      found.value().refused.push_back(node);
      pass_on(dup.id, false, now, out);
      return true;
    case proto::Refused::taken:
      taken_by(dup.id, node, dup.owner, now, out);
      return true;
    case proto::Refused::delivered:
      given(dup.id, node, now, out);
      return true;
  }
  return false;
}

/// `node` says so. Of one that is dead, or was never met, nobody would tell here later that it is dead, and this worker has
/// it no more: whoever takes it over is looked for.
void GiverRole::taken_by(const TaskId& id, NodeId node, NodeId owner, Now now, Effects& out) {
  const Peer* peer = membership_.by_node(owner);
  const bool met = peer != nullptr && peer->liveness != Liveness::joining;
  if (met && peer->liveness != Liveness::dead && peer->liveness != Liveness::left)
    return given(id, owner, now, out);
  giving_.find(id).value().refused.push_back(node);
  pass_on(id, true, now, out);
}

void GiverRole::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  if (change.what == PeerChange::What::cut) return;
  if (change.what != PeerChange::What::greeted) forget_taker(change.node);
  std::vector<TaskId> theirs;
  for (const auto& [id, given] : giving_) {
    if (given.taker == change.node) theirs.push_back(id);
  }
  for (const TaskId& id : theirs) {
    const auto found = giving_.find(id);
    if (found == giving_.end()) continue;
    if (change.what == PeerChange::What::greeted) {
      offer(id, found.value(), now);
    } else if (is_once(id)) {
      forget(id);
      executor_.lose_given(id, now);
    } else {
      found.value().refused.push_back(change.node);
      pass_on(id, true, now, out);
    }
  }
}

/// Nobody is sent after one that is gone: who holds a copy, or was given the task by that one, knows better.
void GiverRole::forget_taker(NodeId node) {
  for (auto gone = gone_.begin(); gone != gone_.end();) {
    gone = gone->second.taker == node ? gone_.erase(gone) : std::next(gone);
  }
  tidy();
}

bool GiverRole::is_current(const std::pair<std::uint64_t, TaskId>& entry) const {
  const auto found = gone_.find(entry.second);
  return found != gone_.end() && found->second.serial == entry.first;
}

/// What is forgotten takes no room for long. Not each time: one that comes back costs no look at all the others.
void GiverRole::tidy() {
  if (gone_order_.size() <= 2 * gone_.size()) return;
  std::erase_if(gone_order_, [this](const auto& entry) { return !is_current(entry); });
}

void GiverRole::on_tick(Now now, Effects& out) {
  for (; !repeat_.empty() && repeat_.front().at <= now.at; repeat_.pop_front()) {
    const TaskId id = repeat_.front().id;
    const auto found = giving_.find(id);
    if (found == giving_.end() || !found->second.taker) continue;
    if (found->second.lent && rules_.is_broken(9)) {
      withdraw(found.value());
      found.value().refused.push_back(found->second.only);
      pass_on(id, false, now, out);
      continue;
    }
    offer(id, found.value(), now);
    repeat_.push_back({now.at + limits::copy_repeat, id});
  }
}

void GiverRole::on_turn_end(Now now, Effects& out) {
  // What comes back meanwhile is for another turn.
  for (std::size_t left = waiting_.size(); left > 0 && has_room(); --left) {
    const TaskId id = waiting_.front();
    waiting_.pop_front();
    const auto found = giving_.find(id);
    if (found == giving_.end() || found->second.taker) continue;
    Given& given = found.value();
    const NodeId taker = choose(id, given);
    if (!taker) {
      pass_on(id, false, now, out);
      continue;
    }
    given.taker = taker;
    given.bytes = executor_.bytes_of(id);
    ++offered_;
    offered_bytes_ += given.bytes;
    offer(id, given, now);
    repeat_.push_back({now.at + limits::copy_repeat, id});
  }
  say_gathered(said_, membership_, out);
  if (!repeat_.empty()) out.wake_by(repeat_.front().at);
  if (!waiting_.empty() && has_room()) out.wake_by(now.at);
}

}  // namespace taskmesh::core
