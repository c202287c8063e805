#include "taskmesh/core/tasks/keeper_role.hpp"

#include <algorithm>
#include <iterator>
#include <string>
#include <tuple>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/owner_role.hpp"
#include "taskmesh/core/tasks/said.hpp"
#include "taskmesh/core/tasks/spans.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"

namespace taskmesh::core {

namespace {

/// Dead workers that are remembered by name; beyond, their tasks are taken over a little later.
constexpr std::size_t dead_max = 4'096;

/// What this worker could run itself. Owners are workers like this one, but nothing is believed unread.
bool is_sound(const proto::Repl& repl, const NodeConfig& config) {
  return replicas_of(repl.id) > 0 && repl.submit.id == repl.id && !check_submit(repl.submit, config) &&
         repl.past->deaths.size() <= limits::deaths_max;
}

/// Says them in records of at most claims_max.
template <class Claim, class Make>
void flush_claims(LinkId link, std::vector<Claim>& claims, Effects& out, const Make& make) {
  for (std::size_t from = 0; from < claims.size(); from += limits::claims_max) {
    const auto begin = claims.begin() + static_cast<std::ptrdiff_t>(from);
    const auto count = static_cast<std::ptrdiff_t>(std::min(claims.size() - from, limits::claims_max));
    out.send.push_back({link, make(std::vector<Claim>(begin, begin + count))});
  }
}

}  // namespace

KeeperRole::KeeperRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                       ExecutorRole& executor, OwnerRole& owner, Rules rules)
    : config_(config),
      counters_(counters),
      membership_(membership),
      executor_(executor),
      owner_(owner),
      rules_(rules) {}

// ---- Records ---------------------------------------------------------------------------------------------

KeeperRole::Held* KeeperRole::find(const TaskId& id) {
  return const_cast<Held*>(std::as_const(*this).find(id));
}

const KeeperRole::Held* KeeperRole::find(const TaskId& id) const {
  const auto id_at = [this](std::uint32_t slot) -> const TaskId& { return pool_[slot].id; };
  const std::uint32_t slot = index_.find(id, id_at);
  return slot == TaskIndex::none ? nullptr : &pool_[slot];
}

KeeperRole::Held& KeeperRole::make(const TaskId& id, Now now) {
  const std::uint32_t slot = pool_.take();
  index_.insert(id, slot);
  Held& held = pool_[slot];
  held.slot = slot;
  held.id = id;
  held.serial = next_serial_++;
  asks_.push_back({now.at + limits::copy_ask_every, slot, held.serial});
  return held;
}

void KeeperRole::free(Held& held) {
  bytes_ -= held.bytes;
  if (held.cancelled) {
    std::erase_if(cancel_asks_, [&](const CancelAsk& ask) { return ask.id == held.id; });  // They ask again.
  }
  index_.erase(held.id, held.slot);
  pool_.give_back(held.slot);
  held.clear();
}

void KeeperRole::Held::clear() {
  static_cast<HeldState&>(*this) = {};
  past.reset();
  holders.clear();
  release(submit);
  ended.reset();
  waiters = {};
}

void KeeperRole::weigh(Held& held) {
  bytes_ -= held.bytes;
  held.bytes =
      held_bytes(held.submit) + (held.ended ? held.ended->report.result.size() + held.ended->json.size() : 0);
  bytes_ += held.bytes;
}

void KeeperRole::bury(const TaskId& id, Now now) { tombs_.check(id, 0, false, {}, now.at); }

KeeperRole::Reply& KeeperRole::reply_to(LinkId link) {
  for (Reply& reply : replies_) {
    if (reply.link == link) return reply;
  }
  return replies_.emplace_back(Reply{.link = link});
}

/// Not known to be dead. Who was never met is given the time to greet.
bool KeeperRole::lives(NodeId node) const { return node == config_.self.node || !dead_.contains(node); }

// ---- Claims ----------------------------------------------------------------------------------------------

