// The mesh itself: who sees whom, who gets the task, what happens when a worker dies or is told to leave.
#include <algorithm>
#include <thread>

#include "e2e/mesh.hpp"

namespace mesh_test {

using namespace e2e;
using taskmesh::ErrorKind;

namespace {

std::size_t alive(Client& client) {
  const auto workers = client.workers();
  return static_cast<std::size_t>(std::count_if(workers.begin(), workers.end(),
                                                [](const auto& worker) { return worker.state == "alive"; }));
}

}  // namespace

SCENARIO("meshes of different names on one host do not see each other", "[e2e]") {
  Mesh mesh(1);
  auto other = mesh.host().worker({"--builtin", "--mesh", "other", "--name", "far"});
  Client here;
  Client there{{.mesh = "other"}};
  REQUIRE(here.submit_task(add(1, 1)));
  REQUIRE(there.submit_task(add(1, 1)));
  CHECK(here.workers().size() == 1);
  REQUIRE(there.workers().size() == 1);
  CHECK(there.workers()[0].name == "far");
  CHECK(there.submit_task(add(1, 1)).worker == "far");
  CHECK_FALSE(there.submit_task(tally("x", 1, 1), {.wait = 3s}));  // Served in the first mesh only.
}

SCENARIO("a worker started, stopped or killed is known to all within a second", "[e2e][alone]") {
  Mesh mesh(2);
  Client client;
  CHECK(Mesh::eventually([&] { return alive(client) == 2; }, 1s));
  mesh.start_worker();
  CHECK(Mesh::eventually([&] { return alive(client) == 3; }, 1s));
  mesh.workers()[0].signal(SIGKILL);
  CHECK(Mesh::eventually([&] { return alive(client) == 2; }, 1s));
  mesh.workers()[1].signal(SIGTERM);
  CHECK(Mesh::eventually([&] { return alive(client) == 1; }, 1s));
}

SCENARIO("a task from a fresh process goes to an idle worker while another is busy", "[e2e]") {
  Mesh mesh(2, 1);
  Client client;
  for (int round = 0; round < 5; ++round) {
    const std::string name = "gate" + std::to_string(round);
    const TaskId blocker = client.delay(e2e::gate(mesh.file(name)));
    REQUIRE(Mesh::becomes(client, blocker, TaskState::running));
    const std::string busy = client.get_task_result<void>(blocker).worker;
    Client fresh;
    const auto result = fresh.submit_task(add(1, round));
    REQUIRE(result);
    CHECK(result.worker != busy);
    mesh.touch(name);
    CHECK(client.wait_for<void>(blocker, 10s));
  }
}

SCENARIO("work spreads over the workers that are there", "[e2e]") {
  Mesh mesh(3, 1);
  Client client;
  REQUIRE(Mesh::eventually([&] { return alive(client) == 3; }));
  std::vector<taskmesh::AsyncResult<int>> running;
  for (int i = 0; i < 30; ++i) running.push_back(client.async(sleep_ms(30)));
  std::set<std::string> workers;
  for (auto& result : running) workers.insert(result.future().get().worker);
  CHECK(workers.size() == 3);
}

SCENARIO("whoever waits for a task of a killed worker is told lost at once", "[e2e]") {
  Mesh mesh(1, 1);
  Client client;
  Client other;
  auto running = client.async(sleep_ms(60'000), alone).future();
  const TaskId queued = client.delay(sleep_ms(60'000), alone);
  REQUIRE(client.accepted(queued));
  auto waiting = std::async(std::launch::async, [&] { return other.wait_for<int>(queued, 30s); });
  REQUIRE(Mesh::becomes(other, queued, TaskState::queued));
  REQUIRE(Mesh::eventually([&] { return other.in_flight() == 1; }));  // Its wait is known to the worker.
  mesh.workers().front().signal(SIGKILL);
  REQUIRE(running.wait_for(2s) == std::future_status::ready);
  CHECK(running.get().state == TaskState::lost);
  REQUIRE(waiting.wait_for(2s) == std::future_status::ready);
  const auto lost = waiting.get();
  CHECK(lost.state == TaskState::lost);
  CHECK(lost.error().kind == ErrorKind::lost);
  CHECK(client.get_task_result<int>(queued).state == TaskState::lost);
  mesh.start_worker();
  CHECK(client.submit_task(add(1, 1)).value() == 2);  // Nobody keeps asking the dead one.
}

SCENARIO("a worker that is killed under load loses only what it held", "[e2e]") {
  Mesh mesh(3, 1);
  Client client;
  std::vector<std::future<taskmesh::TaskResult<int>>> results;
  for (int i = 0; i < 300; ++i) results.push_back(client.async(sleep_ms(5), alone).future());
  mesh.workers()[1].signal(SIGKILL);
  int done = 0;
  int lost = 0;
  for (auto& future : results) {
    REQUIRE(future.wait_for(30s) == std::future_status::ready);
    const auto result = future.get();
    done += result.state == TaskState::success ? 1 : 0;
    lost += result.state == TaskState::lost ? 1 : 0;
  }
  CHECK(done + lost == 300);
  CHECK(done >= 150);
}

SCENARIO("S34 SIGTERM and SIGINT, idle and busy: what was accepted is finished, exit code 0", "[e2e]") {
  const int signal = GENERATE(SIGTERM, SIGINT);
  GIVEN("an idle worker") {
    Mesh mesh(1);
    mesh.workers().front().signal(signal);
    CHECK(mesh.workers().front().wait(10s).exit_code == 0);
  }
  GIVEN("a worker with a running and a queued task") {
    Mesh mesh(1, 1);
    Client client;
    auto running = client.async(sleep_ms(500)).future();
    auto queued = client.async(sleep_ms(100)).future();
    REQUIRE(client.flush(5s));
    mesh.workers().front().signal(signal);
    CHECK(running.get().value() == 500);
    CHECK(queued.get().value() == 100);
    const auto outcome = mesh.workers().front().wait(10s);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err.find("error") == std::string::npos);
    const auto nobody = client.submit_task(add(1, 1), {.wait = 300ms});
    CHECK(nobody.error().kind == ErrorKind::unavailable);
  }
}

SCENARIO("the port of a stopped worker can be bound again at once", "[e2e]") {
  Mesh mesh(0);
  const std::string endpoint = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  Client client;
  for (int i = 0; i < 3; ++i) {
    auto worker = mesh.host().worker({"--builtin", "--bind", endpoint});
    CHECK(client.submit_task(add(i, 1)).value() == i + 1);
    worker.signal(i == 1 ? SIGKILL : SIGTERM);
    worker.wait(10s);
  }
}

SCENARIO("static seeds: a worker of another runtime directory is reached with its token", "[e2e]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin", "--name", "seeded"});
  const auto token = mesh.host().folder() / "taskmesh" / "default" / "token";
  REQUIRE(std::filesystem::exists(token));
  const auto workers = Client{}.workers();
  REQUIRE(workers.size() == 1);
  support::Folder elsewhere;
  ::setenv("XDG_RUNTIME_DIR", elsewhere.path().c_str(), 1);
  Client stranger{{.seeds = workers[0].endpoints}};
  CHECK(stranger.submit_task(add(1, 1), {.wait = 1s}).error().kind == ErrorKind::unavailable);
  Client member{{.seeds = workers[0].endpoints, .token_file = token.string()}};
  CHECK(member.submit_task(add(1, 1)).worker == "seeded");
}

SCENARIO("a bind beyond loopback is refused unless insecure is said", "[e2e]") {
  Mesh mesh(0);
  const auto refused = mesh.host().run({"worker", "--builtin", "--bind", "tcp://0.0.0.0:*"});
  CHECK(refused.exit_code != 0);
  CHECK(refused.err.find("--insecure") != std::string::npos);
}

SCENARIO("continuations, coroutines and many threads share one client", "[e2e]") {
  Mesh mesh(1);
  Client client;
  std::promise<int> sum;
  client.async(add(1, 2)).then([&](taskmesh::TaskResult<int> first) {
    client.async(add(first.value(), 10)).then([&](taskmesh::TaskResult<int> second) {
      const auto blocked = client.submit_task(add(1, 1));  // Refused: it would wait for itself.
      sum.set_value(blocked ? -1 : second.value());
    });
  });
  CHECK(sum.get_future().get() == 13);
}

}  // namespace mesh_test
