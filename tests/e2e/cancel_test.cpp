// Taking tasks back: acceptance scenarios 17 (its cancelled end), 24, 25.
#include <algorithm>

#include "e2e/mesh.hpp"

namespace cancel_test {

using namespace e2e;
using taskmesh::call;
using taskmesh::ErrorKind;

namespace {

/// One task for each of these workers of one slot; the last one's id.
TaskId block(Client& client, int workers, int ms = 3000) {
  TaskId id;
  for (int i = 0; i < workers; ++i) {
    id = client.delay(stubborn(ms));
    REQUIRE(Mesh::becomes(client, id, TaskState::running));
  }
  return id;
}

}  // namespace

SCENARIO("S17 S24 a queued or scheduled task that is cancelled never runs, and its listener is told",
         "[e2e]") {
  const int workers = GENERATE(1, 3);
  Mesh mesh(workers, 1);
  Client client;
  Client other;
  Collector collector;
  const std::string path = mesh.file("runs");
  block(client, workers);
  const taskmesh::Callback callback{collector.address(), "7"};
  const TaskId queued = client.delay_with_callback(counter(path, "queued"), callback);
  const TaskId scheduled =
      client.delay_with_callback(counter(path, "scheduled"), callback, {.countdown = 500ms});
  REQUIRE(client.flush());
  CHECK(other.get_task_result<void>(scheduled).state == TaskState::scheduled);
  CHECK(other.cancel(queued));  // Anybody who knows the id may.
  CHECK(client.cancel(scheduled));
  for (const TaskId id : {queued, scheduled}) {
    const auto result = other.get_task_result<void>(id);
    CHECK(result.state == TaskState::cancelled);
    CHECK(result.error().kind == ErrorKind::cancelled);
    CHECK(client.wait_for<void>(id, 1s).state == TaskState::cancelled);
    CHECK(client.cancel(id));  // Asked twice: it is gone all the same.
  }
  const auto events = collector.take(2);
  CHECK(ids_of(events) == std::set<TaskId>{queued, scheduled});
  for (const auto& event : events) {
    CHECK(event.state == TaskState::cancelled);
    CHECK(event.callback_data == "7");
  }
  CHECK(client.submit_task(add(1, 2)).value() == 3);  // Later than both would have run.
  CHECK(mesh.lines(path).empty());
}

SCENARIO("S24 what has ended or was never there is not cancelled", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const TaskId done = client.submit_task(add(1, 2)).task_id;
  CHECK_FALSE(client.cancel(done));
  CHECK(client.try_cancel(done)->state == TaskState::success);
  CHECK(client.get_task_result<int>(done).value() == 3);
  CHECK_FALSE(client.cancel(TaskId{{7}}));
  CHECK(client.try_cancel(TaskId{{7}})->state == TaskState::unknown);
  const auto nil = client.try_cancel(TaskId{});
  REQUIRE_FALSE(nil);
  CHECK(nil.error().kind == ErrorKind::invalid);
}

SCENARIO("S24 a task that no worker has is cancelled at once, and nobody to ask is an error in time",
         "[e2e]") {
  Mesh mesh(0);
  Client client;
  const std::string path = mesh.file("runs");
  const TaskId waiting = client.delay(counter(path, "never"));
  CHECK(client.cancel(waiting, 1s));
  CHECK(client.get_task_result<void>(waiting).state == TaskState::cancelled);
  const auto stranger = client.try_cancel(TaskId{{7}}, 300ms);
  REQUIRE_FALSE(stranger);
  CHECK(stranger.error().kind == ErrorKind::unavailable);
  mesh.start_worker();
  CHECK(client.submit_task(add(1, 2)).value() == 3);
  CHECK(mesh.lines(path).empty());
}

SCENARIO("S25 a running task that looks ends soon after the cancel", "[e2e][alone]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  std::vector<TaskId> ids;
  for (int i = 0; i < 9; ++i) ids.push_back(client.delay(polite(30'000)));
  const auto take_running = [&] {  // In the order of acceptance, which is not that of the calls.
    auto running = ids.end();
    REQUIRE(Mesh::eventually([&] {
      running = std::ranges::find_if(ids, [&](const TaskId& id) {
        return client.get_task_result<std::uint32_t>(id).state == TaskState::running;
      });
      return running != ids.end();
    }));
    const TaskId id = *running;
    ids.erase(running);
    return id;
  };
  CHECK(middle_ms(9, [&] {
          const TaskId id = take_running();
          const auto answer = client.try_cancel(id);
          REQUIRE(answer);
          CHECK(answer->gone());
          const auto result = client.wait_for<std::uint32_t>(id, 10s);
          CHECK(result.state == TaskState::cancelled);
          CHECK(result.error().kind == ErrorKind::cancelled);
        }) < 100 * time_factor);
}

SCENARIO("S25 a running task that does not look is shown as stopping, and its slot is not given away",
         "[e2e]") {
  const int workers = GENERATE(1, 3);
  Mesh mesh(workers, 1);
  Client client;
  const std::string path = mesh.file("runs");
  const std::string begun = mesh.file("begun");
  TaskId deaf;
  for (int i = 1; i <= workers; ++i) {  // Its code runs: what is only handed over would be taken back.
    deaf = client.delay(busy(begun, 4000));
    REQUIRE(Mesh::eventually([&] { return mesh.lines(begun).size() == static_cast<std::size_t>(i); }));
  }
  const TaskId next = client.delay(counter(path, "next"));
  const auto answer = client.try_cancel(deaf);
  REQUIRE(answer);
  CHECK(answer->state == TaskState::running);
  CHECK(answer->stopping);
  const auto meanwhile = client.get_task_result<void>(deaf);
  CHECK(meanwhile.state == TaskState::running);
  CHECK(meanwhile.stopping);
  CHECK(mesh.lines(path).empty());
  CHECK(client.get_task_result<void>(next).state == TaskState::queued);
  CHECK(client.wait_for<void>(deaf, 10s).state == TaskState::cancelled);
  CHECK(client.wait_for<void>(next, 10s).state == TaskState::success);
}

SCENARIO("S25 a command that is cancelled is killed with its children", "[e2e]") {
  Mesh mesh(0);
  const std::string marker = mesh.file("marker");
  auto worker = mesh.host().worker({"--exec", "slow=(sleep 2; touch " + marker + ") & wait", "--slots", "1"});
  Client client;
  const TaskId id = client.delay(taskmesh::call_json("slow", "[]"));
  REQUIRE(Mesh::becomes(client, id, TaskState::running));
  CHECK(client.cancel(id));
  CHECK(client.wait_for<taskmesh::Json>(id, 10s).state == TaskState::cancelled);
  const TaskId second =
      client.delay(taskmesh::call_json("slow", "[]"));  // Outlives what the first one would do.
  CHECK(Mesh::becomes(client, second, TaskState::running));
  CHECK_FALSE(std::filesystem::exists(marker));
  CHECK(client.cancel(second));
}

}  // namespace cancel_test