void KeeperRole::on_repl(LinkId link, NodeId node, proto::Repl&& repl, Now now, Effects& out) {
  if (repl.owner != node) return;
  if ((repl.flags & proto::Repl::given_flag) != 0) return on_gift(link, node, std::move(repl), now, out);
  Held* held = find(repl.id);
  if (leaving_ && held == nullptr) return refuse(link, repl, proto::Refused::full, {}, 0);
  if (!is_sound(repl, config_)) return refuse(link, repl, proto::Refused::full, {}, 0);
  if (refuse_claim(link, repl, held, now, out)) return;
  if (held == nullptr) held = &make(repl.id, now);
  reply_to(link).repl_ok.claims.push_back({repl.id, repl.epoch});
  // A new owner that has not heard of the end: it need not start.
  if (held->ended && ordinal_of(held->epoch) < ordinal_of(repl.epoch)) {
    held->epoch = repl.epoch;
    held->owner = node;
    return say_end(link, *held);
  }
  store(*held, std::move(repl), now);
}

void KeeperRole::refuse(LinkId link, const proto::Repl& repl, proto::Refused why, NodeId owner,
                        std::uint32_t epoch) {
  said_.push_back({link, proto::ReplDup{repl.id, repl.epoch, why, owner, epoch}});
}

/// True: it is refused, and that is said.
bool KeeperRole::refuse_claim(LinkId link, const proto::Repl& repl, const Held* held, Now now, Effects& out) {
  const NodeId self = config_.self.node;
  // An end that is kept here of what was not sent before, as its owner thinks, is of a task that this worker has run:
  // looking into the bits is cheaper than looking for an end that is nearly never there.
  const bool first =
      (repl.flags & proto::Repl::first_flag) != 0 && (repl.flags & proto::Repl::again_flag) == 0;
  const bool fresh = first && !executor_.seen().contains(repl.id);
  const bool over = buried(repl.id) || (!fresh && executor_.knows_end(repl.id));
  if (over && !owner_.owns(repl.id)) return refuse(link, repl, proto::Refused::delivered, self, 0), true;
  if (const auto mine = owner_.claimed(repl.id)) {
    const auto theirs = std::tuple(ordinal_of(repl.epoch), (repl.flags & proto::Repl::started_flag) != 0,
                                   (repl.flags & proto::Repl::stored_flag) != 0, repl.owner);
    if (!broken(3) && theirs <= std::tuple(ordinal_of(mine->epoch), mine->started, mine->stored, self)) {
      return refuse(link, repl, proto::Refused::taken, self, mine->epoch), true;
    }
    owner_.yield(repl.id, repl.owner, now, out);
    return false;
  }
  if (held == nullptr) {
    if ((repl.flags & proto::Repl::given_flag) != 0) return false;
    if (const NodeId taker = executor_.given_to(repl.id, repl.epoch))
      return refuse(link, repl, proto::Refused::taken, taker, repl.epoch + 1), true;
    const bool room = index_.size() < limits::copies_max && bytes_ < limits::copies_bytes_max &&
                      !executor_.short_of_memory();
    return room ? false : (refuse(link, repl, proto::Refused::full, {}, 0), true);
  }
  const auto known = ordinal_of(held->epoch);
  if (held->owner == repl.owner) return ordinal_of(repl.epoch) < known;  // A record that was overtaken.
  if (ordinal_of(repl.epoch) > known || broken(4)) return false;
  NodeId heir = held->owner;
  for (const NodeId& holder : held->holders) {
    if (!lives(heir)) heir = holder;
  }
  return refuse(link, repl, proto::Refused::taken, heir, held->epoch), true;
}

