#include "taskmesh/core/tasks/owner_role.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/tasks/executor_role.hpp"
#include "taskmesh/core/tasks/said.hpp"
#include "taskmesh/core/tasks/spans.hpp"

namespace taskmesh::core {

namespace {

constexpr std::uint64_t line_seed_mark = 0x4c49'4e45'53ULL;

void add_claim(std::vector<proto::Claim>& claims, const TaskId& id, std::uint32_t epoch) {
  claims.push_back({id, epoch});
}

/// An end that every living holder must know before anybody else does (R13): another one of them would say otherwise.
bool needs_all(const Ended& ended) {
  return ended.report.state == TaskState::cancelled || ended.report.state == TaskState::lost ||
         is_once(ended.report.id);
}

}  // namespace

OwnerRole::OwnerRole(const NodeConfig& config, NodeCounters& counters, const Membership& membership,
                     ExecutorRole& executor, Rules rules)
    : config_(config),
      counters_(counters),
      membership_(membership),
      executor_(executor),
      rules_(rules),
      random_(config.seed ^ line_seed_mark),
      order_(membership, config.self.host) {}

// ---- Records ---------------------------------------------------------------------------------------------

OwnerRole::Owned* OwnerRole::find(const TaskId& id) {
  return const_cast<Owned*>(std::as_const(*this).find(id));
}

const OwnerRole::Owned* OwnerRole::find(const TaskId& id) const {
  const auto id_at = [this](std::uint32_t slot) -> const TaskId& { return pool_[slot].id; };
  const std::uint32_t slot = index_.find(id, id_at);
  return slot == TaskIndex::none ? nullptr : &pool_[slot];
}

OwnerRole::Owned& OwnerRole::make(const TaskId& id, std::uint32_t epoch) {
  if (Owned* former = find(id)) free(*former);  // Told and not confirmed by all; and forgotten otherwise.
  const std::uint32_t slot = pool_.take();
  index_.insert(id, slot);
  Owned& owned = pool_[slot];
  owned.id = id;
  owned.slot = slot;
  owned.serial = next_serial_++;
  owned.epoch = epoch;
  owned.wanted = static_cast<std::uint8_t>(replicas_of(id));
  return owned;
}

void OwnerRole::free(Owned& owned) {
  if (owned.under) --counters_.under_replicated;
  if (owned.mending) --mending_;
  index_.erase(owned.id, owned.slot);
  pool_.give_back(owned.slot);
  owned = Owned{};
}

/// All is said and answered.
void OwnerRole::finish(Owned& owned) {
  if (owned.ended && owned.ended->key.has_value()) executor_.note_kept(*owned.ended, holder_nodes(owned));
  free(owned);
}

OwnerRole::Holder* OwnerRole::holder_of(Owned& owned, NodeId node) {
  for (std::size_t i = 0; i < owned.count; ++i) {
    if (owned.holders[i].node == node) return &owned.holders[i];
  }
  return nullptr;
}

OwnerRole::Match OwnerRole::claim_of(NodeId node, const proto::Claim& claim) {
  Owned* owned = find(claim.id);
  if (owned == nullptr || owned->epoch != claim.epoch) return {};
  return {owned, holder_of(*owned, node)};
}

/// An answer to a REPL, and not to one from before this process stood still: since then somebody may have taken over.
/// Each REPL is answered once, in their order.
bool OwnerRole::counts(Holder& holder) {
  if (holder.asked > 0) --holder.asked;
  if (holder.stale == 0) return true;
  --holder.stale;
  return false;
}

void OwnerRole::forget_holder(Owned& owned, NodeId node) {
  Holder* holder = holder_of(owned, node);
  if (holder == nullptr) return;
  Holder* const end = owned.holders.data() + owned.count;
  std::move(holder + 1, end, holder);
  owned.holders[--owned.count] = Holder{};
}

/// Fewer confirmed copies than were asked for, of what is accepted and not over.
void OwnerRole::recount(Owned& owned) {
  const auto stored = std::count_if(owned.holders.begin(), owned.holders.begin() + owned.count,
                                    [](const Holder& holder) { return holder.stored; });
  const bool lacks = owned.stage != Stage::releasing && stored < owned.wanted;
  const bool under = lacks && owned.stage != Stage::copying;
  if (under != owned.under) under ? ++counters_.under_replicated : --counters_.under_replicated;
  owned.under = under;
  // Not what is new, nor what is claimed anew: others hold that.
  const bool fresh = owned.stage == Stage::copying && (ordinal_of(owned.epoch) == 1 || owned.stored);
  const bool mending = lacks && stored < owned.count && !fresh;
  if (mending != owned.mending) mending ? ++mending_ : --mending_;
  owned.mending = mending;
}

bool OwnerRole::awaits_copies(const proto::Past& past) const {
  return mending_ > 0 || std::ranges::any_of(past.deaths, [&](const proto::Death& death) {
           const Peer* peer = membership_.by_node(death.worker);
           return peer != nullptr && peer->liveness != Liveness::dead && peer->liveness != Liveness::left;
         });
}

LinkId OwnerRole::link_of(NodeId node) const {
  const Peer* peer = membership_.by_node(node);
  return peer != nullptr && peer->greeted ? peer->link : LinkId{};
}

std::string_view OwnerRole::name_of(const Owned& owned) const {
  return owned.ended ? std::string_view{owned.ended->report.name} : executor_.name_of(owned.id);
}

// ---- Asking for copies -----------------------------------------------------------------------------------

bool OwnerRole::begin(const TaskId& id, std::uint32_t epoch, std::string_view name, Now now) {
  Owned& owned = make(id, epoch);
  fill_up(owned, name, now, true);
  const bool asked = owned.count > 0 && !broken(1);
  if (!asked) owned.stage = Stage::open;
  recount(owned);
  return asked;
}

/// One more holder. False: there is nobody left to ask.
bool OwnerRole::ask_next(Owned& owned, std::string_view name, Now now, bool first) {
  if (owned.count == holders_max) return false;
  std::array<NodeId, holders_max + full_max> without;
  std::size_t known = 0;
  for (std::size_t i = 0; i < owned.count; ++i) without[known++] = owned.holders[i].node;
  for (std::size_t i = 0; i < owned.full; ++i) without[known++] = owned.full_nodes[i];
  const NodeId node = order_.first(owned.id, name, std::span(without).first(known));
  if (!node) return false;
  Holder& holder = owned.holders[owned.count++];
  holder = Holder{.node = node};
  if (owned.ended) {
    say_done(owned, holder);
  } else {
    say_repl(owned, holder, first, now);
  }
  if (!owned.again && owned.stage == Stage::copying) {
    slow_.push_back({now.at + limits::copy_elsewhere_after, owned.serial, owned.slot});
  }
  arm(owned, now);
  return true;
}

/// What is being said is said again unless it is answered. A timer of an earlier phase means nothing any more.
void OwnerRole::arm(const Owned& owned, Now now) {
  repeat_.push_back({now.at + limits::copy_repeat, owned.serial, owned.slot, phase_of(owned)});
}

OwnerRole::Phase OwnerRole::phase_of(const Owned& owned) {
  if (owned.stage == Stage::releasing && !owned.unowed) return Phase::releasing;
  return owned.ended ? Phase::ended : Phase::open;
}

void OwnerRole::fill_up(Owned& owned, std::string_view name, Now now, bool first) {
  while (owned.count < owned.wanted && ask_next(owned, name, now, first)) {
  }
}

void OwnerRole::repair(Owned& owned, Now now) {
  if (broken(6) || owned.stage == Stage::releasing) return;
  const std::size_t before = owned.count;
  fill_up(owned, name_of(owned), now, false);
  if (owned.count > before) counters_.repaired += owned.count - before;
  recount(owned);
}

/// Nobody says so when a silent worker is heard again, or a place comes free; so it is looked for.
void OwnerRole::repair_all(Now now) {
  if (counters_.under_replicated == 0 || membership_.alive() == 0 || now.at < repair_at_) return;
  repair_at_ = now.at + limits::copy_repeat;
  for (std::uint32_t slot = 0; slot < pool_.size(); ++slot) {
    Owned& owned = pool_[slot];
    const bool short_of = owned.serial != 0 && owned.count < owned.wanted && owned.full < full_max;
    if (short_of && owned.stage != Stage::copying) repair(owned, now);
  }
}

void OwnerRole::say_repl(Owned& owned, Holder& holder, bool first, Now now) {
  const LinkId link = link_of(holder.node);
  if (!link) return;
  if (holder.asked < UINT8_MAX) ++holder.asked;
  Send& sent = said_.emplace_back();
  sent.link = link;
  auto& repl = sent.message.emplace<proto::Repl>();
  repl.id = owned.id;
  repl.owner = config_.self.node;
  repl.epoch = owned.epoch;
  repl.flags = static_cast<std::uint8_t>((first ? proto::Repl::first_flag : 0) |
                                         (owned.again ? proto::Repl::again_flag : 0) |
                                         (owned.stored ? proto::Repl::stored_flag : 0));
  for (std::size_t i = 0; i < owned.count; ++i) repl.holders.push_back(owned.holders[i].node);
  executor_.fill_copy(repl, now);
}

void OwnerRole::say_done(const Owned& owned, const Holder& holder) {
  const LinkId link = link_of(holder.node);
  if (!link) return;
  Send& sent = said_.emplace_back();
  sent.link = link;
  auto& done = sent.message.emplace<proto::Done>();
  done.id = owned.id;
  done.owner = config_.self.node;
  done.epoch = owned.epoch;
  done.flags = owned.unowed ? proto::Done::unowed_flag : 0;
  done.result_ttl_ms = ms_of_span(owned.ttl);
  done.callback_ttl_ms = owned.ended->callback->ttl_ms;
  done.callback_attempts = owned.ended->callback->attempts;
  for (std::size_t i = 0; i < owned.count; ++i) done.holders.push_back(owned.holders[i].node);
  done.callback_address = owned.ended->callback_address;
  done.callback_data = owned.ended->callback_data;
  if (const proto::Trace& trace = owned.ended->callback->trace; !trace.parent.empty()) done.trace = trace;
  done.json = owned.ended->json.view();
  done.key = *owned.ended->key;
  done.report = {owned.ended, owned.ended->report};
}

/// Gathered: one RELEASE for each peer and turn. Who was called back will ask for the result, whoever else has got it.
void OwnerRole::say_release(const Owned& owned, const Holder& holder) {
  proto::Release& release = releases_[holder.node];
  const bool wanted = !owned.got || !owned.ended->callback_address.empty() || owned.ended->key.has_value();
  add_claim(wanted ? release.kept : release.claims, owned.id, owned.epoch);
}

// ---- Answers ---------------------------------------------------------------------------------------------

void OwnerRole::on_repl_ok(NodeId node, const proto::ReplOk& ok, Now now) {
  for (const proto::Claim& claim : ok.claims) {
    const auto [found, holder] = claim_of(node, claim);
    if (holder == nullptr || !counts(*holder)) continue;
    Owned& owned = *found;
    holder->stored = owned.stored = true;
    recount(owned);
    check_copied(owned, now);
  }
}

/// Enough copies, or all that there can be.
void OwnerRole::check_copied(Owned& owned, Now now) {
  if (owned.stage != Stage::copying) return;
  std::size_t stored = 0;
  for (std::size_t i = 0; i < owned.count; ++i) stored += owned.holders[i].stored ? 1U : 0U;
  // Who was asked anew may own it by now: then every answer counts, also of more than were wanted.
  const std::size_t needed = owned.again ? owned.count : std::min(owned.wanted, owned.count);
  if (stored < needed) return;
  owned.stage = Stage::open;
  owned.again = false;
  recount(owned);
  executor_.on_copied(owned.id, now);
}

void OwnerRole::on_repl_dup(NodeId node, const proto::ReplDup& dup, Now now, Effects& out) {
  const auto [found, holder] = claim_of(node, {dup.id, dup.epoch});
  if (holder == nullptr) return;
  Owned& owned = *found;
  if (owned.ended) return;  // DONE is under way to it, and decides.
  forget_holder(owned, node);
  if (dup.why == proto::Refused::full) {
    if (owned.full < full_max) owned.full_nodes[owned.full++] = node;
    if (owned.full < full_max) ask_next(owned, name_of(owned), now, false);
    recount(owned);
    return check_copied(owned, now);
  }
  ++counters_.refused_claims;
  if (owned.stage == Stage::open && executor_.is_started(dup.id)) return recount(owned);  // Its end decides.
  yield(dup.id, dup.why == proto::Refused::delivered ? node : dup.owner, now, out);
}

void OwnerRole::yield(const TaskId& id, NodeId winner, Now now, Effects& out) {
  Owned* owned = find(id);
  if (owned == nullptr) return;
  for (std::size_t i = 0; i < owned->count; ++i) {
    const LinkId link = link_of(owned->holders[i].node);
    if (link && owned->holders[i].node != winner) said_.push_back({link, proto::Moved{winner, {id}}});
  }
  free(*owned);
  executor_.yield(id, winner, now, out);
}

void OwnerRole::on_done_ok(NodeId node, const proto::DoneOk& ok, Now now, Effects& out) {
  for (const proto::Claim& claim : ok.claims) {
    const auto [found, holder] = claim_of(node, claim);
    if (holder == nullptr) continue;
    Owned& owned = *found;
    holder->stored = holder->ended = true;
    holder->released = holder->released || owned.unowed;
    recount(owned);
    check_recorded(owned, now);
  }
  for (const proto::Claim& claim : ok.taken) {
    if (claim_of(node, claim).holder != nullptr) yield(claim.id, node, now, out);
  }
}

void OwnerRole::check_recorded(Owned& owned, Now now) {
  if (owned.stage == Stage::ending) {
    std::size_t recorded = 0;
    for (std::size_t i = 0; i < owned.count; ++i) recorded += owned.holders[i].ended ? 1U : 0U;
    const std::size_t needed =
        needs_all(*owned.ended) && !broken(13) ? owned.count : std::min<std::size_t>(owned.count, 1);
    if (recorded < needed) return;
    owned.stage = Stage::owed;
    return executor_.on_end_copied(owned.id, now);  // Says how many are owed: owe().
  }
  if (owned.stage == Stage::releasing && !outstanding(owned)) return finish(owned);
  check_settled(owned, now);
}

void OwnerRole::on_release_ok(NodeId node, const proto::ReleaseOk& ok) {
  for (const proto::Claim& claim : ok.claims) {
    const auto [found, holder] = claim_of(node, claim);
    if (holder == nullptr) continue;
    Owned& owned = *found;
    if (owned.stage != Stage::releasing) continue;
    holder->released = true;
    if (!outstanding(owned)) finish(owned);
  }
}

// ---- Ends ------------------------------------------------------------------------------------------------

bool OwnerRole::ending(const EndedPtr& ended, Duration ttl, bool owed, Now now) {
  Owned* owned = find(ended->report.id);
  TASKMESH_CHECK(owned != nullptr);
  owned->ended = ended;
  owned->ttl = ttl;
  owned->unowed = !owed;
  if (owned->count == 0) {
    owned->stage = Stage::owed;
    recount(*owned);
    return false;
  }
  owned->stage = Stage::ending;
  recount(*owned);
  for (std::size_t i = 0; i < owned->count; ++i) say_done(*owned, owned->holders[i]);
  arm(*owned, now);
  return !broken(14);
}

void OwnerRole::owe(const TaskId& id, std::uint32_t debts, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr) return;
  owned->stage = Stage::owed;
  owned->called = !owned->ended->callback_address.empty();
  owned->debts = debts - (owned->called ? 1 : 0);
  check_settled(*owned, now);
}

