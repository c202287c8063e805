// What a node does with what others tell of workers: rumours are dialled, bounded, and decide nothing.
#include <algorithm>

#include "core/mesh_support.hpp"
#include "taskmesh/core/mesh/numeric_address.hpp"

namespace member_exchange_test {

using namespace mesh_test;

namespace {

proto::Introduction rumour(unsigned number, std::uint64_t incarnation = 1) {
  return {node_id(number), incarnation, {endpoint(number)}};
}

proto::Members told(std::vector<proto::Introduction> members) { return {std::move(members), {}}; }

proto::Digest digest_of(std::vector<proto::Brief> known) { return {std::move(known)}; }

/// Time passes in which the worker `number` beats, until our next DIGEST.
std::pair<LinkId, proto::Digest> next_digest(Driver& node, const std::vector<unsigned>& beating) {
  for (int second = 0; second < 30; ++second) {
    const Effects out = node.run_to(node.now.at - at(0s).at + 1s);
    for (const unsigned number : beating) {
      node.on(LinkId{}, proto::Heartbeat{node_id(number), 1, {}});
    }
    if (auto digests = sent<proto::Digest>(out); !digests.empty()) return digests.front();
  }
  return {};
}

}  // namespace

SCENARIO("a worker tells a random member whom it knows, about every 10 s", "[core][membership]") {
  GIVEN("a worker that knows a living, a silent, an ended and a merely dialled one") {
    Driver node{NodeKind::worker};
    node.join(1);
    node.join(2);
    node.join(3);
    node.on(Gone{node_id(2), 1});
    node.down(node.view.by_node(node_id(3))->link);
    node.nobody_there(node.view.by_node(node_id(3))->link);
    node.on(found(4));
    const auto [link, digest] = next_digest(node, {1});
    THEN("the living one is told of the first three and how they stand") {
      CHECK(link == node.view.by_node(node_id(1))->link);
      CHECK(digest.known == std::vector<proto::Brief>{{node_id(1), 1, proto::Standing::living},
                                                      {node_id(2), 1, proto::Standing::ended},
                                                      {node_id(3), 1, proto::Standing::silent}});
    }
    THEN("the next ones come 8 to 12 s apart, on a second more") {
      TimePoint last = node.now.at;
      for (int i = 0; i < 5; ++i) {
        REQUIRE(next_digest(node, {1}).first);
        CHECK(node.now.at - last >= 8s);
        CHECK(node.now.at - last <= 13s);
        last = node.now.at;
      }
    }
  }
  GIVEN("a client") {
    Driver node;
    node.join(1);
    THEN("it tells nobody") { CHECK_FALSE(next_digest(node, {1}).first); }
  }
}

SCENARIO("a digest is answered with the differences", "[core][membership]") {
  Driver node{NodeKind::worker};
  for (const unsigned number : {1U, 2U, 3U, 4U}) node.join(number);
  const LinkId door{LinkId::inbound_bit | 1};
  const auto briefs = digest_of({{node_id(0), 7},                            // Ourselves.
                                 {node_id(2), 1},                            // Known to both.
                                 {node_id(3), 1, proto::Standing::silent},   // Silent over there.
                                 {node_id(8), 1},                            // Known there alone.
                                 {node_id(9), 1, proto::Standing::ended}});  // Past, for all.
  WHEN("a worker that we know sends it") {
    const auto answers = sent<proto::Members>(node.on(1, door, briefs));
    THEN("it hears of whom it lacks and of who is silent for it, and is asked for whom we lack") {
      REQUIRE(answers.size() == 1);
      CHECK(answers[0].first == door);
      CHECK(answers[0].second.members == std::vector<proto::Introduction>{rumour(3), rumour(4)});
      CHECK(answers[0].second.wanted == std::vector{node_id(8)});
    }
    THEN("another one at once is counted and not answered") {
      CHECK(node.on(1, door, briefs).send.empty());
      CHECK(node.counters.hasty_digests == 1);
    }
  }
  WHEN("there is no difference") {
    const auto same = digest_of({{node_id(2), 1}, {node_id(3), 1}, {node_id(4), 1}});
    THEN("nothing is said") { CHECK(node.on(1, door, same).send.empty()); }
  }
  WHEN("the sender has said good-bye to one that is still there for us") {
    const auto left = digest_of({{node_id(2), 1, proto::Standing::ended}, {node_id(3), 1}, {node_id(4), 1}});
    THEN("it is not told of it again, and the rumour of the end ends nothing") {
      CHECK(node.on(1, door, left).send.empty());
      CHECK(node.liveness(2) == Liveness::alive);
    }
  }
  WHEN("a stranger sends it") {
    THEN("it is not answered") { CHECK(node.on(99, door, briefs).send.empty()); }
  }
}

SCENARIO("what is wanted is told once, after a digest of ours", "[core][membership]") {
  Driver node{NodeKind::worker};
  const LinkId link = node.join(1);
  node.join(2);
  const proto::Members asked{{}, {node_id(2), node_id(77)}};
  CHECK(node.on(1, link, asked).send.empty());  // We had sent nothing.
  const LinkId chosen = next_digest(node, {1, 2}).first;
  const unsigned whom = chosen == link ? 1 : 2;
  const proto::Members other{{}, {node_id(3 - whom), node_id(77)}};
  const auto answers = sent<proto::Members>(node.on(whom, chosen, other));
  REQUIRE(answers.size() == 1);
  CHECK(answers[0].second == told({rumour(3 - whom)}));
  CHECK(node.on(whom, chosen, other).send.empty());
}

SCENARIO("a rumour introduces, and decides nothing", "[core][membership]") {
  Driver node{NodeKind::worker};
  const LinkId link = node.join(1);
  node.join(2);
  WHEN("it names a worker that we do not know") {
    const Effects out = node.on(1, link, told({rumour(5)}));
    THEN("that one is dialled, and counts from its own WELCOME on") {
      REQUIRE(out.dial.size() == 1);
      CHECK(out.dial[0].endpoint == endpoint(5));
      CHECK_FALSE(node.view.by_node(node_id(5))->routable());
      node.up(out.dial[0].link);
      node.on(out.dial[0].link, welcome(5));
      CHECK(node.view.by_node(node_id(5))->routable());
    }
  }
  WHEN("it names a later life of a living one") {
    const Effects out = node.on(1, link, told({rumour(2, 99)}));
    THEN("nobody is dead for that") {
      CHECK(out == Effects{.wake_at = out.wake_at});
      CHECK(node.liveness(2) == Liveness::alive);
      CHECK(node.changes.empty());
    }
  }
  WHEN("it gave a life that is later than the true one") {
    const Effects out = node.on(1, link, told({rumour(5, 99)}));
    REQUIRE(out.dial.size() == 1);
    node.up(out.dial[0].link);
    node.on(out.dial[0].link, welcome(5, 3));
    THEN("the true one is welcome all the same") { CHECK(node.liveness(5) == Liveness::alive); }
  }
  WHEN("it names one that has ended, of any life") {
    node.on(Gone{node_id(2), 1});
    THEN("the dead stay dead") {
      CHECK(node.on(1, link, told({rumour(2), rumour(2, 9)})).dial.empty());
      proto::Welcome again = welcome(1);
      again.members = {member(2), member(2, 9)};
      CHECK(node.on(link, again).dial.empty());
    }
  }
  WHEN("it names one that only fell silent") {
    node.down(node.view.by_node(node_id(2))->link);
    node.nobody_there(node.view.by_node(node_id(2))->link);
    node.run_to(1s);
    REQUIRE(node.liveness(2) == Liveness::dead);
    THEN("that one is dialled at once") { CHECK(node.on(1, link, told({rumour(2)})).dial.size() == 1); }
  }
}

SCENARIO("addresses that peers tell of are checked before they are dialled", "[core][membership]") {
  Driver node{NodeKind::worker};
  const LinkId link = node.join(1);
  const std::vector<std::string> bad{"tcp://example.org:24800",
                                     "tcp://localhost:24800",
                                     "tcp://127.0.0.1",
                                     "tcp://127.0.0.1:0",
                                     "tcp://127.0.0.1:70000",
                                     "tcp://127.1:24800",
                                     "tcp://0.0.0.0:24800",
                                     "tcp://224.0.0.1:24800",
                                     "tcp://10.0.0.1:24800",  // This node keeps to its host.
                                     "ipc:///tmp/socket",
                                     "inproc://inside",
                                     "pgm://eth0;239.192.1.1:5555",
                                     ""};
  WHEN("a rumour has only such") {
    CHECK(node.on(1, link, told({{node_id(5), 1, bad}})).dial.empty());
    CHECK(node.view.by_node(node_id(5)) == nullptr);
    CHECK(node.counters.bad_addresses == bad.size());
  }
  WHEN("a HELLO or a WELCOME has them besides good ones") {
    proto::Member self = member(5);
    self.endpoints.insert(self.endpoints.begin(), bad.begin(), bad.end());
    const Effects out = node.step([&](Membership& m, Now t, Effects& o) { m.on_hello(self, t, o); });
    REQUIRE(out.dial.size() == 1);
    CHECK(out.dial[0].endpoint == endpoint(5));
    node.up(out.dial[0].link);
    proto::Welcome answer = welcome(5);
    answer.self = self;
    node.on(out.dial[0].link, answer);
    CHECK(node.view.by_node(node_id(5))->member.endpoints == std::vector{endpoint(5)});
    CHECK(node.counters.bad_addresses == 2 * bad.size());
  }
  CHECK(reach_of_address("tcp://10.0.0.1:24800") == Reach::beyond);
  CHECK(reach_of_address("tcp://[::1]:24800") == Reach::loopback);
  CHECK(reach_of_address("ipc://@name") == Reach::loopback);
  CHECK(reach_of_address("tcp://[ff02::1]:24800") == Reach::never);
}

SCENARIO("a liar with thousands of invented workers costs a bounded number of dials", "[core][membership]") {
  Driver node{NodeKind::worker};
  const LinkId liar = node.join(1);
  const LinkId honest = node.join(2);
  std::size_t dials = 0;
  unsigned invented = 100;
  for (int second = 1; second <= 30; ++second) {
    std::vector<proto::Introduction> lies;
    for (int i = 0; i < 64; ++i) lies.push_back(rumour(invented++));
    dials += node.on(1, liar, told(lies)).dial.size();
    node.on(LinkId{}, proto::Heartbeat{node_id(1), 1, {}});
    node.on(LinkId{}, proto::Heartbeat{node_id(2), 1, {}});
    node.run_to(std::chrono::seconds(second));
  }
  CHECK(dials == limits::rumours_max);
  CHECK(node.counters.dropped_rumours == 30 * 64 - limits::rumours_max);
  CHECK(node.on(2, honest, told({rumour(50)})).dial.size() == 1);  // Others are heard all the same.
}

SCENARIO("the address of one that fell silent is kept for a day", "[core][membership]") {
  GIVEN("a worker that was dead by silence for 10 minutes") {
    Driver node{NodeKind::worker};
    node.join(1);
    node.run_to(11min);
    REQUIRE(node.view.by_node(node_id(1)) == nullptr);
    THEN("it is dialled every 30 s for a day, without a word in the log, and then no more") {
      const Effects hour = node.run_to(71min);
      CHECK(hour.notify.empty());
      CHECK(hour.dial.size() >= 90);  // An attempt lasts 8 s, then a pause of 30 s.
      CHECK(hour.dial.size() <= 120);
      node.run_to(24h + 1min);
      CHECK(node.wake == TimePoint::max());
      CHECK(node.run_to(25h).dial.empty());
    }
    WHEN("it answers") {
      const Effects out = node.run_to(11min + 55s);
      REQUIRE_FALSE(out.dial.empty());
      node.up(out.dial.back().link);
      node.on(out.dial.back().link, welcome(1));
      THEN("it is a member again") {
        CHECK(node.liveness(1) == Liveness::alive);
        CHECK(node.view.by_node(node_id(1))->routable());
      }
    }
    WHEN("another mesh answers there") {
      const Effects out = node.run_to(11min + 55s);
      REQUIRE_FALSE(out.dial.empty());
      node.up(out.dial.back().link);
      proto::ErrorReport refusal;
      refusal.code = static_cast<std::uint16_t>(proto::Code::auth);
      refusal.about = static_cast<std::uint16_t>(proto::Type::hello);
      node.on(out.dial.back().link, refusal);
      THEN("the address is given up") { CHECK(node.run_to(2h).dial.empty()); }
    }
  }
  GIVEN("more of them than are kept") {
    Driver node{NodeKind::worker};
    const auto many = static_cast<unsigned>(limits::lost_addresses_max) + 20;
    for (unsigned number = 1; number <= many; ++number) node.join(number);
    node.run_to(11min);
    std::size_t kept = 0;
    node.view.for_each([&](const Peer&) { ++kept; });
    THEN("the number is bounded") { CHECK(kept == limits::lost_addresses_max); }
  }
}

}  // namespace member_exchange_test
