// Before a worker calls another one dead: witnesses, the half rule, its own loop, refused connections.
#include <catch2/catch.hpp>

#include "core/mesh_support.hpp"

namespace witnesses_test {

using namespace mesh_test;
using What = PeerChange::What;
using proto::Testimony;

namespace {

/// A worker among others, of which each beats every half second unless it is silent.
struct Mesh {
  explicit Mesh(unsigned others) : node{NodeKind::worker} {
    node.agreeing = false;
    for (unsigned i = 1; i <= others; ++i) links.push_back(node.join(i));
    silent.resize(others + 1);
  }
  /// Time passes; who is not silent is heard. Returns all that the node did.
  Effects run_to(Duration until) {
    Effects all;
    while (clock < until) {
      for (unsigned i = 1; i < silent.size(); ++i) {
        if (!silent[i]) node.heard(links[i - 1]);
      }
      clock = std::min<Duration>(clock + 250ms, until);
      const Effects out = node.run_to(clock);
      all.send.insert(all.send.end(), out.send.begin(), out.send.end());
      all.notify.insert(all.notify.end(), out.notify.begin(), out.notify.end());
    }
    return all;
  }
  /// The witnesses that are asked now answer so. Returns who was asked.
  std::vector<LinkId> answer(const Effects& asked, Duration silence, Testimony testimony,
                             std::size_t count = 9) {
    std::vector<LinkId> witnesses;
    for (const auto& [link, doubt] : sent<proto::Doubt>(asked)) {
      witnesses.push_back(link);
      if (witnesses.size() > count) continue;
      const auto ms =
          static_cast<std::uint32_t>(std::chrono::duration_cast<std::chrono::milliseconds>(silence).count());
      node.on(number_of(link), proto::Witness{doubt.request, doubt.node, doubt.incarnation, ms, testimony});
    }
    node.run_to(clock);
    return witnesses;
  }
  unsigned number_of(LinkId link) const {
    for (unsigned i = 0; i < links.size(); ++i) {
      if (links[i] == link) return i + 1;
    }
    return 0;
  }