void OwnerRole::settle(const TaskId& id, bool got, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || owned->debts == 0) return;
  --owned->debts;
  owned->got = owned->got || got;
  check_settled(*owned, now);
}

/// Apart from the others: who repeats a SUBMIT is told twice, and acknowledges twice.
void OwnerRole::settle_callback(const TaskId& id, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || !owned->called) return;
  owned->called = false;
  check_settled(*owned, now);
}

void OwnerRole::check_settled(Owned& owned, Now now) {
  if (owned.stage != Stage::owed || owned.debts > 0 || owned.called) return;
  if (outstanding(owned)) return;  // Who lets go before it has heard of the end keeps no result.
  owned.stage = Stage::releasing;
  recount(owned);
  if (!outstanding(owned)) return finish(owned);
  if (owned.unowed) return;  // DONE has said so; who has not confirmed it is told again.
  for (std::size_t i = 0; i < owned.count; ++i) say_release(owned, owned.holders[i]);
  arm(owned, now);
}

/// Said once: where it is lost the count is short by one.
void OwnerRole::tell_attempt(const TaskId& id, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || owned->stage != Stage::open) return;
  for (std::size_t i = 0; i < owned->count; ++i) say_repl(*owned, owned->holders[i], false, now);
}

void OwnerRole::tell_cancel(const TaskId& id) {
  const Owned* owned = find(id);
  for (std::size_t i = 0; owned != nullptr && i < owned->count; ++i) {
    const LinkId link = link_of(owned->holders[i].node);
    if (link) said_.push_back({link, proto::Cancel{0, {id}}});
  }
}

