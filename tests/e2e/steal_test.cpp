// Tasks that wait at one worker and run at another.  docs/guarantees.md, "Free workers take what waits".
#include <set>

#include "e2e/mesh.hpp"

using namespace e2e;

SCENARIO("tasks that wait behind a long one are run by a worker that comes", "[e2e][steal]") {
  Mesh mesh(1, 1);
  Client client;
  Client other;
  const TaskId blocker = client.delay(e2e::gate(mesh.file("gate")));
  REQUIRE(Mesh::becomes(client, blocker, TaskState::running));
  const std::string busy = client.get_task_result<void>(blocker).worker;
  std::vector<taskmesh::AsyncResult<int>> waiting;
  for (int i = 0; i < 20; ++i) waiting.push_back(client.async(add(i, 1), {.replicas = i % 2}));
  const TaskId unwatched = client.delay(add(20, 1));
  REQUIRE(client.flush(10s));
  mesh.start_worker();
  for (int i = 0; i < 20; ++i) {
    const auto result = waiting[static_cast<std::size_t>(i)].future().get();
    REQUIRE(result);
    CHECK(result.value() == i + 1);
    CHECK(result.worker != busy);
  }
  CHECK(other.wait_for<int>(unwatched, 10s).value() == 21);
  CHECK(client.wait_for<int>(unwatched, 10s).value() == 21);
  mesh.touch("gate");
  CHECK(client.wait_for<void>(blocker, 10s));
}
