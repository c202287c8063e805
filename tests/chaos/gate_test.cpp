// Connections that are slow, stand still, break or carry rubbish.
#include <catch2/catch.hpp>
#include <csignal>

#include "chaos/checks.hpp"
#include "chaos/gate.hpp"

namespace gate_test {

using namespace chaos;

SCENARIO("a listener behind a line that is slow, stands still and breaks is told of every task", "[chaos]") {
  Scene scene(3);
  Gate gate(scene.listener_port());
  scene.set_callback_address(gate.address());
  gate.delay(100ms);
  scene.start_load({.replicas = 1});
  for (int i = 0; i < 5; ++i) {
    Scene::sleep(200ms);
    gate.hang_up();
  }
  gate.stall(true);
  Scene::sleep(6s);  // Longer than an acknowledgement may take.
  gate.stall(false);
  check_nothing_lost(scene);
  CHECK(gate.connections() > 3);
}

SCENARIO("a client behind a line that is slow and breaks, and whose worker dies, loses nothing", "[chaos]") {
  Scene scene(3);
  Gate gate(scene.port_of(0));
  scene.set_client_seed(gate.address());
  gate.delay(50ms);
  scene.start_load({.replicas = 1, .window = 500});
  REQUIRE(scene.until_ran(200));
  for (int i = 0; i < 5; ++i) {
    Scene::sleep(150ms);
    gate.hang_up();
  }
  scene.kill(1);
  gate.delay(0ms);
  check_nothing_lost(scene);
}

SCENARIO("lines that say things twice: nothing is lost, nothing runs twice, and each end is heard once",
         "[chaos]") {
  Scene scene(3);
  Gate to_listener(scene.listener_port());
  Gate to_worker(scene.port_of(0));
  to_listener.repeat(3);
  to_worker.repeat(3);
  scene.set_callback_address(to_listener.address());
  scene.set_client_seed(to_worker.address());
  scene.start_load({.replicas = 1, .window = 500});
  const Facts facts = check_nothing_lost(scene);
  WARN(to_worker.repeated() << " messages said twice to and by a worker, " << to_listener.repeated()
                            << " to and by the listener");
  CHECK(to_worker.repeated() > 10);
  CHECK(to_listener.repeated() > 10);
  CHECK(facts.extra == 0);
  CHECK(facts.repeated == 0);
}

SCENARIO("a line that turns bits ends no process, and whoever speaks through another one notices nothing",
         "[chaos]") {
  Scene scene(3);
  Gate gate(scene.port_of(0));
  scene.set_client_seed(gate.address());
  gate.corrupt(997);
  scene.start_load({.tasks = 200, .replicas = 1, .window = 20});
  Scene::until([&] { return gate.corrupted() > 200; }, 5s);
  WARN(gate.corrupted() << " octets changed on " << gate.connections() << " connections");
  CHECK(gate.corrupted() > 0);
  gate.corrupt(0);
  // A turned bit may be one of a task's own id, number or address: then its end is told elsewhere, or its number is another
  // one's. But each such task has cost a bit, every task is accepted or refused, and no call hangs.
  CHECK(scene.until_done(60s));
  const auto untold = [](const Facts& facts) {
    return facts.silent + facts.told_lost + facts.refused + facts.same_epoch;
  };
  const std::size_t most = gate.corrupted() + 20;  // Of one frame that was thrown away as a whole.
  Scene::until([&] { return untold(scene.facts()) <= most; }, 20s);
  const Facts facts = scene.facts();
  note_facts(facts, "turned_bits_");
  WARN(facts.text());
  CHECK(facts.accepted + facts.refused == 200);
  CHECK(untold(facts) <= most);
  CHECK(facts.slowest_ms < call_budget_ms);
  for (int slot = 0; slot < 3; ++slot) CHECK(scene.worker(slot).running());
  scene.set_client_seed("");
  scene.start_load({.replicas = 1});
  check_nothing_lost(scene);
}

}  // namespace gate_test