bool OwnerRole::outstanding(const Owned& owned) const {
  for (std::size_t i = 0; i < owned.count; ++i) {
    const Holder& holder = owned.holders[i];
    if (owned.stage == Stage::releasing ? !holder.released : owned.ended ? !holder.ended : !holder.stored)
      return true;
  }
  return false;
}

// ---- Peers and time --------------------------------------------------------------------------------------

void OwnerRole::on_peer_change(const PeerChange& change, Now now) {
  // It may come back; what is not answered is said again then.
  if (change.what == PeerChange::What::cut) return;
  for (std::uint32_t slot = 0; slot < pool_.size(); ++slot) {
    Owned& owned = pool_[slot];
    if (owned.serial == 0) continue;
    if (change.what != PeerChange::What::greeted) {
      lost_holder(owned, change.node, now);
    } else if (Holder* holder = holder_of(owned, change.node)) {
      // What was said on the former connection is not answered on this one.
      holder->asked = holder->stale = 0;
      say_again(owned, change.node, now);
    } else if (owned.count < owned.wanted) {
      owned.full = 0;  // Who was full may have room again.
      repair(owned, now);
    }
  }
}

/// What it held is gone: somebody else is asked, and nobody waits for its answer.
void OwnerRole::lost_holder(Owned& owned, NodeId node, Now now) {
  if (holder_of(owned, node) == nullptr) return;
  forget_holder(owned, node);
  const std::uint64_t serial = owned.serial;
  if (owned.stage == Stage::releasing) {
    if (!outstanding(owned)) finish(owned);
    return;
  }
  // First: an end that all must know is not told because nobody is left who could know it.
  repair(owned, now);
  recount(owned);
  if (owned.ended) check_recorded(owned, now);
  if (owned.serial != serial) return;
  check_copied(owned, now);
}

