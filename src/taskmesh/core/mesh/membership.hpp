// Membership: which workers exist, are they reachable, and what do they say of themselves?
// Spec: proto/02-membership.md.
//
// Pure state machine, used by workers and clients alike: it dials what discovery finds, greets on every new
// connection, sends a worker's heartbeats to the other workers, suspects silent peers (routing only) and
// declares them dead. The caller owns it, calls it from one thread and carries out the Effects.
// Time:   `now.at` never decreases. After a stall of our own (own_stall) the gap is added to every peer's
//         last-heard time before anything is judged.
// Errors: none. A message about an unknown or older incarnation is ignored; that is normal gossip.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/config.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// One worker as this node sees it. A reference stays valid until the next call that is not const.
struct Peer {
  proto::Member member;             ///< node is nil until the first WELCOME of a dialled seed.
  std::unordered_set<std::string> serves;
  LinkId link;                      ///< The link we dialled; nil when there is none.
  std::string endpoint;             ///< Where it goes.
  bool seed = false;                ///< Dialled because the user said so: dialled again for ever.
  Liveness liveness = Liveness::joining;
  bool greeted = false;             ///< WELCOME came on the present connection: requests may be sent.
  std::uint32_t window_records = 0; ///< What it granted.
  std::uint64_t window_bytes = 0;
  std::uint64_t payload_max = 0;
  TimePoint last_heard{};
  TimePoint last_hello{};
  TimePoint cut_at{};               ///< When the connection broke; only meaningful while !connected.
  bool connected = false;
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
  Membership(const NodeConfig& config, std::uint64_t& next_link, std::function<proto::Load()> own_load);

  void on_found(const Found& found, Now now, Effects& out);
  /// Proven dead by the operating system: no suspicion, no delay.
  void on_gone(const Gone& gone, Now now, Effects& out);
  void on_link_up(LinkId link, Now now, Effects& out);
  void on_link_down(LinkId link, Now now, Effects& out);
  /// `welcome` of a different node than before on this endpoint: the old one is dead. Of myself: closed.
  /// Returns true if the link is one of ours. Members it names are found.
  bool on_welcome(LinkId link, const proto::Welcome& welcome, Now now, Effects& out);
  void on_heartbeat(LinkId link, const proto::Heartbeat& beat, Now now, Effects& out);
  void on_bye(LinkId link, const proto::Bye& bye, Now now, Effects& out);
  /// ERROR on one of our links, e.g. wrong token or version: noted once, retried slowly.
  void on_error(LinkId link, const proto::ErrorReport& error, Now now, Effects& out);
  /// Any record on one of our links is a sign of life.
  void on_heard(LinkId link, Now now, Effects& out);
  void on_tick(Now now, Effects& out);
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
  /// True while something dialled has neither greeted nor failed (a young node is still looking around).
  bool settling(TimePoint now) const;
  /// Up to 64 living members, for WELCOME.
  std::vector<proto::Member> members_to_tell() const;
  std::vector<MemberView> view(TimePoint now) const;

 private:
  // The implementation is free to add what it needs below; the contract is above.
  NodeConfig config_;
  std::uint64_t& next_link_;
  std::function<proto::Load()> own_load_;
  std::uint64_t version_ = 0;
};

}  // namespace taskmesh::core
