// Membership: which workers exist, are they reachable, and what do they say of themselves?
// Spec: proto/02-membership.md.
//
// Pure state machine, used by workers and clients alike: it dials what discovery finds, greets on every new
// connection, sends a worker's heartbeats to the other workers, suspects silent peers (routing only) and
// declares them dead: a worker asks witnesses first, a client waits longer. Workers compare from time to time whom they know; what others tell of is dialled and no
// more: only who was greeted on an own link counts. The caller owns it, calls it from one thread and carries out the Effects.
// Time:   `now.at` never decreases (checked). After a stall of our own (own_stall) the gap is added to every
//         peer's last-heard time before anything is judged.
// Timers: every call ends with out.wake_by(the next timer). Call on_tick() once in every turn, after what
// came
//         in: it costs nothing before its time, and what was heard counts before anybody is judged.
// Errors: none. A message about an unknown or older incarnation is ignored; that is normal gossip.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// One worker as this node sees it. A reference stays valid until the next call that is not const.
struct Peer {
  proto::Member member;  ///< node is nil until the first WELCOME of a dialled seed.
  std::unordered_set<std::string> serves;
  LinkId link;           ///< The link we dialled; nil when there is none.
  std::string endpoint;  ///< Where it goes.
  bool seed = false;     ///< Dialled because the user said so: dialled again for ever.
  Liveness liveness = Liveness::joining;
  bool greeted = false;              ///< WELCOME came on the present connection: requests may be sent.
  std::uint32_t window_records = 0;  ///< What it granted.
  std::uint64_t window_bytes = 0;
  std::uint64_t payload_max = 0;
  TimePoint last_heard{};
  TimePoint last_hello{};
  TimePoint cut_at{};  ///< When the connection broke; only meaningful while !connected.
  bool connected = false;
  bool gone = false;    ///< Its process has ended; what it said before may still be on its way.
  bool proven = false;  ///< Ended by its own word or the operating system's: only a new incarnation revives.
  proto::Load load;     ///< As it said last in WELCOME or HEARTBEAT.
  std::uint64_t ended_tasks = 0;  ///< As in its last HEARTBEAT...
  TimePoint beat_at{};            ///< ...which came then; zero: none has.

  /// New work may be sent there.
  bool routable() const { return !gone && greeted && liveness == Liveness::alive; }
};

/// What the other roles must know at once, in the order it happened.
struct PeerChange {
  enum class What : std::uint8_t {
    greeted,  ///< WELCOME on a new connection: requests may be sent, waits must be registered again.
    cut,      ///< The connection broke; answers under way are lost.
    dead,     ///< This incarnation is dead, or replaced by a newer one: what it held is lost.
    left,     ///< It said BYE: all it had accepted has ended.
  };
  What what = What::greeted;
  NodeId node;
  std::uint64_t incarnation = 0;
  LinkId link;
  bool operator==(const PeerChange&) const = default;
};

class Membership {
 public:
  /// `next_link` numbers the links that are dialled (shared with the outbox).
  Membership(const NodeConfig& config, NodeCounters& counters, std::uint64_t& next_link,
             std::function<proto::Load()> own_load);

  void on_found(const Found& found, Now now, Effects& out);
  /// Proven dead by the operating system: nothing is sent there any more, and it is dead as soon as its
  /// connection has ended, for its last words come before that; last_words later at the latest.
  void on_gone(const Gone& gone, Now now, Effects& out);
  void on_link_up(LinkId link, Now now, Effects& out);
  void on_link_down(LinkId link, Now now, Effects& out);
  /// The link could not be connected again: nobody listens there. With one witness that is a death.
  void on_nobody_there(LinkId link, Now now, Effects& out);
  /// `welcome` of a different node than before on this endpoint: the old one is dead. Of myself: closed.
  /// Returns true if the link is one of ours. Members it names are found.
  bool on_welcome(LinkId link, const proto::Welcome& welcome, Now now, Effects& out);
  /// A worker has greeted us: it is found where it says, as far as that may be dialled.
  void on_hello(const proto::Member& self, Now now, Effects& out);
  /// From the worker `from`, on the link that it dialled: it is told of those that it does not know.
  void on_digest(NodeId from, LinkId link, const proto::Digest& digest, Now now, Effects& out);
  /// From the worker `from`: rumours. It is answered with what it wants to know, if that follows a DIGEST of
  /// ours.
  void on_members(NodeId from, LinkId link, const proto::Members& told, Now now, Effects& out);
  /// From a worker, on the link that it dialled: it is told what this node hears of that one.
  void on_doubt(LinkId link, const proto::Doubt& doubt, Now now, Effects& out);
  /// From the worker `from`: what it hears of one that we are in doubt about.
  void on_witness(NodeId from, const proto::Witness& witness, Now now, Effects& out);
  /// `link` is one of ours, or one that the sender dialled and greeted on.
  void on_heartbeat(LinkId link, const proto::Heartbeat& beat, Now now, Effects& out);
  void on_bye(LinkId link, const proto::Bye& bye, Now now, Effects& out);
  /// ERROR on one of our links, e.g. wrong token or version: noted once, retried slowly.
  void on_error(LinkId link, const proto::ErrorReport& error, Now now, Effects& out);
  /// Any record on one of our links is a sign of life.
  void on_heard(LinkId link, Now now, Effects& out);
  /// `drained`: all input that was there has been handled. If not, timers wait, at most drain_input.
  void on_tick(Now now, Effects& out, bool drained = true);
  /// The load has changed much: HEARTBEAT now.
  void beat(Now now, Effects& out);
  /// A worker leaves: BYE on every greeted link.
  void say_bye(Effects& out);