/// Says again what is not answered, to all or to one.
void OwnerRole::say_again(Owned& owned, NodeId only, Now now) {
  for (std::size_t i = 0; i < owned.count; ++i) {
    Holder& holder = owned.holders[i];
    if (only && holder.node != only) continue;
    if (owned.ended && !holder.ended) {
      say_done(owned, holder);
    } else if (owned.stage == Stage::releasing && !holder.released && !owned.unowed) {
      say_release(owned, holder);
    } else if (!owned.ended && !holder.stored) {
      say_repl(owned, holder, owned.stage == Stage::copying && ordinal_of(owned.epoch) == 1 && i == 0, now);
    }
  }
}

bool OwnerRole::restate(const TaskId& id, bool wait, Now now) {
  Owned* owned = find(id);
  if (owned == nullptr || owned->stage != Stage::open || owned->count == 0) return false;
  if (wait) owned->stage = Stage::copying;
  owned->again = true;
  for (std::size_t i = 0; i < owned->count; ++i) owned->holders[i].stored = false;
  recount(*owned);
  say_again(*owned, {}, now);
  arm(*owned, now);
  return true;
}

void OwnerRole::on_stall(Now now) {
  for (std::uint32_t slot = 0; slot < pool_.size(); ++slot) {
    Owned& owned = pool_[slot];
    if (owned.serial == 0 || owned.stage > Stage::open || owned.count == 0) continue;
    if (owned.stage == Stage::open && !executor_.hold_back(owned.id)) continue;
    owned.stage = Stage::copying;
    owned.again = true;
    for (std::size_t i = 0; i < owned.count; ++i) {
      owned.holders[i].stored = false;
      owned.holders[i].stale = owned.holders[i].asked;
    }
    recount(owned);
    say_again(owned, {}, now);
    arm(owned, now);
    ++counters_.reclaimed;
  }
}