void KeeperRole::store(Held& held, proto::Repl&& repl, Now now) {
  held.owner = repl.owner;
  held.epoch = repl.epoch;
  held.attempt = repl.attempt;
  held.started = (repl.flags & proto::Repl::started_flag) != 0;
  held.begun = (repl.flags & proto::Repl::begun_flag) != 0;
  held.past = std::move(repl.past);
  held.joins = (repl.flags & proto::Repl::joins_flag) != 0;
  held.holders = std::move(repl.holders);
  held.unknown_since = {};
  if (held.ended) return;
  held.submit = std::move(repl.submit);
  held.at = now.at;
  weigh(held);
  const bool keyed = held.submit.terms.has_value() && !held.submit.terms->key.empty();
  if (keyed && !held.joins) executor_.note_first(held.submit.name, held.submit.terms->key, held.id, now);
}

// ---- Ends ------------------------------------------------------------------------------------------------

EndedPtr KeeperRole::end_of(proto::Done&& done) {
  auto ended = make_recycled<Ended>();
  ended->report = std::move(done.report.edit());
  ended->report.id = done.id;
  ended->json = Bytes::copy_of(done.json);
  ended->callback_address = std::move(done.callback_address);
  ended->callback_data = std::move(done.callback_data);
  if (!ended->callback_address.empty()) {
    set_callback_terms(*ended, CallbackTerms{.ttl_ms = done.callback_ttl_ms,
                                             .attempts = done.callback_attempts,
                                             .trace = checked_trace(*done.trace)});
  }
  if (!done.key.empty()) ended->key = std::move(done.key);
  return ended;
}

void KeeperRole::say_end(LinkId link, const Held& held) {
  proto::Done done{.id = held.id, .owner = config_.self.node, .epoch = held.epoch};
  done.report = {held.ended, held.ended->report};
  done.json = held.ended->json.view();
  done.key = *held.ended->key;
  said_.push_back({link, std::move(done)});
}

void KeeperRole::on_done(LinkId link, NodeId node, proto::Done&& done, Now now, Effects& out) {
  if (done.owner != node || !is_terminal(done.report->state) || replicas_of(done.id) == 0) return;
  const proto::Claim claim{done.id, done.epoch};
  Reply& reply = reply_to(link);
  auto mine = owner_.claimed(done.id);
  if (mine && !mine->ended && ordinal_of(done.epoch) > ordinal_of(mine->epoch)) {  // The greater one (R3).
    owner_.yield(done.id, node, now, out);
    mine.reset();
  }
  Held* held = find(done.id);
  const bool success = done.report->state == TaskState::success;
  if (mine) {
    // Of a holder of mine, or of who owned it before: its success counts, its failure does not (R15).
    if (ordinal_of(done.epoch) == ordinal_of(mine->epoch) || success || broken(15))
      executor_.end_as_told(*end_of(std::move(done)), now, out);
    return reply.done_ok.taken.push_back(claim);
  }
  const bool former = held != nullptr && ordinal_of(done.epoch) < ordinal_of(held->epoch);
  if (former && !success && !broken(15)) return reply.done_ok.taken.push_back(claim);
  reply.done_ok.claims.push_back(claim);
  std::vector<NodeId> others;
  if (!done.key.empty()) {
    others.assign(done.holders.begin(), done.holders.end());
    others.push_back(node);
  }
  const bool kept = !done.key.empty() && executor_.keeps_end(done.id, now);
  if (held == nullptr && (kept || buried(done.id))) {
    if (kept) executor_.note_kept(*end_of(std::move(done)), std::move(others));  // Others keep it too by now.
    return;
  }
  const Duration ttl = span_of_ms(done.result_ttl_ms);
  const bool unowed = (done.flags & proto::Done::unowed_flag) != 0;
  if (held == nullptr && !unowed) held = &make(done.id, now);
  if (held != nullptr && ordinal_of(done.epoch) >= ordinal_of(held->epoch)) {
    held->owner = node;
    held->epoch = done.epoch;
    held->holders = std::move(done.holders);
  }
  const EndedPtr ended = end_of(std::move(done));
  if (ended->key.has_value()) executor_.note_first(ended->report.name, *ended->key, claim.id, now);
  executor_.tell_given(ended, now, out);
  if (held != nullptr && !held->ended) {  // The first end stands.
    held->ended = ended;
    held->ttl = ttl;
    free_key(*held);
    release(held->submit);
    weigh(*held);
    executor_.tell_links(std::exchange(held->waiters, {}), ended, now);
    if (!cancel_asks_.empty()) answer_cancels(claim.id, ended->report);
  }
  if (!unowed) return;
  keep_end(ended, ttl, std::move(others), now);
  bury(claim.id, now);
  if (held != nullptr) free(*held);
}