  /// Changes since the last call, oldest first.
  std::vector<PeerChange> take_changes();

  const Peer* by_link(LinkId link) const;
  const Peer* by_node(NodeId node) const;
  /// Every peer, dead and left ones included until forgotten, in order of their numbers.
  void for_each(const std::function<void(const Peer&)>& visit) const;
  /// Grows whenever a peer may have become or ceased to be a candidate for tasks (placement caches by it).
  std::uint64_t version() const { return version_; }
  /// Peers that are alive and greeted.
  std::size_t alive() const;
  /// Somebody was met here and fell silent or was cut off, and nobody knows that its process has ended: what it knows
  /// cannot be asked for, and is not gone.
  bool someone_missing() const;
  /// True while something dialled within `patience` has neither greeted nor failed: this node is still looking around.
  bool settling(TimePoint now, Duration patience = limits::settle_for) const;
  /// Up to 64 living members, for WELCOME.
  std::vector<proto::Member> members_to_tell() const;
  std::vector<MemberView> view(TimePoint now) const;

 private:
  /// Witnesses that were asked about one suspect, and what they have said.
  struct Round {
    std::uint64_t request = 0;
    std::size_t asked = 0;
    std::vector<NodeId> waited_for;
    std::size_t silent = 0;   ///< Hear nothing of it for as long.
    std::size_t cut = 0;      ///< These, and those whose connection broke.
    std::size_t denials = 0;  ///< Hear it.
  };

  /// A peer with what only this class needs to know.
  struct Entry : Peer {
    std::uint64_t number = 0;
    std::vector<std::string> endpoints;  ///< To be tried in turn.
    std::size_t next_endpoint = 0;
    std::vector<std::string> seeds;  ///< Those of them that the user gave.
    TimePoint dialled_at{};          ///< Of the present link.
    TimePoint attempt_at{};          ///< Since when we try to greet it, all endpoints together.
    TimePoint next_hello{};          ///< While connected and not greeted.
    TimePoint dial_at{};             ///< While there is no link.
    TimePoint ended_at{};
    TimePoint gone_at{};      ///< While gone.
    TimePoint muted_until{};  ///< Speaks another version: no sign of it counts before.
    bool deserted = false;    ///< Its connection broke, a new one was refused, and it was not heard since.
    bool weigh = false;       ///< There is news for the judge.
    bool held = false;        ///< The half rule kept it from being called dead; counted once.
    TimePoint ask_at{};       ///< Witnesses are not asked again before.
    Round round;
    bool told = false;             ///< The others were told `greeted` and not yet `dead` or `left`.
    bool replaced = false;         ///< Another process has its address.
    NodeId rumoured_by;            ///< Who told of it, until it is greeted.
    TimePoint lost_until{};        ///< Set: only its address is known, from a record that was forgotten.
    TimePoint digest_at{};         ///< Of its last DIGEST.
    bool digest_answered = false;  ///< It has one.
    bool digest_sent = false;      ///< To it, and what it wants to know is not told yet.
    bool met = false;              ///< It was greeted in this life or before.
    bool failed = false;           ///< The present dial was refused: nobody waits for it to settle.
    bool refused = false;          ///< Our token is not taken there.
    bool noted = false;            ///< The refusal is in the log.

    bool ended() const { return liveness == Liveness::dead || liveness == Liveness::left; }
    bool lost() const { return lost_until != TimePoint{}; }
    bool living() const { return liveness != Liveness::joining && !ended(); }
  };