void OwnerRole::on_tick(Now now) {
  repair_all(now);
  for (; !slow_.empty() && slow_.front().at <= now.at; slow_.pop_front()) {
    Owned& owned = pool_[slow_.front().slot];
    // Nobody else is asked about what is claimed anew: who never heard of it cannot know that it was taken over.
    if (owned.serial != slow_.front().serial || owned.stage != Stage::copying || owned.again) continue;
    if (!broken(16)) ask_next(owned, name_of(owned), now, false);
  }
  for (; !repeat_.empty() && repeat_.front().at <= now.at; repeat_.pop_front()) {
    const Timer timer = repeat_.front();
    Owned& owned = pool_[timer.slot];
    if (owned.serial != timer.serial || phase_of(owned) != timer.phase || !outstanding(owned)) continue;
    if (broken(11)) continue;
    say_again(owned, {}, now);
    arm(owned, now);
  }
}

void OwnerRole::on_turn_end(Now /*now*/, Effects& out) {
  for (auto& [node, release] : releases_) {
    const LinkId link = link_of(node);
    while (link && release.claims.size() + release.kept.size() > 0) {
      proto::Release part;
      for (auto [from, to] :
           {std::pair(&release.claims, &part.claims), std::pair(&release.kept, &part.kept)}) {
        const auto count = static_cast<std::ptrdiff_t>(std::min(from->size(), limits::claims_max));
        to->assign(from->end() - count, from->end());
        from->erase(from->end() - count, from->end());
      }
      out.send.push_back({link, std::move(part)});
    }
  }
  releases_.clear();
  say_gathered(said_, membership_, out);
  if (!slow_.empty()) out.wake_by(slow_.front().at);
  if (!repeat_.empty()) out.wake_by(repeat_.front().at);
  if (counters_.under_replicated > 0 && membership_.alive() > 0) out.wake_by(repair_at_);
}

}  // namespace taskmesh::core
