// Processes that stand still for a while, and go on as if nothing had happened.
#include <catch2/catch.hpp>
#include <csignal>

#include "chaos/checks.hpp"

namespace pause_test {

using namespace chaos;

SCENARIO(
    "a worker that stands still for 1 or 4 s is not called dead: nothing is taken over, nothing runs twice",
    "[chaos]") {
  const auto span = GENERATE(as<milliseconds>{}, 1s, 4s);
  Scene scene(3);
  scene.start_load({.replicas = 1});
  REQUIRE(scene.until_ran(300));
  scene.stop(0);
  Scene::sleep(span);
  scene.worker(0).signal(SIGCONT);
  const Facts facts = check_nothing_lost(scene);
  CHECK(facts.taken_over == 0);
  CHECK(facts.extra == 0);
}

SCENARIO(
    "a worker that stands still for 8 s is given up, its tasks are taken over, and it gives way when it goes "
    "on",
    "[chaos]") {
  Scene scene(3);
  REQUIRE(scene.stop_amid(0, {.replicas = 1}));
  Scene::sleep(8s);
  scene.worker(0).signal(SIGCONT);
  const Facts facts = check_nothing_lost(scene);
  CHECK(facts.taken_over > 0);
  scene.start_load({.replicas = 1});  // It is welcome again.
  check_nothing_lost(scene);
}

}  // namespace pause_test