/// A first task with a key that was never started has done nothing: the key is free again.
void KeeperRole::free_key(const Held& held) {
  const auto& terms = held.submit.terms;
  if (held.ended->key.has_value() || held.joins || !terms.has_value() || terms->key.empty()) return;
  executor_.forget_key(held.submit.name, terms->key, held.id);
}

/// Who has it besides this worker.
std::vector<NodeId> KeeperRole::others_of(const Held& held) {
  if (!held.ended->key.has_value()) return {};  // Nobody will ask.
  std::vector<NodeId> others(held.holders.begin(), held.holders.end());
  others.push_back(held.owner);
  return others;
}

void KeeperRole::on_release(LinkId link, const proto::Release& release, Now now) {
  let_go(link, release.claims, false, now);
  let_go(link, release.kept, true, now);
}

void KeeperRole::let_go(LinkId link, const std::vector<proto::Claim>& claims, bool keep, Now now) {
  for (const proto::Claim& claim : claims) {
    reply_to(link).release_ok.claims.push_back(claim);
    if (owner_.owns(claim.id)) continue;
    Held* held = find(claim.id);
    if (held != nullptr && ordinal_of(claim.epoch) < ordinal_of(held->epoch) && !broken(15))
      continue;  // Of an owner of former times.
    bury(claim.id, now);
    if (held == nullptr) continue;
    if (keep && held->ended) keep_end(held->ended, held->ttl, others_of(*held), now);
    free(*held);
  }
}

/// Readable here from now on.
void KeeperRole::keep_end(const EndedPtr& ended, Duration ttl, std::vector<NodeId> others, Now now) {
  executor_.keep(ended, ttl, now);
  executor_.note_kept(*ended, std::move(others));
}

// ---- Questions -------------------------------------------------------------------------------------------

void KeeperRole::ask(const Held& held, NodeId node) {
  questions_[node].claims.push_back({held.id, held.epoch});
}

/// The owner; where that is dead, whoever is to take the task over: it may never have got its copy.
void KeeperRole::ask_owner(Held& held, Now now, Effects& out) {
  const NodeId whom = lives(held.owner) ? held.owner : heir_of(held);
  if (whom == config_.self.node) return take_over(held, now, out);
  const Peer* peer = membership_.by_node(whom);
  if (peer != nullptr && peer->greeted) {
    held.unknown_since = {};
    return ask(held, whom);
  }
  if (held.unknown_since == TimePoint{}) held.unknown_since = now.at;
  // Never met, or forgotten: nobody will tell of its death.
  const bool nobody = peer == nullptr || peer->liveness == Liveness::joining;
  if (!nobody || now.at - held.unknown_since < limits::dead_after) return;
  dead_.insert(whom);
  held.unknown_since = {};
}

