// Who is found, dialled, greeted, and taken for whom. Silence and death: failure_detector_test.cpp.
#include "taskmesh/core/mesh/membership.hpp"

#include <catch2/catch.hpp>

#include "core/mesh_support.hpp"

namespace membership_test {

using namespace mesh_test;
using What = PeerChange::What;

namespace {

PeerChange change(What what, unsigned number, std::uint64_t incarnation, LinkId link) {
  return {what, node_id(number), incarnation, link};
}

proto::ErrorReport error(proto::Code code, bool about_hello, std::uint64_t retry_after_ms = 0) {
  const auto about = about_hello ? static_cast<std::uint16_t>(proto::Type::hello) : std::uint16_t{0};
  return {static_cast<std::uint16_t>(code), about, retry_after_ms, "no"};
}

}  // namespace

SCENARIO("a worker that is found is dialled, greeted, and then takes requests", "[core][membership]") {
  GIVEN("a client that finds a worker") {
    Driver node;
    const Effects dialled = node.on(found(1));
    REQUIRE(dialled.dial == std::vector<Dial>{{LinkId{1}, endpoint(1)}});
    REQUIRE(dialled.send.empty());
    REQUIRE(node.liveness(1) == Liveness::joining);
    const std::uint64_t before = node.view.version();
    WHEN("the link is up") {
      const Effects greeting = node.up(LinkId{1});
      THEN("it says HELLO, and again every 500 ms") {
        const auto hellos = sent<proto::Hello>(greeting);
        REQUIRE(hellos.size() == 1);
        CHECK(hellos[0].first == LinkId{1});
        CHECK(hellos[0].second.role == proto::Role::client);
        CHECK(hellos[0].second.token == node.config.token);
        CHECK(hellos[0].second.self == node.config.self);
        CHECK(hellos[0].second.window_records == limits::window_records);
        CHECK(sent<proto::Hello>(node.run_to(499ms)).empty());
        CHECK(sent<proto::Hello>(node.run_to(500ms)).size() == 1);
        CHECK(sent<proto::Hello>(node.run_to(2s)).size() == 3);
        CHECK(node.view.alive() == 0);
      }
      AND_WHEN("WELCOME comes, twice") {
        const Effects joined = node.on(LinkId{1}, welcome(1));
        const Effects again = node.on(LinkId{1}, welcome(1));
        THEN("the worker counts once, with what it granted and serves") {
          CHECK(node.changes == std::vector{change(What::greeted, 1, 1, LinkId{1})});
          CHECK(notes_in(joined) ==
                std::vector<std::string>{"worker w1 (a0000000) joined at " + endpoint(1) + " with 4 slots"});
          CHECK(notes_in(again).empty());
          const Peer* peer = node.view.by_link(LinkId{1});
          REQUIRE(peer == node.view.by_node(node_id(1)));
          CHECK(peer->routable());
          CHECK(peer->window_records == 100);
          CHECK(peer->window_bytes == 1'000);
          CHECK(peer->payload_max == 5'000);
          CHECK(peer->serves.contains("add"));
          CHECK(node.view.alive() == 1);
          CHECK(node.view.version() > before);
          CHECK(sent<proto::Hello>(node.run_to(1900ms)).empty());
        }
      }
    }
  }
  GIVEN("a worker that finds a worker") {
    Driver node{NodeKind::worker};
    node.on(found(1));
    THEN("it greets as one") {
      const auto hellos = sent<proto::Hello>(node.up(LinkId{1}));
      REQUIRE(hellos.size() == 1);
      CHECK(hellos[0].second.role == proto::Role::worker);
      CHECK(hellos[0].second.self.endpoints == node.config.self.endpoints);
    }
  }
}

SCENARIO("a node never talks to itself", "[core][membership]") {
  GIVEN("a worker") {
    Driver node{NodeKind::worker};
    WHEN("it is told of itself, or of its own endpoint") {
      THEN("nothing is dialled") {
        CHECK(node.on(found(0, 7)).dial.empty());
        CHECK(node.on(seed({endpoint(0)})).dial.empty());
        CHECK(node.on(Found{node_id(5), 1, {endpoint(0)}}).dial.empty());
        CHECK(node.view.by_node(node_id(5)) == nullptr);
        node.on(Found{node_id(0), 7, {"tcp://other-name:24000"}});
        CHECK(node.on(seed({"tcp://other-name:24000"})).dial.empty());
      }
    }
    WHEN("a seed leads back to it under another name") {
      REQUIRE(node.on(seed({"tcp://localhost:24000"})).dial.size() == 1);
      node.up(LinkId{1});
      const Effects out = node.on(LinkId{1}, welcome(0, 7));
      THEN("the link is closed and the name remembered as its own") {
        CHECK(out.close == std::vector{LinkId{1}});
        CHECK(node.changes.empty());
        CHECK(node.on(seed({"tcp://localhost:24000"})).dial.empty());
        CHECK(node.run_to(5min).dial.empty());
        CHECK(node.view.view(node.now.at).empty());
      }
    }
    WHEN("one of two addresses of another worker leads back to it") {
      node.on(Found{node_id(1), 1, {"tcp://localhost:24000", endpoint(1)}});
      node.up(LinkId{1});
      const Effects out = node.on(LinkId{1}, welcome(0, 7));
      THEN("the other address is tried") {
        CHECK(out.close == std::vector{LinkId{1}});
        CHECK(out.dial == std::vector<Dial>{{LinkId{2}, endpoint(1)}});
      }
    }
  }
}

SCENARIO("a seed is dialled for ever", "[core][membership]") {
  GIVEN("a client with a seed that does not answer") {
    Driver node;
    REQUIRE(node.on(seed({"tcp://far:24800"})).dial.size() == 1);
    THEN("an hour later the link still stands, and the same seed said again changes nothing") {
      CHECK(node.run_to(1h).close.empty());
      CHECK(node.on(seed({"tcp://far:24800"})).dial.empty());
      CHECK(node.view.by_link(LinkId{1})->seed);
    }
    WHEN("it answers") {
      node.up(LinkId{1});
      node.on(LinkId{1}, welcome(1));
      REQUIRE(node.liveness(1) == Liveness::alive);
      AND_WHEN("its process ends") {
        const Effects gone = node.on(Gone{node_id(1), 1});
        THEN("the address is dialled again a second later, for whoever starts there") {
          CHECK(gone.close == std::vector{LinkId{1}});
          CHECK(gone.dial.empty());
          const Effects later = node.run_to(1s);
          REQUIRE(later.dial == std::vector<Dial>{{LinkId{2}, "tcp://far:24800"}});
          node.up(LinkId{2});
          node.on(LinkId{2}, welcome(2));
          CHECK(node.view.by_node(node_id(2))->seed);
          CHECK(node.liveness(1) == Liveness::dead);
          CHECK(node.liveness(2) == Liveness::alive);
        }
      }
    }
  }
  GIVEN("a worker that is known already, and a seed with the address of its link") {
    Driver node;
    node.join(1);
    const Effects out = node.on(seed({endpoint(1)}));
    THEN("no second link is made, and the address is a seed from now on") {
      CHECK(out.dial.empty());
      CHECK(node.view.by_node(node_id(1))->seed);
      node.on(Gone{node_id(1), 1});
      CHECK(node.run_to(1s).dial.size() == 1);
    }
  }
}

SCENARIO("the same worker reached by two ways keeps one link", "[core][membership]") {
  GIVEN("a greeted worker, and a seed that leads to it") {
    Driver node;
    const LinkId first = node.join(1);
    node.on(seed({"tcp://alias:1"}));
    const LinkId second{2};
    node.up(second);
    const Effects out = node.on(second, welcome(1));
    THEN("the newer link is closed, the older stays, and the seed is remembered with it") {
      CHECK(out.close == std::vector{second});
      CHECK(node.changes.empty());
      CHECK(node.view.by_link(first) == node.view.by_node(node_id(1)));
      CHECK(node.view.by_link(second) == nullptr);
      CHECK(node.view.by_node(node_id(1))->seed);
      CHECK(node.view.view(node.now.at).size() == 1);
    }
    AND_WHEN("it dies") {
      node.on(Gone{node_id(1), 1});
      THEN("the seed is dialled again") {
        CHECK(node.run_to(1s).dial == std::vector<Dial>{{LinkId{3}, "tcp://alias:1"}});
      }
    }
  }
  GIVEN("a worker whose own address leads nowhere, and a seed that reaches it") {
    Driver node;
    node.on(found(1));
    node.on(seed({"tcp://alias:1"}));
    node.up(LinkId{2});
    const Effects out = node.on(LinkId{2}, welcome(1));
    THEN("the link that works is kept") {
      CHECK(out.close == std::vector{LinkId{1}});
      CHECK(node.view.by_link(LinkId{2}) == node.view.by_node(node_id(1)));
      CHECK(node.view.by_link(LinkId{1}) == nullptr);
      CHECK(node.changes == std::vector{change(What::greeted, 1, 1, LinkId{2})});
      CHECK(node.view.alive() == 1);
    }
  }
}

SCENARIO("a newer incarnation ends the older one, an older is old gossip", "[core][membership]") {
  GIVEN("worker 1 in its third life") {
    Driver node;
    const LinkId link = node.join(1, 3);
    WHEN("an older life is told of, in any way") {
      THEN("nothing happens") {
        CHECK(node.on(found(1, 2)).dial.empty());
        CHECK(node.on(Gone{node_id(1), 2}).close.empty());
        node.on(link, welcome(1, 2));
        node.on(link, proto::Bye{node_id(1), 2});
        proto::Heartbeat former{node_id(1), 2, {}};
        former.load.flags = proto::Load::draining_flag;
        node.on(link, former);
        CHECK(node.changes.empty());
        CHECK(node.view.by_node(node_id(1))->member.incarnation == 3);
        CHECK(node.liveness(1) == Liveness::alive);
      }
    }
    WHEN("a newer life is found") {
      const Effects out = node.on(Found{node_id(1), 4, {"tcp://new:1"}});
      THEN("the old one is dead at once and the new one is dialled where it is") {
        CHECK(node.changes == std::vector{change(What::dead, 1, 3, link)});
        CHECK(out.close == std::vector{link});
        CHECK(out.dial == std::vector<Dial>{{LinkId{2}, "tcp://new:1"}});
        CHECK(node.liveness(1) == Liveness::joining);
      }
    }
    WHEN("a newer life answers on the link after a break") {
      node.down(link);
      node.up(link);
      node.on(link, welcome(1, 4));
      THEN("the old one is dead before the new one is greeted") {
        CHECK(node.changes == std::vector{change(What::cut, 1, 3, link), change(What::dead, 1, 3, link),
                                          change(What::greeted, 1, 4, link)});
      }
    }
    WHEN("a heartbeat of a newer life comes on a link that it dialled") {
      const Effects out = node.on(LinkId{}, proto::Heartbeat{node_id(1), 4, {}});
      THEN("the old one is dead, and the new one is greeted anew") {
        CHECK(node.changes == std::vector{change(What::dead, 1, 3, link)});
        CHECK(out.dial.size() == 1);
      }
    }
  }
  GIVEN("a worker whose incarnation is not known yet") {
    Driver node;
    node.on(Found{node_id(1), 0, {endpoint(1)}});
    THEN("learning it does not disturb the dial") {
      const Effects out = node.on(found(1, 9));
      CHECK(out.dial.empty());
      CHECK(out.close.empty());
      CHECK(node.view.by_node(node_id(1))->member.incarnation == 9);
    }
  }
}

SCENARIO("another worker at an address means that the former one is dead", "[core][membership]") {
  GIVEN("a greeted worker") {
    Driver node;
    const LinkId link = node.join(1, 3);
    WHEN("another worker answers on its link") {
      node.down(link);
      node.up(link);
      node.changes.clear();
      const Effects out = node.on(link, welcome(2));
      THEN("the old one is dead and the link is the new one's") {
        CHECK(node.changes ==
              std::vector{change(What::dead, 1, 3, LinkId{}), change(What::greeted, 2, 1, link)});
        CHECK(out.close.empty());
        CHECK(node.view.by_link(link) == node.view.by_node(node_id(2)));
        CHECK(node.liveness(1) == Liveness::dead);
      }
    }
    WHEN("a worker that is greeted elsewhere answers on its link") {
      const LinkId other = node.join(2);
      node.down(link);
      node.up(link);
      node.changes.clear();
      const Effects out = node.on(link, welcome(2));
      THEN("the old one is dead and the second link closed") {
        CHECK(node.changes == std::vector{change(What::dead, 1, 3, link)});
        CHECK(out.close == std::vector{link});
        CHECK(node.view.by_link(other) == node.view.by_node(node_id(2)));
      }
    }
  }
}

SCENARIO("a peer with several endpoints is tried at each", "[core][membership]") {
  GIVEN("a worker with three endpoints, none of which connects") {
    Driver node;
    node.on(Found{node_id(1), 1, {"tcp://a:1", "tcp://b:1", "tcp://c:1"}});
    THEN("the next one is tried every 2 s, round and round, until the attempt is given up after 8 s") {
      const Effects out = node.run_to(7900ms);
      CHECK(out.dial ==
            std::vector<Dial>{{LinkId{2}, "tcp://b:1"}, {LinkId{3}, "tcp://c:1"}, {LinkId{4}, "tcp://a:1"}});
      CHECK(out.close == std::vector{LinkId{1}, LinkId{2}, LinkId{3}});
      const Effects end = node.run_to(8s);
      CHECK(end.close == std::vector{LinkId{4}});
      CHECK(node.changes.empty());  // Nobody was told of it, so nobody is told of its end.
      CHECK(notes_in(end).empty());
      CHECK(node.liveness(1) == Liveness::dead);
    }
  }
  GIVEN("two endpoints, the first of which connects and never welcomes") {
    Driver node;
    node.on(seed({"tcp://a:1", "tcp://b:1"}));
    node.up(LinkId{1});
    THEN("it has more patience, but not for ever") {
      CHECK(node.run_to(7900ms).dial.empty());
      CHECK(node.run_to(8s).dial == std::vector<Dial>{{LinkId{2}, "tcp://b:1"}});
    }
  }
  GIVEN("endpoints that cannot be right") {
    Driver node;
    std::vector<std::string> many{"", std::string(limits::address_bytes + 1, 'x')};
    THEN("they are not kept, and no more than endpoints_max are") {
      CHECK(node.on(Found{node_id(1), 1, many}).dial.empty());
      CHECK(node.view.by_node(node_id(1)) == nullptr);
      for (unsigned i = 0; i < 100; ++i) many.push_back("tcp://h" + std::to_string(i) + ":1");
      node.on(seed(many));
      std::size_t dials = 0;
      for (const Dial& dial : node.run_to(10min).dial) {
        dials = std::max<std::size_t>(dials, std::stoul(dial.endpoint.substr(7)) + 1);
      }
      CHECK(dials == limits::endpoints_max);
    }
  }
}

SCENARIO("WELCOME introduces other members", "[core][membership]") {
  GIVEN("a worker that names more members than it may, itself and us among them") {
    Driver node{NodeKind::worker};
    node.on(found(1));
    node.up(LinkId{1});
    proto::Welcome answer = welcome(1);
    answer.members = {member(0, 7), member(1), proto::Member{}};
    for (unsigned i = 2; i < 200; ++i) answer.members.push_back(member(i));
    const Effects out = node.on(LinkId{1}, answer);
    THEN("the first 64 are found, without those two") {
      CHECK(out.dial.size() == limits::members_in_welcome_max - 3);
      CHECK(node.view.by_node(node_id(2)) != nullptr);
    }
  }
}

SCENARIO("WELCOME where none is expected changes nothing", "[core][membership]") {
  Driver node;
  node.on(found(1));
  Effects out;
  CHECK_FALSE(node.view.on_welcome(LinkId{99}, welcome(1), node.now, out));  // Not our link.
  CHECK(node.view.on_welcome(LinkId{1}, welcome(1), node.now, out));         // Not connected.
  CHECK(node.liveness(1) == Liveness::joining);
  node.up(LinkId{1});
  proto::Welcome nobody = welcome(1);
  nobody.self.node = {};
  node.on(LinkId{1}, nobody);
  CHECK(node.changes.empty());
  node.on(LinkId{1}, welcome(1));
  node.down(LinkId{1});
  node.on(LinkId{1}, welcome(1));  // Late, of the connection that broke.
  CHECK_FALSE(node.view.by_node(node_id(1))->greeted);
}

SCENARIO("a worker that does not take our greeting", "[core][membership]") {
  Driver node;
  node.on(found(1));
  node.up(LinkId{1});
  WHEN("the mesh token is wrong") {
    const Effects out = node.on(LinkId{1}, error(proto::Code::auth, true));
    THEN("that is noted once with its cause and cure, and tried again every 5 s") {
      REQUIRE(notes_in(out).size() == 1);
      CHECK(notes_in(out)[0].find("wrong mesh token") != std::string::npos);
      CHECK(notes_in(out)[0].find("token file") != std::string::npos);
      CHECK(std::get<Noted>(out.notify[0]).warning);
      CHECK(sent<proto::Hello>(node.run_to(4900ms)).empty());
      CHECK(sent<proto::Hello>(node.run_to(5s)).size() == 1);
      CHECK(notes_in(node.on(LinkId{1}, error(proto::Code::auth, true))).empty());
      CHECK(sent<proto::Hello>(node.run_to(10s)).size() == 1);
      CHECK_FALSE(node.view.settling(node.now.at));
      node.on(LinkId{1}, welcome(1));
      CHECK(node.liveness(1) == Liveness::alive);
    }
  }
  WHEN("it is of another mesh, so that it refuses the frame and not HELLO") {
    const Effects out = node.on(LinkId{1}, error(proto::Code::auth, false));
    THEN("that is the same, with another cause") {
      REQUIRE(notes_in(out).size() == 1);
      CHECK(notes_in(out)[0].find("another mesh") != std::string::npos);
      CHECK(sent<proto::Hello>(node.run_to(4900ms)).empty());
      CHECK(sent<proto::Hello>(node.run_to(5s)).size() == 1);
    }
  }
  WHEN("it does not even read a frame of our version") {
    THEN("that is the same as refusing HELLO") {
      CHECK(node.on(LinkId{1}, error(proto::Code::version, false)).close == std::vector{LinkId{1}});
      CHECK(node.run_to(59s).dial.empty());
    }
  }
  WHEN("it speaks another version") {
    const Effects out = node.on(LinkId{1}, error(proto::Code::version, true));
    THEN("it is left alone for 60 s, whatever is found meanwhile") {
      CHECK(out.close == std::vector{LinkId{1}});
      CHECK(notes_in(out).size() == 1);
      CHECK(node.on(found(1)).dial.empty());
      CHECK(node.run_to(59s).dial.empty());
      CHECK(node.run_to(60s).dial == std::vector<Dial>{{LinkId{2}, endpoint(1)}});
      node.up(LinkId{2});
      CHECK(notes_in(node.on(LinkId{2}, error(proto::Code::version, true))).empty());
    }
  }
  WHEN("it has too many links") {
    node.on(LinkId{1}, error(proto::Code::busy, true, 3'000));
    THEN("it is asked again when it said") {
      CHECK(sent<proto::Hello>(node.run_to(2900ms)).empty());
      CHECK(sent<proto::Hello>(node.run_to(3s)).size() == 1);
    }
  }
}

SCENARIO("a worker that had welcomed us and then sends an ERROR", "[core][membership]") {
  Driver node;
  node.on(found(1));
  node.up(LinkId{1});
  WHEN("another mesh answers at its address") {
    node.on(LinkId{1}, welcome(1));
    node.down(LinkId{1});
    node.up(LinkId{1});
    node.changes.clear();
    const auto code = GENERATE(proto::Code::auth, proto::Code::version);
    const Effects out = node.on(LinkId{1}, error(code, true));
    THEN("it is dead") {
      CHECK(node.changes == std::vector{change(What::dead, 1, 1, LinkId{1})});
      CHECK(out.close == std::vector{LinkId{1}});
      CHECK(node.liveness(1) == Liveness::dead);
      // Another version stays another version; a token may be set right.
      CHECK(node.on(found(1)).dial.size() == (code == proto::Code::auth ? 1U : 0U));
    }
  }
  WHEN("it says that it does not know our link") {
    node.on(LinkId{1}, welcome(1));
    node.changes.clear();
    node.run_to(1s);
    const Effects out = node.on(LinkId{1}, error(proto::Code::auth, false));
    const Effects again = node.on(LinkId{1}, error(proto::Code::auth, false));
    THEN("it is greeted again, once, and waits are registered again after that") {
      CHECK(sent<proto::Hello>(out).size() == 1);
      CHECK(sent<proto::Hello>(again).empty());
      node.on(LinkId{1}, welcome(1));
      CHECK(node.changes ==
            std::vector{change(What::cut, 1, 1, LinkId{1}), change(What::greeted, 1, 1, LinkId{1})});
    }
  }
  WHEN("an ERROR about something else comes") {
    node.on(LinkId{1}, welcome(1));
    node.changes.clear();
    THEN("it changes nothing here") {
      CHECK(node.on(LinkId{1}, error(proto::Code::malformed, true)).send.empty());
      CHECK(node.on(LinkId{1}, error(proto::Code::version, false)).close.empty());
      CHECK(node.changes.empty());
      CHECK(node.liveness(1) == Liveness::alive);
    }
  }
}

SCENARIO("the book of peers is bounded", "[core][membership]") {
  GIVEN("as many workers as one node may know") {
    Driver node;
    for (unsigned i = 1; i <= limits::peers_max; ++i) REQUIRE(node.on(found(i)).dial.size() == 1);
    WHEN("one more is found") {
      const Effects out = node.on(found(2'000));
      THEN("it is not dialled, and that is noted once") {
        CHECK(out.dial.empty());
        CHECK(notes_in(out).size() == 1);
        CHECK(node.on(found(2'001)).notify.empty());
      }
    }
    WHEN("one of them has ended") {
      node.on(Gone{node_id(5), 1});
      THEN("it makes room for another") {
        CHECK(node.on(found(2'000)).dial.size() == 1);
        CHECK(node.view.by_node(node_id(5)) == nullptr);
      }
    }
  }
}

SCENARIO("a young node looks around before it answers who is there", "[core][membership]") {
  Driver node;
  CHECK_FALSE(node.view.settling(node.now.at));
  node.on(found(1));
  node.on(found(2));
  CHECK(node.view.settling(node.now.at));
  node.up(LinkId{1});
  node.on(LinkId{1}, welcome(1));
  CHECK(node.view.settling(node.now.at));
  SECTION("until all have greeted") {
    node.up(LinkId{2});
    node.on(LinkId{2}, welcome(2));
    CHECK_FALSE(node.view.settling(node.now.at));
  }
  SECTION("until the rest has failed") {
    node.down(LinkId{2});
    CHECK_FALSE(node.view.settling(node.now.at));
  }
  SECTION("until half a second has passed") {
    node.run_to(499ms);
    CHECK(node.view.settling(node.now.at));
    node.run_to(500ms);
    CHECK_FALSE(node.view.settling(node.now.at));
  }
}

SCENARIO("members are told and shown", "[core][membership]") {
  GIVEN("100 living workers, one that leaves, one that is only found") {
    Driver node{NodeKind::worker};
    for (unsigned i = 1; i <= 101; ++i) node.join(i);
    node.on(node.view.by_node(node_id(101))->link, proto::Bye{node_id(101), 1});
    node.on(found(102));
    THEN("WELCOME tells 64 of the living, not always the same") {
      const auto first = node.view.members_to_tell();
      CHECK(first.size() == limits::members_in_welcome_max);
      CHECK(node.view.members_to_tell() != first);
      for (int i = 0; i < 200; ++i) {
        for (const proto::Member& told : node.view.members_to_tell()) {
          REQUIRE(node.view.by_node(told.node)->greeted);
        }
      }
    }
    THEN("people see all of them, with state, load and silence") {
      node.stall_to(300ms);
      const auto views = node.view.view(node.now.at);
      REQUIRE(views.size() == 102);
      CHECK(views[0].liveness == Liveness::alive);
      CHECK(views[0].member == member(1));
      CHECK(views[0].load.slots == 4);
      CHECK(views[0].silence == 300ms);
      CHECK(views[100].liveness == Liveness::left);
      CHECK(views[101].liveness == Liveness::joining);
      CHECK(views[101].silence == 0ms);
    }
    THEN("for_each visits them in order of arrival") {
      std::vector<NodeId> order;
      node.view.for_each([&](const Peer& peer) { order.push_back(peer.member.node); });
      REQUIRE(order.size() == 102);
      CHECK(std::is_sorted(order.begin(), order.end()));
    }
    THEN("BYE goes to the greeted ones") {
      Effects out;
      node.view.say_bye(out);
      const auto byes = sent<proto::Bye>(out);
      REQUIRE(byes.size() == 100);
      CHECK(byes[0].second == proto::Bye{node_id(0), 7});
    }
  }
}

}  // namespace membership_test
