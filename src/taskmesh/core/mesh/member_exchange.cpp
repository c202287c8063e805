// The part of Membership that hears of workers from others: rumours, and the exchange of what is known.
#include <algorithm>
#include <unordered_map>
#include <utility>

#include "taskmesh/core/mesh/membership.hpp"
#include "taskmesh/core/mesh/numeric_address.hpp"

namespace taskmesh::core {

namespace {

proto::Introduction introduction_of(const Peer& peer) {
  return {peer.member.node, peer.member.incarnation, peer.member.endpoints};
}

}  // namespace

// ---- Rumours --------------------------------------------------------------------------------------------

/// Those of a peer's endpoints that may be dialled: numeric, so that nobody makes us ask a resolver, and not
/// beyond this host where this node keeps to it.
std::vector<std::string> Membership::dialable(const std::vector<std::string>& endpoints) {
  std::vector<std::string> usable;
  for (const std::string& endpoint : endpoints) {
    if (usable.size() >= limits::endpoints_max) break;
    const auto reach = endpoint.size() <= limits::address_bytes ? reach_of_address(endpoint) : std::nullopt;
    const bool allowed = reach == Reach::loopback || (reach == Reach::beyond && !config_.loopback_only);
    allowed ? usable.push_back(endpoint) : static_cast<void>(++counters_.bad_addresses);
  }
  return usable;
}

void Membership::on_hello(const proto::Member& self, Now now, Effects& out) {
  Found found{self.node, self.incarnation, dialable(self.endpoints)};
  if (!found.endpoints.empty()) on_found(found, now, out);
}

/// How many it has told of that were dialled and never greeted us.
std::size_t Membership::unmet_rumours_of(NodeId teller) const {
  return static_cast<std::size_t>(
      std::ranges::count_if(peers_, [&](const auto& at) { return at.second->rumoured_by == teller; }));
}

/// A rumour introduces and decides nothing: it ends no life, and its incarnation is compared and not kept, or
/// a liar could make us take the true one for an older life.
void Membership::hear_of(NodeId teller, const proto::Introduction& rumour, Now now, Effects& out) {
  if (!rumour.node || rumour.node == config_.self.node) return;
  Entry* entry = find(rumour.node);
  if (entry != nullptr) {
    const bool old = rumour.incarnation < entry->member.incarnation;
    if (old || entry->living() || (entry->ended() && entry->proven)) return;
  }
  const std::vector<std::string> endpoints = dialable(rumour.endpoints);
  if (endpoints.empty()) return;
  if (entry != nullptr) {
    add_endpoints(*entry, endpoints);
    if (entry->ended()) revive(*entry, now, out);
    return touch(*entry);
  }
  if (unmet_rumours_of(teller) >= limits::rumours_max) {
    ++counters_.dropped_rumours;
    return;
  }
  entry = make(find(teller), false, out);
  if (entry == nullptr) return;
  entry->member.node = rumour.node;
  entry->rumoured_by = teller;
  by_node_[rumour.node] = entry;
  add_endpoints(*entry, endpoints);
  if (entry->endpoints.empty()) return forget(*entry, out);
  entry->attempt_at = now.at;
  dial(*entry, now, out);
}

// ---- The exchange ---------------------------------------------------------------------------------------

/// Not at the same moment as all others.
Duration Membership::around(Duration period) {
  const auto fifth = static_cast<std::uint64_t>(period.count()) / 5;
  return period - period / 5 + Duration{static_cast<Duration::rep>(random_.below(2 * fifth + 1))};
}

/// One random member gets to know whom we know.
void Membership::exchange(Now now, Effects& out) {
  if (config_.kind != NodeKind::worker || next_exchange_ == TimePoint{} || now.at < next_exchange_) return;
  Entry* chosen = nullptr;
  std::uint64_t candidates = 0;
  for (const auto& [number, entry] : peers_) {
    if (!entry->greeted || entry->gone) continue;
    if (random_.below(++candidates) == 0) chosen = entry.get();  // Each of n with 1/n.
  }
  if (chosen == nullptr) return;
  next_exchange_ = now.at + around(limits::exchange_every);
  chosen->digest_sent = true;
  out.send.push_back({chosen->link, digest()});
}

proto::Digest Membership::digest() const {
  proto::Digest digest;
  for (const auto& [number, entry] : peers_) {
    if (!entry->member.node || entry->liveness == Liveness::joining) continue;
    if (digest.known.size() >= limits::members_in_digest_max) break;
    const auto standing = !entry->ended() ? proto::Standing::living
                          : entry->proven ? proto::Standing::ended
                                          : proto::Standing::silent;
    digest.known.push_back({entry->member.node, entry->member.incarnation, standing});
  }
  return digest;
}

void Membership::on_digest(NodeId from, LinkId link, const proto::Digest& digest, Now now, Effects& out) {
  enter(now);
  Entry* sender = find(from);
  const bool hasty =
      sender != nullptr && sender->digest_answered && now.at - sender->digest_at < limits::exchange_every / 2;
  if (sender == nullptr || hasty) {
    ++counters_.hasty_digests;
  } else {
    sender->digest_answered = true;
    sender->digest_at = now.at;
    proto::Members answer{unknown_to(from, digest), unknown_here(digest)};
    if (!answer.members.empty() || !answer.wanted.empty()) out.send.push_back({link, std::move(answer)});
  }
  leave(out);
}

/// Whom we have greeted, and the asker has not. Not always the same ones, where there are many.
std::vector<proto::Introduction> Membership::unknown_to(NodeId asker, const proto::Digest& digest) {
  std::unordered_map<NodeId, const proto::Brief*> theirs;
  const std::size_t named = std::min(digest.known.size(), limits::members_in_digest_max);
  for (std::size_t i = 0; i < named; ++i) theirs[digest.known[i].node] = &digest.known[i];
  std::vector<const Entry*> news;
  for (const auto& [number, entry] : peers_) {
    if (!entry->greeted || entry->gone || entry->member.node == asker) continue;
    const auto at = theirs.find(entry->member.node);
    const bool known = at != theirs.end() && (at->second->incarnation > entry->member.incarnation ||
                                              (at->second->incarnation == entry->member.incarnation &&
                                               at->second->standing != proto::Standing::silent));
    if (!known) news.push_back(entry.get());
  }
  std::vector<proto::Introduction> members;
  const std::size_t count = std::min(news.size(), limits::members_in_welcome_max);
  const std::size_t from = news.size() > count ? exchanged_from_++ : 0;
  for (std::size_t i = 0; i < count; ++i) members.push_back(introduction_of(*news[(from + i) % news.size()]));
  return members;
}

/// Who lives for the sender, and not here.
std::vector<NodeId> Membership::unknown_here(const proto::Digest& digest) const {
  std::vector<NodeId> wanted;
  const std::size_t named = std::min(digest.known.size(), limits::members_in_digest_max);
  for (std::size_t i = 0; i < named && wanted.size() < limits::members_in_welcome_max; ++i) {
    const proto::Brief& brief = digest.known[i];
    if (brief.standing != proto::Standing::living || !brief.node || brief.node == config_.self.node) continue;
    const Entry* mine = find(brief.node);
    const bool silent = mine != nullptr && mine->ended() && !mine->proven;
    if (mine == nullptr || (silent && brief.incarnation >= mine->member.incarnation)) {
      wanted.push_back(brief.node);
    }
  }
  return wanted;
}

void Membership::on_members(NodeId from, LinkId link, const proto::Members& told, Now now, Effects& out) {
  enter(now);
  const std::size_t named = std::min(told.members.size(), limits::members_in_welcome_max);
  for (std::size_t i = 0; i < named; ++i) hear_of(from, told.members[i], now, out);
  Entry* asker = ours(link);
  if (asker != nullptr && asker->greeted && std::exchange(asker->digest_sent, false)) {
    proto::Members answer{introductions(told.wanted), {}};
    if (!answer.members.empty()) out.send.push_back({link, std::move(answer)});
  }
  leave(out);
}

std::vector<proto::Introduction> Membership::introductions(const std::vector<NodeId>& wanted) const {
  std::vector<proto::Introduction> members;
  for (std::size_t i = 0; i < std::min(wanted.size(), limits::members_in_welcome_max); ++i) {
    const Entry* entry = find(wanted[i]);
    if (entry != nullptr && entry->greeted && !entry->gone) members.push_back(introduction_of(*entry));
  }
  return members;
}

}  // namespace taskmesh::core