  void enter(Now now);
  void leave(Effects& out) const;
  void touch(const Entry& entry);
  TimePoint due_of(const Entry& entry) const;
  Entry* ours(LinkId link) const;
  Entry* find(NodeId node) const;
  Entry* make(const Entry* keep, bool must, Effects& out);
  void forget(Entry& entry, Effects& out);
  void add_endpoints(Entry& entry, const std::vector<std::string>& endpoints) const;

  std::vector<std::string> dialable(const std::vector<std::string>& endpoints);
  std::size_t unmet_rumours_of(NodeId teller) const;
  void hear_of(NodeId teller, const proto::Introduction& rumour, Now now, Effects& out);
  void exchange(Now now, Effects& out);
  proto::Digest digest() const;
  std::vector<proto::Introduction> unknown_to(NodeId asker, const proto::Digest& digest);
  std::vector<NodeId> unknown_here(const proto::Digest& digest) const;
  std::vector<proto::Introduction> introductions(const std::vector<NodeId>& wanted) const;
  Duration around(Duration period);
  void keep_address(Entry& entry, Effects& out);
  void judge_lost(Entry& entry, Now now, Effects& out);

  void found_seed(const Found& found, Now now, Effects& out);
  void found_worker(const Found& found, Now now, Effects& out);
  void renew(Entry& entry, std::uint64_t incarnation, const std::vector<std::string>& endpoints, Now now,
             Effects& out);
  void revive(Entry& entry, Now now, Effects& out);
  void dial(Entry& entry, Now now, Effects& out);
  void hang_up(Entry& entry, Effects& out);
  void say_hello(Entry& entry, Now now, Effects& out);
  void heard(Entry& entry, Now now, Effects& out);
  void take_load(Entry& entry, const proto::Load& load);

  void reached_myself(Entry& entry, Now now, Effects& out);
  Entry* identify(Entry& entry, const proto::Member& self, Now now, Effects& out);
  Entry* hand_link_over(Entry& from, Entry* to, const proto::Member& self, Now now, Effects& out);
  static void move_seeds(Entry& from, Entry& to);
  void take_welcome(Entry& entry, const proto::Welcome& welcome, Now now, Effects& out);

  void cut(Entry& entry);
  void tell_end(Entry& entry, Liveness how, std::string_view why, Effects& out);
  void bury(Entry& entry, Liveness how, bool proven, std::string_view why, Now now, Effects& out);
  void refused_token(Entry& entry, bool token, Now now, Effects& out);
  void refused_version(Entry& entry, const proto::ErrorReport& error, Now now, Effects& out);
  void greet_again(Entry& entry, Now now, Effects& out);

  void send_heartbeats(Now now, Effects& out);
  void judge(Entry& entry, Now now, Effects& out);
  void judge_living(Entry& entry, Now now, Effects& out);
  void judge_as_client(Entry& entry, Now now, Effects& out);
  void judge_suspect(Entry& entry, Now now, Effects& out);
  void ask_witnesses(Entry& entry, Now now, Effects& out);
  bool perhaps_me(Duration silence) const;
  TimePoint verdict_due(const Entry& entry) const;
  void acquit(Entry& entry);
  void credit(Duration gap, TimePoint now);
  void keep_calling(Entry& entry, Now now, Effects& out);
  bool gave_up(const Entry& entry, TimePoint now) const;

  NodeConfig config_;
  NodeCounters& counters_;
  std::uint64_t& next_link_;
  std::function<proto::Load()> own_load_;
  Random random_;
  std::uint64_t version_ = 0;

  std::map<std::uint64_t, std::unique_ptr<Entry>> peers_;  // By number: order of arrival.
  std::unordered_map<LinkId, Entry*> by_link_;
  std::unordered_map<NodeId, Entry*> by_node_;
  std::unordered_set<std::string> own_endpoints_;
  std::vector<PeerChange> changes_;
  std::uint64_t next_number_ = 1;
  TimePoint started_{};
  TimePoint last_step_{};
  TimePoint steady_at_{};  // Nobody is called dead before: this node stood still.
  std::uint64_t last_request_ = 0;
  TimePoint due_ = TimePoint::max();  // Not later than the next timer; made exact by on_tick.
  TimePoint next_beat_{};
  TimePoint next_exchange_{};
  std::size_t exchanged_from_ = 0;
  std::optional<TimePoint> last_dialled_;
  bool full_noted_ = false;
  mutable std::uint64_t alive_version_ = ~0ULL;
  mutable std::size_t alive_ = 0;
  mutable std::size_t told_from_ = 0;
};

}  // namespace taskmesh::core
