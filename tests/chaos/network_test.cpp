// Machines whose cables are cut, and wires that lose packets: network namespaces, each with its own runtime directory.
#include <catch2/catch.hpp>
#include <csignal>

#include "chaos/checks.hpp"

namespace network_test {

using namespace chaos;

namespace {

/// Says why this test is not run here (ctest counts it as skipped); true: it is not.
bool skipped() {
  const std::string why = Wires::missing();
  if (why.empty()) return false;
  WARN("no machines can be made here: " << why);
  return true;
}

/// How long after `harm` the tally shows the first task that was taken over; it waits for it.
milliseconds until_taken_over(Scene& scene, std::chrono::steady_clock::time_point harm) {
  CHECK(Scene::until([&] { return scene.facts().taken_over > 0; }, 40s));
  return Scene::since(harm);
}

}  // namespace

SCENARIO("a machine that is unplugged in a mesh of two or three: its tasks are taken over, nothing is lost",
         "[chaos][network]") {
  if (skipped()) return;
  const int workers = GENERATE(2, 3);
  Scene scene(workers, workers + 1);
  REQUIRE(scene.stop_amid(0, {.ms = 2, .replicas = 1}));
  scene.wires().unplug(0);
  scene.worker(0).signal(SIGCONT);
  const auto unplugged = std::chrono::steady_clock::now();
  const auto first = until_taken_over(scene, unplugged);
  WARN("mesh of " << workers << ": taken over after " << first.count() << " ms");
  CHECK(first < 9s * support::time_factor);
  check_nothing_lost(scene);
}

SCENARIO("a worker killed on another machine is taken over at once, for its machine says that nobody listens",
         "[chaos][network]") {
  if (skipped()) return;
  Scene scene(3, 4);
  REQUIRE(scene.stop_amid(0, {.ms = 2, .replicas = 1}));
  scene.kill(0);
  const auto killed = std::chrono::steady_clock::now();
  const auto first = until_taken_over(scene, killed);
  WARN("taken over after " << first.count() << " ms");
  check_nothing_lost(scene);
}

SCENARIO("wires that lose one packet of twenty: nothing is lost, and nothing runs twice",
         "[chaos][network]") {
  if (skipped()) return;
  Scene scene(3, 4);
  for (int machine = 0; machine < 4; ++machine) scene.wires().lose(machine, 5);
  scene.start_load({.replicas = 1, .window = 500});
  const Facts facts = check_nothing_lost(scene, 90s);
  CHECK(facts.extra == 0);
}

SCENARIO("a mesh that is cut in halves and grows together again loses nothing", "[chaos][network]") {
  if (skipped()) return;
  const auto span = GENERATE(as<milliseconds>{}, 2s, 12s);
  Scene scene(4, 5);
  scene.start_load({.ms = 2, .replicas = 1});
  REQUIRE(scene.until_ran(300));
  for (const int left : {0, 1}) {
    for (const int right : {2, 3}) scene.wires().cut(left, right);
  }
  Scene::sleep(span);
  scene.wires().heal();
  check_nothing_lost(scene, 90s);
}

SCENARIO("a machine that is heard by nobody, and hears all, loses nothing", "[chaos][network]") {
  if (skipped()) return;
  Scene scene(3, 4);
  scene.start_load({.ms = 2, .replicas = 1});
  REQUIRE(scene.until_ran(300));
  for (const int other : {1, 2, 3}) scene.wires().cut_one_way(0, other);
  Scene::sleep(10s);
  scene.wires().heal();
  check_nothing_lost(scene, 90s);
}

}  // namespace network_test
