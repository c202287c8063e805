// Greeting: the door of a worker. Who may speak on the links that others dialled?  Spec:
// proto/02-membership.md.
//
// Checks HELLO (version, mesh token), answers WELCOME, remembers what each greeted link granted and when it
// last spoke, counts clients for placement, sends heartbeats to clients, ignores peers that send rubbish.
// Pure; one thread; `now.at` never decreases. A peer's mistake is answered with ERROR and counted.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

struct Guest {
  proto::Role role = proto::Role::client;
  NodeId node;
  std::uint64_t incarnation = 0;
  std::uint32_t window_records = 0;  ///< NOTIFYs it takes unacknowledged.
  std::uint64_t window_bytes = 0;
  TimePoint last_heard{};
  TimePoint welcomed_at{};        ///< Its last WELCOME that answered a HELLO.
  std::uint64_t payload_max = 0;  ///< Agreed at the greeting.
};

class Greeting {
 public:
  Greeting(const NodeConfig& config, NodeCounters& counters, std::function<proto::Load()> own_load);

  /// Answers WELCOME with `members`, or ERROR. Returns the greeted guest, null if refused.
  const Guest* on_hello(LinkId link, const proto::Hello& hello, std::vector<proto::Member> members, Now now,
                        Effects& out);
  /// The guest of a greeted link, refreshed; null (and ERROR auth said, counted) if it has not greeted.
  const Guest* admit(LinkId link, Now now, Effects& out);
  const Guest* find(LinkId link) const;
  /// Counts; answers ERROR; after bad_frames_max within bad_frames_window the link is ignored.
  void on_bad_input(const BadInput& bad, Now now, Effects& out);
  bool ignored(LinkId link, TimePoint now) const;
  /// Links that were greeted and are so no more, since the last call.
  std::vector<LinkId> take_dropped() { return std::exchange(dropped_, {}); }
  void on_link_down(LinkId link);
  /// Clients heard of in the last client_counts_for. Counted anew at most once a second, so cheap to ask.
  std::uint32_t clients(TimePoint now) const;
  /// Heartbeats to client links; forgets silent workers' links (they greet again) and old offences. Costs
  /// nothing before its time; each call that may need it ends with out.wake_by(its time).
  void on_tick(Now now, Effects& out);
  /// Another worker has joined: WELCOME is said again to every guest, naming it. Who knows the mesh by a seed
  /// alone learns of later workers no other way.
  void introduce(const proto::Member& member, Effects& out) const;
  /// A worker leaves: BYE to every client link.
  void say_bye(Effects& out);

 private:
  /// Who sent what cannot be read, or spoke before it greeted.
  struct Offender {
    std::uint32_t bad = 0;  ///< Since `since`.
    TimePoint since{};
    TimePoint ignored_until{};
    std::optional<TimePoint> scolded_at;  ///< When it was last told to greet.
  };

  bool refuse(LinkId link, proto::Code code, Duration retry_after, std::string text, Effects& out);
  proto::Welcome make_welcome(std::uint64_t payload_max) const;
  bool acceptable(LinkId link, const proto::Hello& hello, Now now, Effects& out);
  Offender* offender(LinkId link);
  void drop(LinkId link);
  void arm(Now now, Effects& out);

  NodeConfig config_;
  NodeCounters& counters_;
  std::function<proto::Load()> own_load_;
  std::unordered_map<LinkId, Guest> guests_;
  std::unordered_map<LinkId, Offender> offenders_;
  std::vector<LinkId> dropped_;
  std::optional<TimePoint> next_beat_;
  mutable std::uint32_t clients_ = 0;
  mutable std::optional<TimePoint> counted_at_;
};

}  // namespace taskmesh::core
