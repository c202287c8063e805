// A task that kills its worker, each time: real processes, real deaths.
#include "e2e/cli_support.hpp"
#include "e2e/mesh.hpp"

namespace poison_test {

using namespace e2e;

SCENARIO("a task that kills three workers is quarantined, and what ran and waited beside it is run",
         "[e2e][poison]") {
  Mesh mesh(5);
  Client client;
  Collector collector;
  const std::string kills = mesh.file("kills");
  const std::string runs = mesh.file("runs");
  REQUIRE(client.submit_task(add(1, 1), {.replicas = 1}).value() == 2);
  std::set<TaskId> innocents;
  const auto submit = [&](int count) {
    for (int i = 0; i < count; ++i) {
      innocents.insert(client.delay_with_callback(busy(runs, 40), {collector.address()}, {.replicas = 1}));
    }
  };
  submit(60);
  const bool retries = GENERATE(false, true);
  const taskmesh::SubmitOptions options{.retries = {.count = retries ? 3U : 0U, .delay = 10ms},
                                        .replicas = 1};
  const TaskId id = client.delay_with_callback(poison(kills), {collector.address()}, options);
  submit(60);
  const auto events = collector.take(innocents.size() + 1, 20s);
  CHECK(ids_of(events).size() == innocents.size() + 1);
  for (const auto& event : events) {
    if (event.task_id != id) {
      CHECK(event.state == TaskState::success);
      continue;
    }
    CHECK(event.state == TaskState::failure);
    REQUIRE(event.error);
    CHECK_THAT(event.error->what, Contains("is quarantined"));
    CHECK_THAT(event.error->why, Contains("3 workers have died") && Contains("ran nothing else"));
  }
  CHECK(mesh.lines(kills).size() == 3);
  const auto listed = mesh.host().run({"tasks", "--state", "failure"});
  INFO(listed.err);
  CHECK_THAT(listed.out, Contains(taskmesh::to_string(id)));
}

}  // namespace poison_test