void KeeperRole::on_status_q(LinkId link, NodeId node, const proto::StatusQ& ask, Now now) {
  const Peer* peer = membership_.by_node(node);
  const bool leaves = peer != nullptr && peer->liveness == Liveness::draining;
  for (const proto::Claim& claim : ask.claims) {
    if (leaves) owner_.replace(node, claim.id, now);
    auto what = owner_.verdict(node, claim, leaves);
    const Held* held = what ? nullptr : find(claim.id);
    if (held != nullptr) {
      said_.push_back({link, proto::Moved{held->owner, {claim.id}}});
      what = proto::CopyVerdict::yours;
    } else if (const NodeId taker = what ? NodeId{} : executor_.given_to(claim.id, claim.epoch)) {
      said_.push_back({link, proto::Moved{taker, {claim.id}}});
      what = proto::CopyVerdict::yours;
    } else if (!what) {
      const bool over = buried(claim.id) || executor_.knows_end(claim.id);
      what = over ? proto::CopyVerdict::delivered : proto::CopyVerdict::unknown;
    }
    reply_to(link).status.answers.push_back({claim.id, claim.epoch, *what});
  }
}

void KeeperRole::on_status_a(NodeId node, const proto::StatusA& status, Now now, Effects& out) {
  for (const proto::CopyAnswer& answer : status.answers) {
    Held* held = find(answer.id);
    if (held == nullptr || held->epoch != answer.epoch) continue;
    if (held->owner != node && heir_of(*held) != node) continue;
    switch (answer.what) {
      case proto::CopyVerdict::yours:
        break;
      case proto::CopyVerdict::delivered:
        if (held->ended) keep_end(held->ended, held->ttl, others_of(*held), now);
        bury(answer.id, now);
        free(*held);
        break;
      case proto::CopyVerdict::needless:
        free(*held);
        break;
      case proto::CopyVerdict::unknown:
        if (held->owner == node && heir_of(*held) != config_.self.node) {
          ask(*held, heir_of(*held));
        } else {
          take_over(*held, now, out);
        }
        break;
    }
  }
}

void KeeperRole::on_moved(NodeId node, const proto::Moved& moved) {
  for (const TaskId& id : moved.ids) {
    Held* held = find(id);
    if (held == nullptr || held->owner != node || moved.owner == config_.self.node) continue;
    if (!lives(moved.owner)) continue;  // Said before its death was known there.
    held->owner = moved.owner;          // Not dropped on hearsay (R10): that one is asked.
    asks_now_.push_back(id);
    if (broken(10)) free(*held);
  }
}

// ---- Taking over -----------------------------------------------------------------------------------------

/// Of several holders the first that lives takes over. Not named here: it is better to run twice than not at all.
NodeId KeeperRole::heir_of(const Held& held) const {
  for (const NodeId& holder : held.holders) {
    if (holder == config_.self.node || (holder != held.owner && lives(holder))) return holder;
  }
  return config_.self.node;
}

/// It may be what killed its owner. Of what has a past it is known whether it ran there.
void KeeperRole::count_death(const Held& held, Adoption& adoption, Now now) const {
  adoption.past = held.past;
  const bool died = dead_.contains(held.owner) && !left_.contains(held.owner);
  if (!died || held.ended || (held.past.has_value() && !held.begun)) return;
  auto& deaths = adoption.past.edit().deaths;
  adoption.condemned = deaths.size() >= limits::deaths_max;
  const Peer* peer = membership_.by_node(held.owner);
  deaths.push_back({held.owner, now.wall, peer == nullptr ? to_string(held.owner) : peer->member.name});
}

NodeId KeeperRole::owner_of(const TaskId& id) const {
  const Held* held = find(id);
  if (held == nullptr) return {};
  return lives(held->owner) ? held->owner : heir_of(*held);
}

