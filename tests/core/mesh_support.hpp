// What the stories about the mesh share: virtual time, ids, and a Membership that is driven by hand.
#pragma once

#include <catch2/catch.hpp>
#include <string>
#include <utility>
#include <vector>

#include "taskmesh/core/mesh/membership.hpp"

namespace mesh_test {

using namespace taskmesh;
using namespace taskmesh::core;

inline Now at(Duration since_start) { return {TimePoint{1h} + since_start, WallTime{1'700'000'000'000'000}}; }

inline NodeId node_id(unsigned number) {
  NodeId id;
  id.bytes[0] = 0xA0;
  id.bytes[14] = static_cast<std::uint8_t>(number >> 8);
  id.bytes[15] = static_cast<std::uint8_t>(number);
  return id;
}

inline std::string endpoint(unsigned number) { return "tcp://127.0.0.1:" + std::to_string(24'000 + number); }

/// How worker `number` describes itself.
inline proto::Member member(unsigned number, std::uint64_t incarnation = 1,
                            std::vector<std::string> serves = {"add"}) {
  proto::Member self;
  self.node = node_id(number);
  self.incarnation = incarnation;
  self.slots = 4;
  self.name = "w" + std::to_string(number);
  self.endpoints = {endpoint(number)};
  self.serves = std::move(serves);
  return self;
}

inline proto::Welcome welcome(unsigned number, std::uint64_t incarnation = 1) {
  proto::Welcome answer;
  answer.window_records = 100;
  answer.window_bytes = 1'000;
  answer.payload_max = 5'000;
  answer.load.slots = 4;
  answer.self = member(number, incarnation);
  return answer;
}

inline Found found(unsigned number, std::uint64_t incarnation = 1) {
  return {node_id(number), incarnation, {endpoint(number)}};
}

inline Found seed(std::vector<std::string> endpoints) { return {{}, 0, std::move(endpoints)}; }

inline NodeConfig node_config(NodeKind kind) {
  NodeConfig config;
  config.kind = kind;
  config.token = std::string(32, 't');
  config.self = member(0, 7);
  config.self.endpoints = kind == NodeKind::worker ? config.self.endpoints : std::vector<std::string>{};
  return config;
}

/// A Membership and its clock. Each call returns the effects of that call alone.
class Driver {
 public:
  explicit Driver(NodeKind kind = NodeKind::client)
      : config{node_config(kind)}, view{config, counters, next_link, [this] { return load; }} {}

  template <class Call>
  Effects step(Call call) {
    Effects out;
    call(view, now, out);
    if (out.wake_at) wake = *out.wake_at;
    for (PeerChange& change : view.take_changes()) changes.push_back(std::move(change));
    return out;
  }
  Effects on(const Found& event) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_found(event, t, out); });
  }
  /// The process has ended, and with it the connection, as it is when all its words were read.
  Effects on(const Gone& event) {
    return step([&](Membership& m, Now t, Effects& out) {
      m.on_gone(event, t, out);
      const Peer* peer = m.by_node(event.node);
      if (peer != nullptr && peer->gone) m.on_link_down(peer->link, t, out);
    });
  }
  /// The process has ended; its connection is still being read.
  Effects gone_first(const Gone& event) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_gone(event, t, out); });
  }
  Effects up(LinkId link) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_link_up(link, t, out); });
  }
  Effects down(LinkId link) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_link_down(link, t, out); });
  }
  Effects nobody_there(LinkId link) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_nobody_there(link, t, out); });
  }
  /// Worker `number` asks on the link that it dialled.
  Effects on(LinkId link, const proto::Doubt& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_doubt(link, record, t, out); });
  }
  Effects on(unsigned from, const proto::Witness& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_witness(node_id(from), record, t, out); });
  }
  Effects on(LinkId link, const proto::Welcome& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_welcome(link, record, t, out); });
  }
  Effects on(LinkId link, const proto::Heartbeat& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_heartbeat(link, record, t, out); });
  }
  Effects on(LinkId link, const proto::Bye& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_bye(link, record, t, out); });
  }
  Effects on(unsigned from, LinkId link, const proto::Digest& record) {
    return step(
        [&](Membership& m, Now t, Effects& out) { m.on_digest(node_id(from), link, record, t, out); });
  }
  Effects on(unsigned from, LinkId link, const proto::Members& record) {
    return step(
        [&](Membership& m, Now t, Effects& out) { m.on_members(node_id(from), link, record, t, out); });
  }
  Effects on(LinkId link, const proto::ErrorReport& record) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_error(link, record, t, out); });
  }
  Effects heard(LinkId link) {
    return step([&](Membership& m, Now t, Effects& out) { m.on_heard(link, t, out); });
  }
  Effects tick() {
    return step([&](Membership& m, Now t, Effects& out) { m.on_tick(t, out); });
  }

  /// Time passes, and the node wakes whenever it asked to be woken. Returns all that it did.
  Effects run_to(Duration since_start) {
    const Now until = at(since_start);
    Effects all;
    for (int ticks = 0; wake <= until.at; ++ticks) {
      REQUIRE(ticks < 100'000);
      now.at = std::max(now.at, wake);
      wake = TimePoint::max();
      const Effects out = tick();
      REQUIRE(wake > now.at);  // Or the node would spin.
      all.dial.insert(all.dial.end(), out.dial.begin(), out.dial.end());
      all.send.insert(all.send.end(), out.send.begin(), out.send.end());
      all.close.insert(all.close.end(), out.close.begin(), out.close.end());
      all.notify.insert(all.notify.end(), out.notify.begin(), out.notify.end());
      if (agreeing) agree(out);
    }
    now = until;
    return all;
  }
  /// All witnesses say that they hear nothing either.
  void agree(const Effects& asked) {
    for (const Send& send : asked.send) {
      const auto* doubt = std::get_if<proto::Doubt>(&send.message);
      const Peer* witness = doubt == nullptr ? nullptr : view.by_link(send.link);
      if (witness == nullptr) continue;
      const NodeId from = witness->member.node;
      const proto::Witness said{doubt->request, doubt->node, doubt->incarnation, 60'000,
                                proto::Testimony::cut};
      step([&](Membership& m, Now t, Effects& out) { m.on_witness(from, said, t, out); });
    }
  }
  /// Nobody runs: time passes and nothing is done.
  void stall_to(Duration since_start) { now = at(since_start); }

  /// Found, dialled, connected and greeted.
  LinkId join(unsigned number, std::uint64_t incarnation = 1) {
    const Effects dialled = on(found(number, incarnation));
    REQUIRE(dialled.dial.size() == 1);
    const LinkId link = dialled.dial[0].link;
    up(link);
    on(link, welcome(number, incarnation));
    REQUIRE(view.by_node(node_id(number))->routable());
    changes.clear();
    return link;
  }
  Liveness liveness(unsigned number) const {
    const Peer* peer = view.by_node(node_id(number));
    REQUIRE(peer != nullptr);
    return peer->liveness;
  }

  bool agreeing = true;  ///< In run_to() witnesses agree.
  NodeConfig config;
  NodeCounters counters;
  std::uint64_t next_link = 1;
  proto::Load load;
  Membership view;
  Now now = at(0s);
  TimePoint wake = TimePoint::max();
  std::vector<PeerChange> changes;
};

inline std::vector<std::string> notes_in(const Effects& effects) {
  std::vector<std::string> lines;
  for (const Notice& notice : effects.notify) {
    if (const Noted* noted = std::get_if<Noted>(&notice)) lines.push_back(noted->text);
  }
  return lines;
}

template <class Record>
std::vector<std::pair<LinkId, Record>> sent(const Effects& effects) {
  std::vector<std::pair<LinkId, Record>> records;
  for (const Send& send : effects.send) {
    if (const Record* record = std::get_if<Record>(&send.message)) records.emplace_back(send.link, *record);
  }
  return records;
}

}  // namespace mesh_test
