// A worker that comes near the memory that it may use, as its users and operators see it.
#include "e2e/strangers.hpp"

namespace memory_test {

using namespace e2e;
using taskmesh::Json;

#if !defined(__SANITIZE_ADDRESS__) && \
    !defined(__SANITIZE_THREAD__)  // They keep what was freed, so it stays near it.

SCENARIO("a worker near its memory limit lets go of results, says so, and goes on when it has room",
         "[e2e][alone]") {
  Mesh mesh(0);
  Process worker = mesh.host().worker({"--builtin", "--memory-max", "128MiB", "--results-bytes-max", "4GiB"});
  Client client;
  std::vector<TaskId> ids;
  bool shown = false;
  // 4 MiB each: 128 MiB are full with the results of some thirty.
  const std::string large = "[\"" + std::string(4 << 20, 'x') + "\"]";
  for (int i = 0; i < 200 && !(shown && worker.wait_for_err("new tasks are taken again", 20ms)); ++i) {
    ids.push_back(client.delay(taskmesh::call_json("echo", large)));
    const auto ended = [&] {
      const auto workers = client.workers();
      shown = shown || (workers.size() == 1 && workers[0].short_of_memory);
      return is_terminal(client.get_task_result<Json>(ids.back()).state);
    };
    REQUIRE(Mesh::eventually(ended, 30s));
    CHECK(client.get_task_result<Json>(ids.back()).state == TaskState::success);
  }
  CHECK(shown);
  CHECK_THAT(worker.err(), Catch::Contains("new tasks are taken again"));
  CHECK_THAT(worker.err(), Catch::Contains("of 128 MiB of memory are in use: kept results go"));
  const auto first = client.get_task_result<Json>(ids.front());
  CHECK(first.state == TaskState::success);
  CHECK(first.error().kind == taskmesh::ErrorKind::not_found);
  // What comes between two looks is above it; what stays is not.
  CHECK(Mesh::eventually([&] { return resident_mib(worker.pid()) < 128; }));
  CHECK(client.submit_task(add(2, 3)).value() == 5);
}

SCENARIO("a flood of large tasks goes above a worker's memory limit by no more than is on the way to it",
         "[e2e][alone]") {
  constexpr long clients = 3;
  constexpr long window_mib =
      taskmesh::limits::window_bytes >> 20;  // What a client sends before it hears BUSY.
  constexpr long turn_mib = taskmesh::limits::reactor_bytes_max >> 20;
  constexpr long running_mib = 2 * 4;  // Two slots: arguments and result of 1 MiB each, encoded and decoded.
  Mesh mesh(0);
  Process worker = mesh.host().worker(
      {"--builtin", "--slots", "2", "--memory-max", "128MiB", "--results-bytes-max", "4GiB"});
  const auto call = taskmesh::call_json("echo", "[\"" + std::string(1 << 20, 'x') + "\"]");  // Shared by all.
  std::vector<std::unique_ptr<Client>> flood;
  for (long i = 0; i < clients; ++i) {
    flood.push_back(std::make_unique<Client>(taskmesh::ClientOptions{.flush_timeout = 0s}));
  }
  std::vector<TaskId> ids;
  for (int i = 0; i < 100; ++i) {
    for (const auto& client : flood) ids.push_back(client->delay(call));
  }
  REQUIRE(worker.wait_for_err("kept results go", 30s));
  // All go through in the end: BUSY is a pause.
  for (std::size_t i = 0; i < ids.size(); ++i) {
    REQUIRE(flood[i % clients]->wait_for<Json>(ids[i], 60s).state == TaskState::success);
  }
  CHECK(most_resident_mib(worker.pid()) < 128 + clients * window_mib + turn_mib + running_mib);
}

#endif

SCENARIO("a worker whose limit is below what it needs says busy, and nothing worse", "[e2e][alone]") {
  Mesh mesh(0);
  Process worker = mesh.host().worker({"--builtin", "--memory-max", "1MiB"});
  REQUIRE(worker.wait_for_err("of 1 MiB of memory are in use"));
  const auto refused = mesh.host().run({"submit", "add", "2", "3", "--wait", "1s"});
  CHECK(refused.exit_code != 0);
  const auto told = mesh.host().run({"workers"});
  CHECK_THAT(told.out, Catch::Contains("alive, memory full"));
  const Process roomy = mesh.host().worker({"--builtin", "--memory-max", "64GiB"});
  CHECK(mesh.host().run({"submit", "add", "2", "3"}).out == "5\n");
}

}  // namespace memory_test