void KeeperRole::take_over(Held& held, Now now, Effects& out) {
  if (broken(17)) return;
  ++counters_.taken_over;
  Adoption adoption{.attempt = held.attempt, .ttl = held.ttl};
  adoption.epoch = owner_.epoch_after(held.epoch, LineOf::taken_over);
  for (const NodeId& holder : held.holders) {
    if (holder != config_.self.node && holder != held.owner && lives(holder))
      adoption.others.push_back(holder);
  }
  count_death(held, adoption, now);
  adoption.submit = std::move(held.submit);
  adoption.since = held.at;
  adoption.ended = std::move(held.ended);
  adoption.waiters = std::move(held.waiters);
  adoption.cancelled = held.cancelled;
  adoption.joins = held.joins;
  adoption.may_have_run = true;  // Nobody has said that it starts.
  const TaskId id = held.id;
  std::vector<CancelAsk> asks;
  std::ranges::copy_if(cancel_asks_, std::back_inserter(asks), [&](const auto& ask) { return ask.id == id; });
  free(held);
  executor_.adopt(id, std::move(adoption), now, out);
  for (const CancelAsk& ask : asks) executor_.on_cancel(ask.link, {ask.request, {id}}, now, out);
}

/// What the dead one owned; and what an earlier dead one owned, where it was to take that over.
void KeeperRole::on_peer_change(const PeerChange& change, Now now, Effects& out) {
  if (change.what == PeerChange::What::cut) return;
  if (change.what == PeerChange::What::greeted) {
    dead_.erase(change.node);
    left_.erase(change.node);
    return;
  }
  if (dead_.size() >= dead_max) {
    dead_.clear();
    left_.clear();
  }
  if (change.what == PeerChange::What::left) left_.insert(change.node);
  dead_.insert(change.node);
  const std::uint64_t before = counters_.taken_over;
  for (const bool joins : {false, true}) {  // The first with a key before those that have joined it.
    for (std::uint32_t slot = 0; slot < pool_.size(); ++slot) {
      Held& held = pool_[slot];
      if (held.serial != 0 && held.joins == joins && !lives(held.owner)) ask_owner(held, now, out);
    }
  }
  const std::uint64_t count = counters_.taken_over - before;
  if (count == 0) return;
  const Peer* peer = membership_.by_node(change.node);
  out.notify.emplace_back(
      Noted{true, std::to_string(count) + (count == 1 ? " task" : " tasks") + " of worker '" +
                      (peer == nullptr ? to_string(change.node) : peer->member.name) + "' taken over"});
}

// ---- Cancelling ------------------------------------------------------------------------------------------

bool KeeperRole::cancel(const TaskId& id, LinkId link, std::uint64_t request) {
  Held* held = find(id);
  if (held == nullptr || held->ended) return false;
  held->cancelled = true;
  const bool known = std::ranges::any_of(cancel_asks_, [&](const CancelAsk& ask) {
    return ask.id == id && ask.link == link && ask.request == request;
  });
  if (!known && cancel_asks_.size() >= limits::cancel_asks_max) return false;
  if (!known) cancel_asks_.push_back({id, link, request});
  const Peer* peer = membership_.by_node(held->owner);
  // Where it cannot be asked it comes back, or its task is taken over; and who cancels says it again.
  if (peer != nullptr && peer->greeted) said_.push_back({peer->link, proto::Cancel{1, {id}}});
  return true;
}

void KeeperRole::on_cancel(LinkId link, NodeId node, proto::Cancel&& cancel, Now now, Effects& out) {
  if (cancel.request != 0) return executor_.on_cancel_of_keeper(link, cancel, now, out);
  for (const TaskId& id : cancel.ids) {
    Held* held = find(id);
    if (held != nullptr && held->owner == node) held->cancelled = true;
  }
}

void KeeperRole::on_status(NodeId node, const proto::Status& status) {
  const Held* held = find(status.report.id);
  if (held == nullptr || held->owner != node || status.report.state == TaskState::unknown) return;
  answer_cancels(status.report.id, status.report);
}

void KeeperRole::answer_cancels(const TaskId& id, const proto::TaskReport& report) {
  std::erase_if(cancel_asks_, [&](const CancelAsk& ask) {
    if (ask.id != id) return false;
    proto::TaskReport copy = report;
    copy.result = {};
    copy.codec = Codec::none;
    said_.push_back({ask.link, proto::Status{ask.request, std::move(copy)}});
    return true;
  });
}

