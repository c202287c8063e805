// Processes that are killed, and come back: nothing that was accepted is lost.
#include <catch2/catch.hpp>
#include <csignal>

#include "chaos/checks.hpp"

namespace kill_test {

using namespace chaos;

SCENARIO("2,000 tasks of 1 ms on three workers of one host, and one is killed: nothing is lost", "[chaos]") {
  Scene scene(3);
  REQUIRE(scene.stop_amid(0, {.replicas = 1}));
  scene.kill(0);
  const auto killed = std::chrono::steady_clock::now();
  const bool taken_over = Scene::until([&] { return scene.facts().taken_over > 0; }, 20s);
  CHECK(taken_over);
  const auto first = Scene::since(killed);
  WARN("taken over within " << first.count() << " ms of the kill");
  CHECK(first < 1s * support::time_factor);
  check_nothing_lost(scene);
}

SCENARIO("whichever worker is killed at whatever moment, and replaced on its port at once, nothing is lost",
         "[chaos]") {
  Scene scene(4);
  // Before the first start, early, in the middle, at the end, and when all ran but not all are told.
  const std::size_t moments[] = {0, 50, 1'000, 1'900, 2'000};
  int victim = 0;
  for (const std::size_t moment : moments) {
    scene.start_load({.replicas = 1});
    REQUIRE(scene.until_ran(moment));
    scene.kill(victim);
    scene.start_worker(victim);  // Nobody may have noticed yet.
    check_nothing_lost(scene);
    victim = (victim + 1) % 4;
  }
}

SCENARIO("two workers killed within a second: two copies lose nothing, with one what is lost is told so",
         "[chaos]") {
  Scene scene(5);
  scene.start_load({.ms = 2, .replicas = 2});
  REQUIRE(scene.until_ran(300));
  scene.kill(0);
  scene.kill(1);
  check_nothing_lost(scene);
  scene.start_worker(0);
  scene.start_worker(1);
  scene.start_load({.ms = 2, .replicas = 1});
  REQUIRE(scene.until_ran(300));
  scene.kill(0);
  scene.kill(1);
  CHECK(scene.until_told(60s));
  const Facts facts = scene.facts();
  note_facts(facts, "two_killed_");  // One fault too many for one copy.
  WARN("one copy: " << facts.text());
  CHECK(facts.silent == 0);  // Its client lives, and tells what no worker can.
  CHECK(facts.told + facts.told_lost == facts.accepted);
  CHECK(facts.extra == facts.explained);
}

SCENARIO("a listener that is killed and comes back is told of every task", "[chaos]") {
  Scene scene(3);
  scene.start_load({.replicas = 1});
  REQUIRE(scene.until_ran(500));
  scene.kill_listener();
  REQUIRE(scene.until_ran(2'000));
  scene.kill(1);  // The callbacks that wait there are told by their keepers.
  scene.start_listener();
  check_nothing_lost(scene);
}

SCENARIO("workers use no more memory after a storm than before it", "[chaos]") {
  Scene scene(3);
  scene.start_load({.tasks = 10'000, .ms = 0, .replicas = 1});
  check_nothing_lost(scene);
  const long before = Scene::resident_kib(scene.worker(2).pid());
  for (int round = 0; round < 3; ++round) {
    scene.start_load({.tasks = 10'000, .ms = 0, .replicas = 1});
    REQUIRE(scene.until_ran(2'000));
    scene.kill(round % 2);
    scene.start_worker(round % 2);
    check_nothing_lost(scene);
  }
  const long after = Scene::resident_kib(scene.worker(2).pid());
  WARN("resident: " << before << " KiB, and " << after << " KiB after 30,000 tasks and three killed workers");
  if (sanitizers_keep_memory) return;
  CHECK(after < before + 32 * 1'024);
}

}  // namespace kill_test
