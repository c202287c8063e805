#include "taskmesh/core/mesh/membership.hpp"

#include <algorithm>
#include <utility>

#include "taskmesh/base/check.hpp"
#include "taskmesh/core/mesh/notes.hpp"

namespace taskmesh::core {

namespace {

bool is_about_hello(const proto::ErrorReport& error) {
  return error.about == static_cast<std::uint16_t>(proto::Type::hello);
}

}  // namespace

Membership::Membership(const NodeConfig& config, NodeCounters& counters, std::uint64_t& next_link,
                       std::function<proto::Load()> own_load)
    : config_(config),
      counters_(counters),
      next_link_(next_link),
      own_load_(std::move(own_load)),
      random_(config.seed) {
  own_endpoints_.insert(config_.self.endpoints.begin(), config_.self.endpoints.end());
}

// ---- The book of peers ----------------------------------------------------------------------------------

Membership::Entry* Membership::ours(LinkId link) const {
  const auto at = by_link_.find(link);
  return at == by_link_.end() ? nullptr : at->second;
}

Membership::Entry* Membership::find(NodeId node) const {
  const auto at = by_node_.find(node);
  return at == by_node_.end() ? nullptr : at->second;
}

/// A new peer; where the book is full, the longest ended or lost one makes room (`keep` is in use). Null: no room.
Membership::Entry* Membership::make(const Entry* keep, bool must, Effects& out) {
  if (peers_.size() >= limits::peers_max) {
    Entry* oldest = nullptr;
    for (const auto& [number, entry] : peers_) {
      if ((!entry->ended() && !entry->lost()) || entry.get() == keep) continue;
      if (oldest == nullptr || entry->ended_at < oldest->ended_at) oldest = entry.get();
    }
    if (oldest != nullptr) {
      forget(*oldest, out);
    } else if (!must) {
      if (!std::exchange(full_noted_, true)) out.notify.emplace_back(notes::book_full());
      return nullptr;
    }
  }
  auto entry = std::make_unique<Entry>();
  entry->number = next_number_++;
  return (peers_[entry->number] = std::move(entry)).get();
}

void Membership::forget(Entry& entry, Effects& out) {
  hang_up(entry, out);
  if (find(entry.member.node) == &entry) by_node_.erase(entry.member.node);
  peers_.erase(entry.number);  // `entry` ends here.
}

void Membership::add_endpoints(Entry& entry, const std::vector<std::string>& endpoints) const {
  for (const std::string& endpoint : endpoints) {
    if (entry.endpoints.size() >= limits::endpoints_max) return;
    if (endpoint.empty() || endpoint.size() > limits::address_bytes) continue;
    if (own_endpoints_.contains(endpoint)) continue;
    if (std::ranges::find(entry.endpoints, endpoint) != entry.endpoints.end()) continue;
    entry.endpoints.push_back(endpoint);
  }
}

// ---- Discovery ------------------------------------------------------------------------------------------

void Membership::on_found(const Found& found, Now now, Effects& out) {
  enter(now);
  if (!found.node) {
    found_seed(found, now, out);
  } else if (found.node == config_.self.node) {
    for (const std::string& endpoint : found.endpoints) {
      if (own_endpoints_.size() < limits::peers_max) own_endpoints_.insert(endpoint);
    }
  } else {
    found_worker(found, now, out);
  }
  leave(out);
}

void Membership::found_seed(const Found& found, Now now, Effects& out) {
  const auto named = [&](const std::string& endpoint) {
    return std::ranges::find(found.endpoints, endpoint) != found.endpoints.end();
  };
  for (auto& [number, entry] : peers_) {
    if (std::ranges::any_of(entry->seeds, named)) return;  // Known already.
    if (!entry->link || !named(entry->endpoint) || entry->ended()) continue;
    entry->seeds = found.endpoints;
    entry->seed = true;
    entry->lost_until = {};
    return;
  }
  Entry* seed = make(nullptr, false, out);
  if (seed == nullptr) return;
  add_endpoints(*seed, found.endpoints);
  if (seed->endpoints.empty()) return forget(*seed, out);
  seed->seeds = seed->endpoints;
  seed->seed = true;
  seed->attempt_at = now.at;
  dial(*seed, now, out);
}

void Membership::found_worker(const Found& found, Now now, Effects& out) {
  Entry* entry = find(found.node);
  if (entry == nullptr) {
    entry = make(nullptr, false, out);
    if (entry == nullptr) return;
    entry->member.node = found.node;
    entry->member.incarnation = found.incarnation;
    by_node_[found.node] = entry;
    add_endpoints(*entry, found.endpoints);
    if (entry->endpoints.empty()) return forget(*entry, out);
    entry->attempt_at = now.at;
    return dial(*entry, now, out);
  }
  entry->rumoured_by = {};  // Now it is known at first hand.
  if (found.incarnation > entry->member.incarnation) {
    return renew(*entry, found.incarnation, found.endpoints, now, out);
  }
  if (found.incarnation < entry->member.incarnation && found.incarnation != 0) return;  // Old gossip.
  if (entry->ended() && entry->proven) return;
  add_endpoints(*entry, found.endpoints);
  if (entry->ended()) revive(*entry, now, out);
  touch(*entry);
}

/// The same node has started anew: what its former life held is lost.
void Membership::renew(Entry& entry, std::uint64_t incarnation, const std::vector<std::string>& endpoints,
                       Now now, Effects& out) {
  const bool first_word = entry.member.incarnation == 0 && entry.liveness == Liveness::joining;
  entry.proven = false;
  if (first_word) {
    entry.member.incarnation = incarnation;
    add_endpoints(entry, endpoints);
    return touch(entry);
  }
  tell_end(entry, Liveness::dead, "a newer incarnation of it runs", out);
  hang_up(entry, out);
  entry.member.incarnation = incarnation;
  entry.endpoints.clear();
  add_endpoints(entry, endpoints);
  add_endpoints(entry, entry.member.endpoints);
  add_endpoints(entry, entry.seeds);
  ++version_;
  if (entry.endpoints.empty()) return forget(entry, out);  // Told of without an address: nobody to dial.
  entry.liveness = Liveness::joining;
  entry.refused = entry.noted = false;
  entry.attempt_at = now.at;
  dial(entry, now, out);
}

/// A sign of one that had fallen silent: see whether it answers. It counts again from its WELCOME on.
void Membership::revive(Entry& entry, Now now, Effects& out) {
  if (entry.link || entry.endpoints.empty() || now.at < entry.muted_until) return;
  entry.attempt_at = now.at;
  dial(entry, now, out);
}

void Membership::on_gone(const Gone& gone, Now now, Effects& out) {
  enter(now);
  Entry* entry = find(gone.node);
  const bool older =
      entry != nullptr && gone.incarnation != 0 && gone.incarnation < entry->member.incarnation;
  if (entry != nullptr && !older) {
    if (entry->connected && entry->living()) {
      if (!entry->gone) entry->gone_at = now.at;
      entry->gone = true;
      ++version_;
      touch(*entry);
    } else {
      bury(*entry, Liveness::dead, true, "its process has ended", now, out);
    }
  }
  leave(out);
}

// ---- Links ----------------------------------------------------------------------------------------------

void Membership::dial(Entry& entry, Now now, Effects& out) {
  TASKMESH_CHECK(!entry.link && !entry.endpoints.empty());
  entry.link = LinkId{next_link_++};
  entry.endpoint = entry.endpoints[entry.next_endpoint % entry.endpoints.size()];
  entry.connected = entry.greeted = entry.failed = entry.refused = false;
  entry.dialled_at = now.at;
  by_link_[entry.link] = &entry;
  last_dialled_ = now.at;
  out.dial.push_back({.link = entry.link, .endpoint = entry.endpoint});
  touch(entry);
}

void Membership::hang_up(Entry& entry, Effects& out) {
  if (!entry.link) return;
  out.close.push_back(entry.link);
  by_link_.erase(entry.link);
  entry.link = {};
  entry.connected = entry.greeted = false;
}

void Membership::say_hello(Entry& entry, Now now, Effects& out) {
  proto::Hello hello;
  hello.role = config_.kind == NodeKind::worker ? proto::Role::worker : proto::Role::client;
  hello.window_records = limits::window_records;
  hello.window_bytes = limits::window_bytes;
  hello.payload_max = config_.payload_max;
  hello.token = config_.token;
  hello.self = config_.self;
  out.send.push_back({entry.link, std::move(hello)});
  entry.last_hello = now.at;
  entry.next_hello = now.at + limits::hello_retry;
  touch(entry);
}

void Membership::on_link_up(LinkId link, Now now, Effects& out) {
  enter(now);
  if (Entry* entry = ours(link); entry != nullptr) {
    cut(*entry);  // A connection that we did not see break.
    entry->connected = true;
    entry->failed = entry->refused = entry->deserted = false;
    say_hello(*entry, now, out);
  }
  leave(out);
}

void Membership::on_link_down(LinkId link, Now now, Effects& out) {
  enter(now);
  if (Entry* entry = ours(link); entry != nullptr && entry->gone) {
    bury(*entry, Liveness::dead, true, "its process has ended", now, out);
  } else if (entry != nullptr) {
    cut(*entry);
    if (entry->connected) {
      entry->cut_at = entry->attempt_at = now.at;
    } else {
      entry->failed = true;
    }
    entry->connected = entry->refused = false;
    touch(*entry);
  }
  leave(out);
}

/// What was under way on the connection is lost; nothing is sent there until it is greeted anew.
void Membership::cut(Entry& entry) {
  if (!entry.greeted) return;
  entry.greeted = false;
  ++version_;
  changes_.push_back({PeerChange::What::cut, entry.member.node, entry.member.incarnation, entry.link});
}

// ---- WELCOME --------------------------------------------------------------------------------------------

bool Membership::on_welcome(LinkId link, const proto::Welcome& welcome, Now now, Effects& out) {
  enter(now);
  Entry* entry = ours(link);
  if (entry == nullptr) {
    leave(out);
    return false;
  }
  if (entry->connected && welcome.self.node == config_.self.node) {
    reached_myself(*entry, now, out);
  } else if (entry->connected && welcome.self.node) {
    entry = identify(*entry, welcome.self, now, out);
    if (entry != nullptr) take_welcome(*entry, welcome, now, out);
    const std::size_t told = std::min(welcome.members.size(), limits::members_in_welcome_max);
    for (std::size_t i = 0; entry != nullptr && i < told; ++i) {
      const proto::Member& member = welcome.members[i];
      hear_of(entry->member.node, {member.node, member.incarnation, member.endpoints}, now, out);
    }
  }
  leave(out);
  return true;
}

void Membership::reached_myself(Entry& entry, Now now, Effects& out) {
  if (own_endpoints_.size() < limits::peers_max) own_endpoints_.insert(entry.endpoint);
  std::erase(entry.endpoints, entry.endpoint);
  std::erase(entry.seeds, entry.endpoint);
  entry.seed = !entry.seeds.empty();
  if (!entry.member.node && entry.endpoints.empty()) return forget(entry, out);
  entry.replaced = true;
  if (entry.living()) {
    return bury(entry, Liveness::dead, false, "its address is this node's now", now, out);
  }
  hang_up(entry, out);
  entry.dial_at = now.at + limits::dead_retry;
  touch(entry);
  if (entry.ended()) return;
  if (entry.endpoints.empty()) return forget(entry, out);
  dial(entry, now, out);
}

/// Whose WELCOME is this? Returns the peer that now has the link; null if the link is of no use.
Membership::Entry* Membership::identify(Entry& entry, const proto::Member& self, Now now, Effects& out) {
  Entry* known = find(self.node);
  if (known == &entry) {
    if (self.incarnation < entry.member.incarnation) return nullptr;  // A former life's last word.
    return &entry;
  }
  // Somebody else sits there now, so who sat there before is gone; or a seed leads to a worker we know.
  if (entry.member.node || known != nullptr) return hand_link_over(entry, known, self, now, out);
  entry.member.node = self.node;
  by_node_[self.node] = &entry;
  return &entry;
}

/// `self` answered on `from`'s link. The link and the seeds move to its own record `to` (made where it is
/// null), unless that is greeted already: then the link it has is kept and this newer one closed.
Membership::Entry* Membership::hand_link_over(Entry& from, Entry* to, const proto::Member& self, Now now,
                                              Effects& out) {
  const bool same_life = to != nullptr && self.incarnation == to->member.incarnation;
  const bool useless = to != nullptr && (self.incarnation < to->member.incarnation ||
                                         (same_life && to->ended() && to->proven));
  if (useless && !from.member.node) {  // It said BYE and still answers; the seed looks again later.
    if (from.lost()) {
      forget(from, out);
      return nullptr;
    }
    hang_up(from, out);
    from.dial_at = now.at + limits::redial_after;
    touch(from);
    return nullptr;
  }
  const bool second = same_life && to->greeted;
  if (to == nullptr) to = make(&from, false, out);
  if (to != nullptr && !useless) move_seeds(from, *to);
  const bool moved = to != nullptr && !useless && !second;
  if (moved) {
    hang_up(*to, out);
    to->link = std::exchange(from.link, {});
    to->endpoint = from.endpoint;
    to->connected = std::exchange(from.connected, false);
    from.greeted = false;
    by_link_[to->link] = to;
    by_node_[self.node] = to;
    if (!to->member.node) to->member.node = self.node;
  }
  if (from.member.node) {
    from.replaced = true;
    bury(from, Liveness::dead, false, "another worker answers at its address", now, out);
  } else {
    forget(from, out);
  }
  return moved ? to : nullptr;
}

void Membership::move_seeds(Entry& from, Entry& to) {
  for (std::string& seed : from.seeds) {
    const bool known = std::ranges::find(to.seeds, seed) != to.seeds.end();
    if (!known && to.seeds.size() < limits::endpoints_max) to.seeds.push_back(std::move(seed));
  }
  from.seeds.clear();
  from.seed = false;
  to.seed = !to.seeds.empty();
}

void Membership::take_welcome(Entry& entry, const proto::Welcome& welcome, Now now, Effects& out) {
  const bool new_life = entry.told && welcome.self.incarnation > entry.member.incarnation;
  if (new_life) tell_end(entry, Liveness::dead, "a newer incarnation of it runs", out);
  if (new_life) entry.greeted = false;
  const bool joined = new_life || !entry.living();
  entry.member = welcome.self;
  entry.member.endpoints = dialable(welcome.self.endpoints);
  entry.rumoured_by = {};
  entry.lost_until = {};
  entry.met = true;
  entry.serves.clear();
  for (const std::string& name : entry.member.serves) {
    if (entry.serves.size() < limits::served_names_max) entry.serves.insert(name);
  }
  if (std::ranges::find(entry.endpoints, entry.endpoint) == entry.endpoints.end()) {
    entry.endpoints.insert(entry.endpoints.begin(), entry.endpoint);
  }
  add_endpoints(entry, entry.member.endpoints);
  entry.window_records = welcome.window_records;
  entry.window_bytes = welcome.window_bytes;
  entry.payload_max = welcome.payload_max;
  entry.last_heard = now.at;
  entry.proven = entry.replaced = entry.failed = entry.refused = entry.noted = false;
  if (joined) entry.liveness = Liveness::alive;
  take_load(entry, welcome.load);
  heard(entry, now, out);
  ++version_;
  if (next_exchange_ == TimePoint{}) next_exchange_ = now.at + around(limits::exchange_every / 2);
  // Our HELLO was a sign of life, to this one: what the others are owed by now is said in this turn.
  const auto greeted = [](const auto& peer) { return peer.second->greeted; };
  if (next_beat_ < now.at && std::ranges::none_of(peers_, greeted))
    next_beat_ = now.at + limits::heartbeat_every;
  if (!entry.greeted) {
    entry.greeted = entry.told = true;
    changes_.push_back({PeerChange::What::greeted, entry.member.node, entry.member.incarnation, entry.link});
  }
  if (joined) out.notify.emplace_back(notes::joined(entry));
  touch(entry);
}

// ---- Signs of life --------------------------------------------------------------------------------------

void Membership::heard(Entry& entry, Now now, Effects& out) {
  entry.last_heard = now.at;
  if (entry.liveness != Liveness::suspect && !entry.deserted) return;
  acquit(entry);
  if (entry.liveness != Liveness::suspect) return;
  entry.liveness = Liveness::alive;
  take_load(entry, entry.load);
  ++version_;
  out.notify.emplace_back(notes::heard_again(entry));
  touch(entry);
}

void Membership::take_load(Entry& entry, const proto::Load& load) {
  entry.load = load;
  if (entry.liveness != Liveness::alive && entry.liveness != Liveness::draining) return;
  const bool draining = (load.flags & proto::Load::draining_flag) != 0;
  const Liveness liveness = draining ? Liveness::draining : Liveness::alive;
  if (std::exchange(entry.liveness, liveness) != liveness) ++version_;
}

void Membership::on_heard(LinkId link, Now now, Effects& out) {
  enter(now);
  if (Entry* entry = ours(link); entry != nullptr) heard(*entry, now, out);
  leave(out);
}

void Membership::on_heartbeat(LinkId link, const proto::Heartbeat& beat, Now now, Effects& out) {
  enter(now);
  Entry* entry = find(beat.node);
  const Entry* sender = ours(link);
  const bool usable = entry != nullptr && (sender == nullptr || sender == entry) &&
                      beat.incarnation >= entry->member.incarnation;
  if (usable && beat.incarnation > entry->member.incarnation) {
    const std::vector<std::string> endpoints = entry->endpoints;
    renew(*entry, beat.incarnation, endpoints, now, out);
  } else if (usable && entry->ended()) {
    if (!entry->proven) revive(*entry, now, out);
  } else if (usable) {
    heard(*entry, now, out);
    take_load(*entry, beat.load);
    entry->ended_tasks = beat.ended;
    entry->beat_at = now.at;
  }
  leave(out);
}

void Membership::on_bye(LinkId link, const proto::Bye& bye, Now now, Effects& out) {
  enter(now);
  Entry* entry = find(bye.node);
  const Entry* sender = ours(link);
  const bool usable = entry != nullptr && (sender == nullptr || sender == entry) &&
                      bye.incarnation == entry->member.incarnation;
  if (usable && !entry->ended()) bury(*entry, Liveness::left, true, "it said good-bye", now, out);
  leave(out);
}

// ---- Refusals -------------------------------------------------------------------------------------------

void Membership::on_error(LinkId link, const proto::ErrorReport& error, Now now, Effects& out) {
  enter(now);
  Entry* entry = ours(link);
  if (entry == nullptr || !entry->connected) return leave(out);
  // Before its WELCOME all that we have said is HELLO, so an ERROR about a whole frame is about that too.
  const bool about_hello = is_about_hello(error) || (error.about == 0 && !entry->greeted);
  if (error.code == static_cast<std::uint16_t>(proto::Code::auth)) {
    const bool stranger = is_about_hello(error) || (about_hello && !entry->living());
    stranger ? refused_token(*entry, is_about_hello(error), now, out) : greet_again(*entry, now, out);
  } else if (error.code == static_cast<std::uint16_t>(proto::Code::version) && about_hello) {
    refused_version(*entry, error, now, out);
  } else if (error.code == static_cast<std::uint16_t>(proto::Code::busy) && about_hello) {
    const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(limits::ignore_peer_for).count();
    const std::uint64_t ms = std::min(error.retry_after_ms, static_cast<std::uint64_t>(most));
    entry->failed = true;
    entry->next_hello = now.at + std::max<Duration>(limits::hello_retry, std::chrono::milliseconds(ms));
    touch(*entry);
  }
  leave(out);
}

void Membership::refused_token(Entry& entry, bool token, Now now, Effects& out) {
  const std::string_view why = token ? "wrong mesh token" : "it belongs to another mesh";
  if (!std::exchange(entry.noted, true)) out.notify.emplace_back(notes::refused_token(entry, why));
  if (entry.living()) {
    return bury(entry, Liveness::dead, false, "who answers at its address is of another mesh", now, out);
  }
  if (entry.lost()) return forget(entry, out);
  // What was only told of is not asked again and again; its record keeps the rumour from coming back at once.
  if (entry.rumoured_by) return bury(entry, Liveness::dead, true, "it is of another mesh", now, out);
  entry.failed = entry.refused = true;
  entry.next_hello = now.at + limits::refused_retry;
  touch(entry);
}

void Membership::refused_version(Entry& entry, const proto::ErrorReport& error, Now now, Effects& out) {
  if (!std::exchange(entry.noted, true)) out.notify.emplace_back(notes::refused_version(entry, error.text));
  if (entry.living()) {
    bury(entry, Liveness::dead, false, "who answers at its address speaks another version", now, out);
  }
  if (entry.lost()) return forget(entry, out);
  hang_up(entry, out);
  entry.muted_until = entry.dial_at = now.at + limits::ignore_peer_for;
  touch(entry);
}

/// The worker does not know this connection (any more): what we asked there is not under way.
void Membership::greet_again(Entry& entry, Now now, Effects& out) {
  if (!entry.greeted) return;  // One HELLO is under way already; its timer says it again.
  cut(entry);
  entry.next_hello = entry.last_hello + limits::hello_retry;
  if (now.at >= entry.next_hello) say_hello(entry, now, out);
  touch(entry);
}

// ---- What others ask ------------------------------------------------------------------------------------

void Membership::say_bye(Effects& out) {
  const proto::Bye bye{config_.self.node, config_.self.incarnation};
  for (const auto& [number, entry] : peers_) {
    if (entry->greeted) out.send.push_back({entry->link, bye});
  }
}

std::vector<PeerChange> Membership::take_changes() { return std::exchange(changes_, {}); }

const Peer* Membership::by_link(LinkId link) const { return ours(link); }

const Peer* Membership::by_node(NodeId node) const { return find(node); }

void Membership::for_each(const std::function<void(const Peer&)>& visit) const {
  for (const auto& [number, entry] : peers_) visit(*entry);
}

bool Membership::someone_missing() const {
  return std::ranges::any_of(peers_, [](const auto& each) {
    const Entry& entry = *each.second;
    return entry.met && !entry.proven && !entry.replaced && (entry.gone || entry.liveness == Liveness::dead);
  });
}

std::size_t Membership::alive() const {
  if (alive_version_ == version_) return alive_;
  alive_ = 0;
  for (const auto& [number, entry] : peers_) alive_ += entry->routable() ? 1U : 0U;
  alive_version_ = version_;
  return alive_;
}

bool Membership::settling(TimePoint now, Duration patience) const {
  if (!last_dialled_ || now - *last_dialled_ >= patience) return false;
  return std::ranges::any_of(peers_, [&](const auto& peer) {
    const Entry& entry = *peer.second;
    return entry.link && entry.liveness == Liveness::joining && !entry.failed && !entry.lost() &&
           now - entry.dialled_at < patience;
  });
}

std::vector<proto::Member> Membership::members_to_tell() const {
  std::vector<const Entry*> living;
  for (const auto& [number, entry] : peers_) {
    // Suspects too: who asks has no other way to find them.
    if (entry->greeted) living.push_back(entry.get());
  }
  std::vector<proto::Member> members;
  const std::size_t count = std::min(living.size(), limits::members_in_welcome_max);
  const std::size_t from = living.size() > count ? told_from_++ : 0;  // Not always the same ones.
  for (std::size_t i = 0; i < count; ++i) members.push_back(living[(from + i) % living.size()]->member);
  return members;
}

std::vector<MemberView> Membership::view(TimePoint now) const {
  std::vector<MemberView> views;
  for (const auto& [number, entry] : peers_) {
    if (!entry->member.node) continue;
    const bool ever = entry->last_heard != TimePoint{};
    const bool beaten = entry->beat_at != TimePoint{};
    views.push_back({entry->member, entry->liveness, entry->load, entry->ended_tasks,
                     beaten ? std::optional(now - entry->beat_at) : std::nullopt,
                     ever ? now - entry->last_heard : Duration::zero()});
  }
  return views;
}

}  // namespace taskmesh::core
