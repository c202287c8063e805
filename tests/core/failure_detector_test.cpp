// Silence, broken connections, own stalls, death and return. Discovery and greeting: membership_test.cpp.
#include <catch2/catch.hpp>
#include <set>

#include "core/mesh_support.hpp"
#include "taskmesh/base/random.hpp"

namespace failure_detector_test {

using namespace mesh_test;
using What = PeerChange::What;

namespace {

PeerChange change(What what, LinkId link) { return {what, node_id(1), 1, link}; }

proto::Heartbeat beat(unsigned number, std::uint32_t flags = 0) {
  proto::Heartbeat record{node_id(number), 1, {}};
  record.load.slots = 4;
  record.load.flags = flags;
  return record;
}

}  // namespace

SCENARIO("a worker that falls silent is suspected, then dead", "[core][membership]") {
  GIVEN("a greeted worker") {
    Driver node;
    const LinkId link = node.join(1);
    const std::uint64_t before = node.view.version();
    WHEN("it is silent for 2 s") {
      CHECK(node.run_to(1999ms).notify.empty());
      const Effects out = node.run_to(2s);
      THEN("it gets no new work, and nothing else happens") {
        CHECK(node.liveness(1) == Liveness::suspect);
        CHECK_FALSE(node.view.by_node(node_id(1))->routable());
        CHECK(node.view.alive() == 0);
        CHECK(node.view.version() > before);
        CHECK(out.close.empty());
        CHECK(node.changes.empty());
        REQUIRE(notes_in(out).size() == 1);
        CHECK(notes_in(out)[0] == "worker w1 (a0000000) is suspect: silent for 2s, no new work goes there");
      }
      AND_WHEN("any record of it comes") {
        node.stall_to(2100ms);
        const Effects heard = node.heard(link);
        THEN("it is alive again") {
          CHECK(node.liveness(1) == Liveness::alive);
          CHECK(notes_in(heard) == std::vector<std::string>{"worker w1 (a0000000) is heard again"});
          CHECK(node.run_to(4s).notify.empty());
          CHECK(node.run_to(4100ms).notify.size() == 1);
        }
      }
      AND_WHEN("it stays silent until 8 s") {
        CHECK(node.run_to(7999ms).close.empty());
        const Effects dead = node.run_to(8s);
        THEN("it is dead, its link is closed and everybody is told") {
          CHECK(node.liveness(1) == Liveness::dead);
          CHECK(dead.close == std::vector{link});
          CHECK(node.changes == std::vector{change(What::dead, link)});
          REQUIRE(notes_in(dead).size() == 1);
          CHECK(std::get<Noted>(dead.notify[0]).warning);
          CHECK(node.view.by_link(link) == nullptr);
        }
      }
    }
    WHEN("it beats every second") {
      Effects all;
      for (int second = 1; second <= 60; ++second) {
        const Effects out = node.run_to(second * 1s);
        all.notify.insert(all.notify.end(), out.notify.begin(), out.notify.end());
        node.on(link, beat(1));
      }
      THEN("nobody suspects it") {
        CHECK(all.notify.empty());
        CHECK(node.liveness(1) == Liveness::alive);
      }
    }
  }
}

SCENARIO("a connection that breaks", "[core][membership]") {
  GIVEN("a greeted worker whose link goes down") {
    Driver node;
    const LinkId link = node.join(1);
    node.run_to(500ms);
    const std::uint64_t before = node.view.version();
    const Effects out = node.down(link);
    THEN("it is unroutable at once") {
      CHECK_FALSE(node.view.by_node(node_id(1))->routable());
      CHECK(node.view.alive() == 0);
      CHECK(node.view.version() > before);
      CHECK(node.changes == std::vector{change(What::cut, link)});
      CHECK(out.close.empty());  // It reconnects by itself.
    }
    WHEN("it is back within 2 s") {
      node.run_to(1500ms);
      const auto hellos = sent<proto::Hello>(node.up(link));
      const Effects back = node.on(link, welcome(1));
      THEN("it is greeted again, and nothing was lost but what was under way") {
        CHECK(hellos.size() == 1);
        CHECK(node.changes == std::vector{change(What::cut, link), change(What::greeted, link)});
        CHECK(notes_in(back).empty());
        CHECK(node.view.alive() == 1);
      }
    }
    WHEN("it is not, and a new connection is refused") {
      node.nobody_there(link);
      CHECK(node.run_to(2499ms).close.empty());
      const Effects dead = node.run_to(2500ms);
      THEN("it is dead") {
        CHECK(dead.close == std::vector{link});
        CHECK(node.changes == std::vector{change(What::cut, link), change(What::dead, link)});
      }
    }
    WHEN("it is not, and nobody refuses a new one") {
      CHECK(node.run_to(7999ms).close.empty());
      THEN("it is dead when it was silent for long enough") {
        CHECK(node.run_to(8s).close == std::vector{link});
      }
    }
    WHEN("its heartbeats still come on the link that it dialled") {
      for (int tenth = 6; tenth <= 50; ++tenth) {
        node.run_to(tenth * 100ms);
        if (tenth % 10 == 0) node.on(LinkId{}, beat(1));
      }
      THEN("it is not dead") { CHECK(node.liveness(1) == Liveness::alive); }
    }
  }
  GIVEN("a link that comes up anew without having gone down") {
    Driver node;
    const LinkId link = node.join(1);
    node.up(link);
    THEN("the former connection is over") {
      CHECK(node.changes == std::vector{change(What::cut, link)});
      CHECK_FALSE(node.view.by_node(node_id(1))->greeted);
    }
  }
}

SCENARIO("our own stall is nobody's silence", "[core][membership]") {
  GIVEN("a client that stood still for a minute") {
    Driver node;
    const LinkId link = node.join(1);
    const LinkId other = node.join(2);
    node.run_to(1s);
    node.heard(link);
    node.stall_to(61s);
    WHEN("its timer is the first to run") {
      const Effects out = node.tick();
      THEN("nobody is suspected; silence is counted from where it stood") {
        CHECK(out.notify.empty());
        CHECK(node.liveness(1) == Liveness::alive);
        CHECK(node.run_to(61'900ms).notify.empty());
        CHECK(node.run_to(62s).notify.size() == 1);
        CHECK(node.liveness(2) == Liveness::suspect);
        CHECK(node.liveness(1) == Liveness::alive);
        CHECK(node.run_to(63s).notify.size() == 1);
      }
    }
    WHEN("a record of one worker is the first to come") {
      node.heard(link);
      const Effects out = node.tick();
      THEN("the gap is credited to the other, and not twice") {
        CHECK(out.notify.empty());
        CHECK(node.view.by_link(link)->last_heard == node.now.at);
        CHECK(node.view.by_link(other)->last_heard == node.now.at - 1s);
      }
    }
  }
  GIVEN("a step that is late by less than 500 ms") {
    Driver node;
    node.join(1);
    node.run_to(1900ms);
    node.stall_to(2400ms);
    node.tick();
    THEN("that is no stall") { CHECK(node.liveness(1) == Liveness::suspect); }
  }
  GIVEN("a stall while a connection is broken") {
    Driver node;
    const LinkId link = node.join(1);
    node.run_to(1s);
    node.down(link);
    node.nobody_there(link);
    node.stall_to(30s);
    node.tick();
    THEN("it still has its 2 s to come back, and nobody is called dead within 3 s of the stall") {
      CHECK(node.liveness(1) == Liveness::suspect);
      node.run_to(32'999ms);
      CHECK(node.liveness(1) != Liveness::dead);
      node.run_to(33s);
      CHECK(node.liveness(1) == Liveness::dead);
    }
  }
}

SCENARIO("a process that has ended", "[core][membership]") {
  GIVEN("a greeted worker") {
    Driver node;
    const LinkId link = node.join(1);
    WHEN("the operating system proves its end") {
      const Effects out = node.on(Gone{node_id(1), 1});
      THEN("it is dead at once") {
        CHECK(out.close == std::vector{link});
        CHECK(node.changes == std::vector{change(What::dead, link)});
        CHECK(node.liveness(1) == Liveness::dead);
      }
      THEN("old gossip revives nobody, a new life does") {
        CHECK(node.on(found(1)).dial.empty());
        CHECK(node.on(LinkId{}, beat(1)).dial.empty());
        CHECK(node.run_to(5min).dial.empty());
        CHECK(node.on(found(1, 2)).dial.size() == 1);
      }
      THEN("it is told once") {
        node.on(Gone{node_id(1), 1});
        node.on(LinkId{}, proto::Bye{node_id(1), 1});
        CHECK(node.changes.size() == 1);
      }
      THEN("after 10 minutes it is forgotten") {
        node.run_to(10min - 1ms);
        CHECK(node.view.by_node(node_id(1)) != nullptr);
        node.run_to(10min);
        CHECK(node.view.by_node(node_id(1)) == nullptr);
        CHECK(node.on(found(1)).dial.size() == 1);
      }
    }
  }
  GIVEN("one that nobody knows") {
    Driver node;
    CHECK(node.on(Gone{node_id(9), 1}) == Effects{});
  }
}

SCENARIO("a worker that says good-bye has left", "[core][membership]") {
  GIVEN("a greeted worker that is a seed") {
    Driver node;
    node.on(seed({endpoint(1)}));
    node.up(LinkId{1});
    node.on(LinkId{1}, welcome(1));
    node.changes.clear();
    const Effects out = node.on(LinkId{1}, proto::Bye{node_id(1), 1});
    REQUIRE(node.liveness(1) == Liveness::left);
    THEN("that is no death") {
      CHECK(node.changes == std::vector{change(What::left, LinkId{1})});
      CHECK(out.close == std::vector{LinkId{1}});
      CHECK(notes_in(out) == std::vector<std::string>{"worker w1 (a0000000) left"});
    }
    THEN("where it still answers it has left all the same; the seed looks again every second") {
      REQUIRE(node.run_to(1s).dial.size() == 1);
      node.up(LinkId{2});
      const Effects refused = node.on(LinkId{2}, welcome(1));
      CHECK(refused.close == std::vector{LinkId{2}});
      CHECK(node.liveness(1) == Liveness::left);
      REQUIRE(node.run_to(2s).dial.size() == 1);
      node.up(LinkId{3});
      node.on(LinkId{3}, welcome(1, 2));
      CHECK(node.liveness(1) == Liveness::alive);
    }
  }
  GIVEN("a good-bye in the name of another worker") {
    Driver node;
    const LinkId link = node.join(1);
    node.join(2);
    node.on(link, proto::Bye{node_id(2), 1});
    node.on(link, beat(2, proto::Load::draining_flag));
    THEN("is not believed") { CHECK(node.liveness(2) == Liveness::alive); }
  }
}

SCENARIO("one that was only silent may return", "[core][membership]") {
  GIVEN("a worker that is dead by silence") {
    Driver node;
    node.join(1);
    node.run_to(8s);
    REQUIRE(node.liveness(1) == Liveness::dead);
    node.changes.clear();
    THEN("it is dialled again every 10 s until it is forgotten, without a word in the log") {
      const Effects out = node.run_to(10min);
      CHECK(out.notify.empty());
      CHECK(out.dial.size() >= 30);  // An attempt lasts 8 s, then a pause of 10 s.
      CHECK(out.dial.front().link == LinkId{2});
      node.run_to(11min);
      CHECK(node.view.by_node(node_id(1)) == nullptr);
      CHECK(node.view.view(node.now.at).empty());
    }
    WHEN("it answers such a dial") {
      const Effects out = node.run_to(18s);
      REQUIRE(out.dial == std::vector<Dial>{{LinkId{2}, endpoint(1)}});
      node.up(LinkId{2});
      CHECK(node.liveness(1) == Liveness::dead);
      const Effects back = node.on(LinkId{2}, welcome(1));
      THEN("it is a member again") {
        CHECK(node.liveness(1) == Liveness::alive);
        CHECK(node.changes == std::vector{change(What::greeted, LinkId{2})});
        CHECK(notes_in(back).size() == 1);
      }
    }
    WHEN("another worker answers at its address") {
      REQUIRE(node.run_to(18s).dial.size() == 1);
      node.up(LinkId{2});
      node.on(LinkId{2}, welcome(2));
      THEN("it is looked for there again 10 s later, not at once") {
        CHECK(node.liveness(1) == Liveness::dead);
        for (int i = 0; i < 99; ++i) {
          node.heard(LinkId{2});
          CHECK(node.run_to(18s + i * 100ms).dial.empty());
        }
        CHECK(node.run_to(28s).dial.size() == 1);
      }
    }
    WHEN("discovery or its own heartbeat tells of it") {
      const bool by_beat = GENERATE(true, false);
      const Effects out = by_beat ? node.on(LinkId{}, beat(1)) : node.on(found(1));
      THEN("it is dialled at once, and only once") {
        CHECK(out.dial.size() == 1);
        CHECK(node.on(LinkId{}, beat(1)).dial.empty());
        CHECK(node.on(found(1)).dial.empty());
      }
    }
    WHEN("then its end is proven") {
      node.on(Gone{node_id(1), 1});
      THEN("nobody is told twice and it is not dialled again") {
        CHECK(node.changes.empty());
        CHECK(node.run_to(5min).dial.empty());
      }
    }
  }
}

SCENARIO("a worker beats for the members it has greeted", "[core][membership]") {
  GIVEN("a worker with one greeted and one silent peer") {
    Driver node{NodeKind::worker};
    const LinkId link = node.join(1);
    node.on(found(2));
    node.load.queued = 5;
    THEN("a HEARTBEAT with its load goes out every second, to the greeted one") {
      CHECK(sent<proto::Heartbeat>(node.run_to(999ms)).empty());
      const auto beats = sent<proto::Heartbeat>(node.run_to(1s));
      REQUIRE(beats.size() == 1);
      CHECK(beats[0].first == link);
      CHECK(beats[0].second == proto::Heartbeat{node_id(0), 7, node.load});
      CHECK(sent<proto::Heartbeat>(node.run_to(5s)).size() == 4);
    }
  }
  GIVEN("a client") {
    Driver node;
    node.join(1);
    THEN("it never beats") { CHECK(sent<proto::Heartbeat>(node.run_to(7s)).empty()); }
  }
}

SCENARIO("a worker that drains gets no new work", "[core][membership]") {
  Driver node;
  const LinkId link = node.join(1);
  const std::uint64_t before = node.view.version();
  node.on(link, beat(1, proto::Load::draining_flag));
  CHECK(node.liveness(1) == Liveness::draining);
  CHECK(node.view.alive() == 0);
  CHECK(node.view.version() > before);
  node.run_to(2s);
  CHECK(node.liveness(1) == Liveness::suspect);
  node.heard(link);  // What it said last still holds.
  CHECK(node.liveness(1) == Liveness::draining);
  node.on(link, beat(1));
  CHECK(node.liveness(1) == Liveness::alive);
  proto::Welcome leaving = welcome(1);
  leaving.load.flags = proto::Load::draining_flag;
  node.on(link, leaving);
  CHECK(node.liveness(1) == Liveness::draining);
}

namespace {

/// Throws one random event at the node. Links are ours, closed ones, and some that never were.
void random_event(Driver& node, Random& random) {
  const auto number = static_cast<unsigned>(random.below(6));
  const std::uint64_t incarnation = random.below(4);
  const LinkId link{random.below(node.next_link + 2)};
  switch (random.below(12)) {
    case 0:
      node.on(Found{node_id(number), incarnation, {endpoint(number), endpoint(number + 50)}});
      break;
    case 1:
      node.on(seed({endpoint(static_cast<unsigned>(random.below(8)))}));
      break;
    case 2:
      node.on(Gone{node_id(number), incarnation});
      break;
    case 3:
    case 4:
      node.up(link);
      break;
    case 5:
      node.down(link);
      break;
    case 6:
    case 7:
      node.on(link, welcome(number, incarnation));
      break;
    case 8:
      node.on(link, proto::Heartbeat{node_id(number), incarnation, {}});
      break;
    case 9:
      node.on(link, proto::Bye{node_id(number), incarnation});
      break;
    case 10: {
      const auto about = random.below(2) == 0 ? std::uint16_t{0} : std::uint16_t{1};
      node.on(link, proto::ErrorReport{static_cast<std::uint16_t>(random.below(8)), about, 100, "x"});
      break;
    }
    default:
      node.heard(link);
      break;
  }
}

}  // namespace

TEST_CASE("whatever comes in, links and peers agree and no timer is forgotten", "[core][membership]") {
  const auto start = GENERATE(range<std::uint64_t>(1, 41));
  INFO("seed " << start);
  Random random{start};
  Driver node{start % 2 == 0 ? NodeKind::worker : NodeKind::client};
  Duration clock{};
  std::set<NodeId> told;
  for (int i = 0; i < 2'000; ++i) {
    random_event(node, random);
    if (random.below(3) == 0) clock += std::chrono::milliseconds(random.below(1'500));
    node.run_to(clock);
    std::size_t linked = 0;
    node.view.for_each([&](const Peer& peer) {
      linked += peer.link ? 1U : 0U;
      if (peer.link) REQUIRE(node.view.by_link(peer.link) == &peer);
      if (peer.member.node) REQUIRE(node.view.by_node(peer.member.node) == &peer);
      if (peer.greeted) REQUIRE(peer.connected);
      if (peer.liveness == Liveness::alive) REQUIRE(peer.link);
      if (peer.link || !peer.endpoint.empty()) REQUIRE(node.wake > node.now.at);
    });
    std::size_t known = 0;
    for (std::uint64_t link = 1; link < node.next_link; ++link) {
      known += node.view.by_link(LinkId{link}) != nullptr ? 1U : 0U;
    }
    if (i % 100 == 0) REQUIRE(known == linked);
    for (const PeerChange& change : node.changes) {  // No end without a beginning, no second end.
      if (change.what == What::greeted) told.insert(change.node);
      if (change.what == What::dead || change.what == What::left) REQUIRE(told.erase(change.node) == 1);
    }
    node.changes.clear();
  }
  // Everybody falls silent: what is left in the end are the seeds.
  node.run_to(clock + 30min);
  node.view.for_each([&](const Peer& peer) { CHECK((peer.seed || peer.liveness == Liveness::joining)); });
}

SCENARIO("the last words of an ended process are heard before it is dead", "[core][membership]") {
  GIVEN("a greeted worker whose process has ended, while its connection is still read") {
    Driver node;
    const LinkId link = node.join(1);
    node.changes.clear();
    const Effects out = node.gone_first(Gone{node_id(1), 1});
    THEN("nothing goes there any more, and nobody is told yet") {
      CHECK(out.close.empty());
      CHECK(node.changes.empty());
      CHECK_FALSE(node.view.by_link(link)->routable());
      CHECK(node.view.alive() == 0);
    }
    WHEN("something it said before comes in") {
      node.heard(link);
      THEN("it is no candidate for all that") { CHECK_FALSE(node.view.by_link(link)->routable()); }
    }
    WHEN("its connection ends") {
      node.down(link);
      THEN("it is dead at once") {
        REQUIRE(node.changes.size() == 1);
        CHECK(node.changes[0].what == PeerChange::What::dead);
      }
    }
    WHEN("its connection does not end") {
      node.run_to(1s);
      THEN("it is dead after last_words") {
        REQUIRE(node.changes.size() == 1);
        CHECK(node.changes[0].what == PeerChange::What::dead);
      }
    }
  }
}

}  // namespace failure_detector_test