void KeeperRole::on_link_down(LinkId link) {
  std::erase_if(cancel_asks_, [&](const CancelAsk& ask) { return ask.link == link; });
}

// ---- What the executor asks ------------------------------------------------------------------------------

void KeeperRole::add_waiter(const TaskId& id, Waiter waiter) {
  Held* held = find(id);
  if (held == nullptr) return;
  held->waiters.erase_if([&](const Waiter& known) { return known.link == waiter.link; });
  if (held->waiters.size() < limits::waiters_max) held->waiters.push_back(waiter);
}

std::optional<std::uint32_t> KeeperRole::epoch_of(const TaskId& id) const {
  const Held* held = find(id);
  return held == nullptr ? std::nullopt : std::optional(held->epoch);
}

std::optional<proto::TaskReport> KeeperRole::about(const TaskId& id, Codec codec, Now now) const {
  const Held* copy = find(id);
  if (copy == nullptr) return std::nullopt;
  const Held& held = *copy;
  if (held.ended) return report_for(*held.ended, codec);
  proto::TaskReport report{.id = id};
  const Duration delay =
      held.submit.terms.has_value() ? span_of_ms(held.submit.terms->delay_ms) : Duration::zero();
  const bool is_due = held.attempt > 0 || held.at + delay <= now.at;
  report.state = held.started ? TaskState::running : is_due ? TaskState::queued : TaskState::scheduled;
  report.attempt = held.attempt;
  if (held.cancelled) report.flags |= proto::TaskReport::stopping_flag;
  report.worker = held.owner;
  if (const Peer* peer = membership_.by_node(held.owner)) report.worker_name = peer->member.name;
  report.name = held.submit.name;
  report.callback = held.submit.callback_address.empty() ? CallbackState::none : CallbackState::pending;
  return report;
}

// ---- Time ------------------------------------------------------------------------------------------------

void KeeperRole::on_tick(Now now, Effects& out) {
  ask_all(now, out);
  for (; !asks_.empty() && asks_.front().at <= now.at; asks_.pop_front()) {
    const Timer timer = asks_.front();
    Held& held = pool_[timer.slot];
    if (held.serial != timer.serial) continue;
    asks_.push_back({now.at + limits::copy_ask_every, timer.slot, timer.serial});
    if (!broken(7)) ask_owner(held, now, out);
  }
}

void KeeperRole::on_turn_end(Now now, Effects& out) {
  for (const TaskId& id : std::exchange(asks_now_, {})) {
    if (Held* held = find(id)) ask_owner(*held, now, out);
  }
  for (Reply& reply : replies_) {
    flush_claims(reply.link, reply.repl_ok.claims, out,
                 [](auto&& part) { return proto::ReplOk{std::move(part)}; });
    flush_claims(reply.link, reply.done_ok.claims, out, [](auto&& part) {
      return proto::DoneOk{std::move(part), {}};
    });
    flush_claims(reply.link, reply.done_ok.taken, out, [](auto&& part) {
      return proto::DoneOk{{}, std::move(part)};
    });
    flush_claims(reply.link, reply.release_ok.claims, out,
                 [](auto&& part) { return proto::ReleaseOk{std::move(part)}; });
    flush_claims(reply.link, reply.status.answers, out,
                 [](auto&& part) { return proto::StatusA{std::move(part)}; });
  }
  replies_.clear();
  for (auto& [node, question] : questions_) {
    const Peer* peer = membership_.by_node(node);
    if (peer == nullptr || !peer->greeted) continue;
    flush_claims(peer->link, question.claims, out,
                 [](auto&& part) { return proto::StatusQ{std::move(part)}; });
  }
  questions_.clear();
  confirm_gifts(out);
  say_gathered(said_, membership_, out);
  if (!asks_.empty()) out.wake_by(asks_.front().at);
  if (leaving_ && index_.size() > 0) out.wake_by(ask_all_at_);
}

}  // namespace taskmesh::core
