// Islands: workers that know each other and nobody else, joined by a single link, with loss and partitions.
#include <catch2/catch.hpp>

#include "sim/world.hpp"

namespace taskmesh::sim::islands_test {
namespace {

using core::Liveness;
using core::NodeKind;

/// Two islands of workers whose directories know nothing of each other.
struct Islands {
  explicit Islands(std::uint64_t seed, int each = 5) : world(seed) {
    for (int island = 0; island < 2; ++island) {
      for (int i = 0; i < each; ++i) {
        Plan plan{.endpoint = address(static_cast<int>(workers.size()))};
        plan.serves = {"add"};
        plan.island = island;
        workers.push_back(world.add(plan));
      }
    }
  }
  static std::string address(int worker) { return "tcp://127.0.0.1:" + std::to_string(24'800 + worker); }
  /// One worker is given the address of one of the other island.
  void link(std::size_t from, std::size_t to) {
    world.give(workers[from], core::Found{.endpoints = {address(static_cast<int>(to))}});
  }
  Liveness seen(std::size_t by, std::size_t whom) {
    const core::Peer* peer =
        world.at(workers[by]).node->membership().by_node(world.at(workers[whom]).config.self.node);
    return peer == nullptr ? Liveness::joining : peer->liveness;
  }
  bool routable(std::size_t by, std::size_t whom) {
    const core::Peer* peer =
        world.at(workers[by]).node->membership().by_node(world.at(workers[whom]).config.self.node);
    return peer != nullptr && peer->routable();
  }
  /// Everybody who is up has greeted everybody else who is up.
  bool all_known() {
    for (std::size_t a = 0; a < workers.size(); ++a) {
      for (std::size_t b = 0; b < workers.size(); ++b) {
        const Liveness liveness = seen(a, b);
        if (a != b && liveness != Liveness::alive && liveness != Liveness::suspect) return false;
      }
    }
    return true;
  }
  /// Everybody who is up can send work to everybody else who is up.
  bool one_mesh() {
    for (std::size_t a = 0; a < workers.size(); ++a) {
      for (std::size_t b = 0; b < workers.size(); ++b) {
        if (a == b || !world.at(workers[a]).up || !world.at(workers[b]).up) continue;
        if (!routable(a, b)) return false;
      }
    }
    return true;
  }
  void block_islands() {
    const std::size_t half = workers.size() / 2;
    for (std::size_t a = 0; a < half; ++a) {
      for (std::size_t b = half; b < workers.size(); ++b) world.network().block(workers[a], workers[b]);
    }
  }
  void check_failures() {
    for (const std::string& failure : world.failures) UNSCOPED_INFO(failure);
    CHECK(world.failures.empty());
  }

  World world;
  std::vector<Host> workers;
};

TEST_CASE("any one link joins two islands", "[sim]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 11));
  const bool backwards = GENERATE(false, true);
  INFO("seed " << seed << (backwards ? " backwards" : ""));
  Islands islands{seed};
  islands.world.run_for(3s);
  REQUIRE(islands.seen(0, 1) == Liveness::alive);
  REQUIRE(islands.seen(0, 5) == Liveness::joining);
  islands.world.network().set_weather({.delay_max = 20ms, .loss = 0.7, .duplicate = 0.05});
  const std::size_t here = seed % 5;
  const std::size_t there = 5 + (seed / 2) % 5;
  backwards ? islands.link(there, here) : islands.link(here, there);
  islands.world.run_for(5s);
  // Most introductions are lost by now, and nobody says them again but the exchange.
  islands.world.network().set_weather({.delay_max = 20ms, .loss = 0.05, .duplicate = 0.05});
  islands.world.run_until([&] { return islands.all_known(); }, 60s);
  CHECK(islands.all_known());
  islands.world.heal();
  islands.world.run_for(3s);
  CHECK(islands.one_mesh());
  islands.check_failures();
}

TEST_CASE("islands are joined when their other links come up much later, too", "[sim]") {
  Islands islands{5, 3};
  islands.world.run_for(2s);
  // Only one worker of each island reaches the other island, for longer than a vain rumour is remembered.
  for (std::size_t a = 0; a < 3; ++a) {
    for (std::size_t b = 3; b < 6; ++b) {
      if (a != 1 || b != 4) islands.world.network().block(islands.workers[a], islands.workers[b]);
    }
  }
  islands.link(1, 4);
  islands.world.run_for(15min);
  CHECK(islands.routable(1, 4));
  CHECK_FALSE(islands.routable(0, 3));
  islands.world.heal();
  islands.world.run_until([&] { return islands.one_mesh(); }, 60s);
  CHECK(islands.one_mesh());
  islands.check_failures();
}

TEST_CASE("islands that are joined share their ends", "[sim]") {
  Islands islands{3};
  islands.world.run_for(3s);
  islands.link(2, 7);
  islands.world.run_until([&] { return islands.one_mesh(); }, 30s);
  REQUIRE(islands.one_mesh());
  islands.world.drain(islands.workers[8], 5s);
  islands.world.crash(islands.workers[9], false);
  islands.world.run_for(5s);
  for (std::size_t by = 0; by < 5; ++by) {
    CHECK(islands.seen(by, 8) == Liveness::left);
    CHECK(islands.seen(by, 9) == Liveness::dead);
  }
  // Nothing that is told later brings them back.
  islands.world.run_for(5min);
  for (std::size_t by = 0; by < 5; ++by) {
    CHECK(islands.seen(by, 8) == Liveness::left);
    CHECK(islands.seen(by, 9) == Liveness::dead);
  }
  CHECK(islands.one_mesh());
  islands.check_failures();
}

TEST_CASE("a partition heals however long it lasted", "[sim]") {
  const auto cut_for = GENERATE(Duration{15s}, Duration{5min}, Duration{40min});
  Islands islands{7, 3};
  islands.world.run_for(2s);
  islands.link(0, 3);
  islands.world.run_until([&] { return islands.one_mesh(); }, 30s);
  REQUIRE(islands.one_mesh());
  // The seed's own worker ends, so that nobody is left who dials the other island for ever.
  islands.world.crash(islands.workers[0], true);
  islands.world.run_for(3s);
  islands.block_islands();
  islands.world.run_for(cut_for);
  CHECK_FALSE(islands.routable(1, 4));
  islands.world.crash(islands.workers[5], false, true);
  islands.world.heal();
  islands.world.run_until([&] { return islands.one_mesh(); }, 60s);
  islands.world.run_for(10s);
  CHECK(islands.one_mesh());
  CHECK(islands.seen(1, 5) != Liveness::alive);
  CHECK(islands.seen(3, 5) == Liveness::dead);
  islands.check_failures();
}

}  // namespace
}  // namespace taskmesh::sim::islands_test