  Driver node;
  std::vector<LinkId> links;
  std::vector<bool> silent;
  Duration clock{};
};

}  // namespace

SCENARIO("a silent worker is dead when two of three witnesses hear nothing of it either",
         "[core][membership]") {
  GIVEN("six workers, of which one falls silent") {
    Mesh mesh{6};
    mesh.silent[1] = true;
    CHECK(sent<proto::Doubt>(mesh.run_to(5999ms)).empty());
    CHECK(mesh.node.liveness(1) == Liveness::suspect);
    const Effects asked = mesh.run_to(6s);
    REQUIRE(sent<proto::Doubt>(asked).size() == 3);
    CHECK(sent<proto::Doubt>(asked)[0].second.node == node_id(1));
    CHECK(mesh.node.liveness(1) == Liveness::suspect);
    WHEN("two were silent for a second less than dead_after") {
      mesh.answer(asked, 5s, Testimony::linked, 2);
      THEN("it is dead") {
        CHECK(mesh.node.liveness(1) == Liveness::dead);
        REQUIRE(mesh.node.changes.size() == 1);
        CHECK(mesh.node.changes[0].what == What::dead);
        CHECK(mesh.node.counters.called_dead == 1);
      }
    }
    WHEN("only one was") {
      mesh.answer(asked, 5s, Testimony::linked, 1);
      THEN("it is not; others are asked a little later") {
        CHECK(mesh.node.liveness(1) == Liveness::suspect);
        CHECK(sent<proto::Doubt>(mesh.run_to(6999ms)).empty());
        CHECK(sent<proto::Doubt>(mesh.run_to(7s)).size() == 3);
      }
    }
    WHEN("one says so twice") {
      const auto doubts = sent<proto::Doubt>(asked);
      const proto::Witness said{doubts[0].second.request, node_id(1), 1, 5'000, Testimony::linked};
      for (int i = 0; i < 3; ++i) mesh.node.on(mesh.number_of(doubts[0].first), said);
      mesh.node.tick();
      THEN("that is one witness") { CHECK(mesh.node.liveness(1) == Liveness::suspect); }
    }
    WHEN("they hear it") {
      mesh.answer(asked, 4999ms, Testimony::linked);
      THEN("it is not dead, however long this goes on") {
        CHECK(mesh.node.liveness(1) == Liveness::suspect);
        CHECK(mesh.node.counters.denials == 3);
        while (mesh.clock < 60s) mesh.answer(mesh.run_to(mesh.clock + 250ms), 0s, Testimony::linked);
        CHECK(mesh.node.liveness(1) == Liveness::suspect);
        CHECK(mesh.node.changes.empty());
      }
    }
  }
}

SCENARIO("what comes late, or from who is not sure, condemns nobody", "[core][membership]") {
  GIVEN("six workers, of which one falls silent, and three that are asked") {
    Mesh mesh{6};
    mesh.silent[1] = true;
    const Effects asked = mesh.run_to(6s);
    REQUIRE(sent<proto::Doubt>(asked).size() == 3);
    WHEN("they are not sure") {
      mesh.answer(asked, 60s, Testimony::unsure);
      THEN("they count for nothing") {
        CHECK(mesh.node.liveness(1) == Liveness::suspect);
        CHECK(mesh.node.counters.denials == 0);
      }
    }
    WHEN("it has ended there") {
      mesh.answer(asked, 0s, Testimony::ended, 2);
      THEN("it is dead") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
    }
    WHEN("it is heard while they are asked") {
      mesh.node.heard(mesh.links[0]);
      mesh.answer(asked, 60s, Testimony::cut);
      THEN("what they say comes too late") { CHECK(mesh.node.liveness(1) == Liveness::alive); }
    }
    WHEN("the answers come with a sign of life behind them") {
      for (const auto& [link, doubt] : sent<proto::Doubt>(asked)) {
        mesh.node.on(mesh.number_of(link),
                     proto::Witness{doubt.request, doubt.node, 1, 6'000, Testimony::cut});
      }
      mesh.node.heard(mesh.links[0]);
      mesh.node.tick();
      THEN("all that came in counts before anybody is judged") {
        CHECK(mesh.node.liveness(1) == Liveness::alive);
      }
    }
  }
}

SCENARIO("where fewer witnesses are left all of them are enough", "[core][membership]") {
  GIVEN("a mesh of two") {
    Mesh mesh{1};
    mesh.silent[1] = true;
    mesh.run_to(5999ms);
    CHECK(mesh.node.liveness(1) == Liveness::suspect);
    mesh.run_to(6s);
    THEN("nobody is there to be asked") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
  }
  GIVEN("a mesh of three, one of which falls silent") {
    Mesh mesh{2};
    mesh.silent[1] = true;
    const Effects asked = mesh.run_to(6s);
    REQUIRE(sent<proto::Doubt>(asked).size() == 1);
    CHECK(mesh.node.liveness(1) == Liveness::suspect);
    mesh.answer(asked, 5s, Testimony::cut);
    THEN("the other one is enough") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
  }
  GIVEN("a mesh of three that fall silent both") {
    Mesh mesh{2};
    mesh.silent[1] = mesh.silent[2] = true;
    const Effects out = mesh.run_to(6s);
    THEN("who is not heard is not asked") {
      CHECK(sent<proto::Doubt>(out).empty());
      CHECK(mesh.node.liveness(1) == Liveness::dead);
      CHECK(mesh.node.liveness(2) == Liveness::dead);
    }
  }
}

SCENARIO("when half of the others are silent it may be me", "[core][membership]") {
  GIVEN("four others, of which two fall silent") {
    Mesh mesh{4};
    mesh.silent[1] = mesh.silent[2] = true;
    const Effects out = mesh.run_to(17'999ms);
    THEN("nobody is asked and nobody called dead for three times dead_after") {
      CHECK(sent<proto::Doubt>(out).empty());
      CHECK(mesh.node.liveness(1) == Liveness::suspect);
      CHECK(mesh.node.counters.half_held == 2);
    }
    WHEN("that has passed") {
      mesh.answer(mesh.run_to(18s), 18s, Testimony::cut);
      THEN("it goes on, for they may be dead indeed") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
    }
  }
  GIVEN("four others, of which one falls silent") {
    Mesh mesh{4};
    mesh.silent[1] = true;
    mesh.answer(mesh.run_to(6s), 6s, Testimony::cut);
    THEN("it is dead") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
  }
}

SCENARIO("who has just stood still calls nobody dead", "[core][membership]") {
  GIVEN("a mesh of two, the other one silent for 5 s when this one stands still for 10 s") {
    Mesh mesh{1};
    mesh.silent[1] = true;
    mesh.run_to(5s);
    mesh.node.stall_to(15s);
    mesh.node.tick();
    mesh.clock = 15s;
    THEN("silence goes on where it stood, and counts 3 s after the stall") {
      mesh.run_to(17'999ms);
      CHECK(mesh.node.liveness(1) == Liveness::suspect);
      mesh.run_to(18s);
      CHECK(mesh.node.liveness(1) == Liveness::dead);
    }
    THEN("as a witness it is not sure until then") {
      const auto said = sent<proto::Witness>(mesh.node.on(LinkId{9}, proto::Doubt{3, node_id(1), 1}));
      REQUIRE(said.size() == 1);
      CHECK(said[0].second == proto::Witness{3, node_id(1), 1, 0, Testimony::unsure});
    }
    THEN("that its connection broke it knows all the same") {
      mesh.node.down(mesh.links[0]);
      const auto said = sent<proto::Witness>(mesh.node.on(LinkId{9}, proto::Doubt{3, node_id(1), 1}));
      REQUIRE(said.size() == 1);
      CHECK(said[0].second == proto::Witness{3, node_id(1), 1, 0, Testimony::cut});
    }
  }
}

SCENARIO("a connection that broke and is refused is a death with one witness", "[core][membership]") {
  GIVEN("six workers, one of which has lost its connection") {
    Mesh mesh{6};
    mesh.run_to(1s);
    mesh.node.down(mesh.links[0]);
    CHECK(mesh.node.liveness(1) == Liveness::alive);
    mesh.silent[1] = true;
    WHEN("nobody listens there any more") {
      mesh.node.nobody_there(mesh.links[0]);
      const Effects asked = mesh.node.tick();
      CHECK(mesh.node.liveness(1) == Liveness::suspect);
      REQUIRE(sent<proto::Doubt>(asked).size() == 3);
      AND_WHEN("one witness has lost it, too") {
        mesh.answer(asked, 100ms, Testimony::cut, 1);
        THEN("it is dead") { CHECK(mesh.node.liveness(1) == Liveness::dead); }
      }
      THEN("that is no stall of this node") { CHECK(mesh.node.counters.own_stalls == 0); }
      AND_WHEN("one is still connected to it") {
        const auto doubts = sent<proto::Doubt>(asked);
        mesh.answer(asked, 100ms, Testimony::linked, 1);
        const proto::Witness other{doubts[1].second.request, node_id(1), 1, 100, Testimony::cut};
        mesh.node.on(mesh.number_of(doubts[1].first), other);
        mesh.node.tick();
        mesh.node.on(mesh.number_of(doubts[2].first), other);
        mesh.node.tick();
        THEN("it is not dead now, and others are asked soon") {
          CHECK(mesh.node.liveness(1) == Liveness::suspect);
          CHECK(sent<proto::Doubt>(mesh.run_to(1249ms)).empty());
          CHECK(sent<proto::Doubt>(mesh.run_to(1250ms)).size() == 3);
        }
      }
      AND_WHEN("it is heard on another link") {
        mesh.node.heard(mesh.links[0]);
        mesh.answer(asked, 100ms, Testimony::cut);
        THEN("it lives") { CHECK(mesh.node.liveness(1) == Liveness::alive); }
      }
    }
    WHEN("nothing answers there") {
      mesh.run_to(6s);
      THEN("only its silence counts") { CHECK(mesh.node.liveness(1) == Liveness::suspect); }
    }
  }
  GIVEN("a refusal where no connection was lost") {
    Mesh mesh{2};
    mesh.node.nobody_there(mesh.links[0]);
    mesh.node.nobody_there(LinkId{77});
    mesh.node.tick();
    THEN("it is old news") { CHECK(mesh.node.liveness(1) == Liveness::alive); }
  }
}

SCENARIO("a witness says what it hears", "[core][membership]") {
  Mesh mesh{3};
  mesh.silent[1] = true;
  mesh.run_to(3s);
  const auto ask = [&](unsigned about, std::uint64_t incarnation = 1) {
    const Effects out =
        mesh.node.on(LinkId{LinkId::inbound_bit | 9}, proto::Doubt{5, node_id(about), incarnation});
    REQUIRE(out.send.size() == 1);
    CHECK(out.send[0].link == LinkId{LinkId::inbound_bit | 9});
    const auto said = std::get<proto::Witness>(out.send[0].message);
    CHECK((said.request == 5 && said.node == node_id(about) && said.incarnation == incarnation));
    return std::pair{said.testimony, said.silence_ms};
  };
  CHECK(ask(1) == std::pair{Testimony::linked, 3'000U});
  CHECK(ask(2) == std::pair{Testimony::linked, 250U});
  CHECK(ask(0) == std::pair{Testimony::linked, 0U});      // Itself.
  CHECK(ask(9) == std::pair{Testimony::cut, 3'000U});     // Never met: silent since it began to listen.
  CHECK(ask(2, 9) == std::pair{Testimony::cut, 3'000U});  // Of that life it knows nothing.
  CHECK(ask(2, 0) == std::pair{Testimony::ended, 0U});
  mesh.node.down(mesh.links[1]);
  CHECK(ask(2).first == Testimony::cut);
  mesh.node.on(Gone{node_id(3), 1});
  CHECK(ask(3).first == Testimony::ended);
}

SCENARIO("timers wait for input that is still to be read, and not for ever", "[core][membership]") {
  Mesh mesh{1};
  mesh.silent[1] = true;
  mesh.run_to(1900ms);
  const auto busy = [&](Duration clock) {
    mesh.node.stall_to(clock);
    return mesh.node.step([](Membership& m, Now t, Effects& out) { m.on_tick(t, out, false); });
  };
  CHECK(busy(2s).notify.empty());
  CHECK(busy(2249ms).notify.empty());
  CHECK(mesh.node.liveness(1) == Liveness::alive);
  CHECK(busy(2250ms).notify.size() == 1);
  CHECK(mesh.node.liveness(1) == Liveness::suspect);
}

}  // namespace witnesses_test
