// Tasks that wait at one worker and run at another.  docs/guarantees.md, "Free workers take what waits".
#include <algorithm>
#include <set>
#include <thread>

#include "e2e/mesh.hpp"
#include "e2e/slow_tally.hpp"

namespace steal_test {

using namespace e2e;

namespace {

/// One worker with one slot, which a task holds until the file "gate" is there.
struct Blocked {
  Mesh mesh{1, 1, 100'000, true};
  Client client;
  TaskId blocker = client.delay(gate(mesh.file("gate")));
  std::string busy;

  Blocked() {
    REQUIRE(Mesh::becomes(client, blocker, TaskState::running));
    busy = client.get_task_result<void>(blocker).worker;
  }
};

}  // namespace

SCENARIO(
    "tasks that wait behind a long one are run by a worker that comes, once each, and each end is told once",
    "[e2e][steal]") {
  Blocked blocked;
  Mesh& mesh = blocked.mesh;
  Client& client = blocked.client;
  Client other;
  Collector collector;
  const std::string path = mesh.file("tally");
  std::vector<taskmesh::AsyncResult<int>> waiting;
  std::set<TaskId> called;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(client.async(add(i, 1)));  // One copy: what has none stays.
    called.insert(client.delay_with_callback(slow_tally(path, 1, i), {collector.address()}));
  }
  const TaskId unwatched = client.delay(add(20, 1));
  const TaskId stays = client.delay(add(21, 1), alone);
  REQUIRE(client.flush(10s));
  mesh.start_worker();
  for (int i = 0; i < 20; ++i) {
    const auto result = waiting[static_cast<std::size_t>(i)].future().get();
    REQUIRE(result);
    CHECK(result.value() == i + 1);
    CHECK(result.worker != blocked.busy);
  }
  CHECK(ids_of(collector.take(20)) == called);
  CHECK_FALSE(collector.listener().next(500ms));
  CHECK(mesh.lines(path).size() == 20);
  CHECK(other.wait_for<int>(unwatched, 10s).value() == 21);
  CHECK(client.wait_for<int>(unwatched, 10s).value() == 21);
  CHECK(client.get_task_result<int>(stays).state == TaskState::queued);
  mesh.touch("gate");
  CHECK(client.wait_for<void>(blocked.blocker, 10s));
  CHECK(client.wait_for<int>(stays, 10s).worker == blocked.busy);
}

SCENARIO("free workers that are given nothing stop asking, until there is something", "[e2e][steal]") {
  Mesh mesh{2, 1, 100'000, true};
  taskmesh::Worker worker{{.slots = 1, .steals = true}};
  worker.serve(add, [](int a, int b) { return a + b; });
  worker.start();
  const auto said = [&] { return worker.counters().steal_asks + worker.counters().hints; };
  std::uint64_t before = 0;
  const auto is_quiet = [&] {
    before = said();
    std::this_thread::sleep_for(1s);  // Four times the longest pause.
    return said() == before;
  };
  REQUIRE(Mesh::eventually(is_quiet, 30s));
  Client client;
  for (int i = 0; i < 50; ++i) client.delay(add(i, 1));
  REQUIRE(client.flush(10s));
  CHECK(Mesh::eventually([&] { return worker.counters().steal_asks > 0; }));
  CHECK(Mesh::eventually(is_quiet, 30s));
  worker.stop();
  worker.wait();
}

SCENARIO("a worker that has taken waiting tasks from another one is killed, and nothing is lost",
         "[e2e][steal]") {
  Blocked blocked;
  Mesh& mesh = blocked.mesh;
  Client& client = blocked.client;
  Collector collector;
  const std::string path = mesh.file("tally");
  std::set<TaskId> ids;
  for (int i = 0; i < 30; ++i) {
    ids.insert(client.delay_with_callback(busy(path, 50), {collector.address()}, {.replicas = 1}));
  }
  REQUIRE(client.flush(10s));
  Process& thief = mesh.start_worker();
  REQUIRE(Mesh::eventually([&] { return mesh.lines(path).size() >= 10; }));
  thief.signal(SIGKILL);
  mesh.touch("gate");
  const auto events = collector.take(30, 20s);
  CHECK(ids_of(events) == ids);
  CHECK(std::ranges::all_of(events, [](const auto& event) { return event.state == TaskState::success; }));
  for (const TaskId& id : ids) CHECK(client.wait_for<void>(id, 20s).state == TaskState::success);
  const auto lines = mesh.lines(path);
  CHECK(std::ranges::count(lines, "-") >= 30);
  // What ran as the worker was killed has run again, perhaps one more that had just ended.
  CHECK(std::ranges::count(lines, "+") <= 32);
}

}  // namespace steal_test
