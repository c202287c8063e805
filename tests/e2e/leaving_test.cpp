// Workers that are told to leave while they have work: real processes, real signals.
#include <atomic>
#include <thread>

#include "e2e/mesh.hpp"

namespace leaving_test {

using namespace e2e;

namespace {

/// What was submitted with a callback, and what became of it.
struct Load {
  Mesh& mesh;
  Client client{};
  Collector collector{};
  std::set<TaskId> ids{};
  std::string path = mesh.file("runs");
  int copies = 0;

  void submit(int count, int ms, const taskmesh::SubmitOptions& options) {
    taskmesh::SubmitOptions each = options;
    for (int i = 0; i < count; ++i) {
      each.replicas = copies;
      ids.insert(client.delay_with_callback(busy(path, ms), {collector.address()}, each));
    }
  }
  /// Each has ended well, and each was begun once.
  void check_all(const std::vector<taskmesh::CompletionEvent>& events) {
    CHECK(ids_of(events).size() == ids.size());
    for (const auto& event : events) {
      if (event.state == TaskState::success) continue;
      FAIL_CHECK(taskmesh::to_string(event.task_id)
                 << " " << taskmesh::to_string(event.state) << ": " << (event.error ? event.error->why : ""));
    }
    const auto lines = mesh.lines(path);
    const auto begun = static_cast<std::size_t>(std::count(lines.begin(), lines.end(), "+"));
    CHECK(begun == ids.size());
  }
};

}  // namespace

SCENARIO("three workers restarted one after the other under load lose nothing and repeat nothing",
         "[e2e][leaving]") {
  Mesh mesh(3);
  Load load{.mesh = mesh};
  load.copies = GENERATE(0, 1);
  INFO("replicas " << load.copies);
  REQUIRE(load.client.submit_task(add(1, 1), {.replicas = load.copies}).value() == 2);
  // A listener that takes nothing leaves events with a worker that has no time.
  auto events = std::async(std::launch::async, [&] { return load.collector.take(960, 20s); });
  for (std::size_t i = 0; i < 3; ++i) {
    load.submit(300, 15, {});
    load.submit(10, 1, {.countdown = 2s + 500ms * i});
    load.submit(10, 1, {.once = true});
    REQUIRE(load.client.flush(10s));
    const auto told = std::chrono::steady_clock::now();
    mesh.workers()[i].signal(SIGTERM);
    const auto outcome = mesh.workers()[i].wait(20s);
    CHECK(outcome.exit_code == 0);
    CHECK(std::chrono::steady_clock::now() - told < 10s);
    mesh.start_worker();
  }
  load.check_all(events.get());
}

SCENARIO(
    "a mesh whose workers are all restarted, one by one, while it is given work: nothing is lost, each runs "
    "once",
    "[e2e][leaving]") {
  Mesh mesh(3);
  Load load{.mesh = mesh};
  load.copies = 1;
  REQUIRE(load.client.submit_task(add(1, 1), {.replicas = 1}).value() == 2);
  std::atomic<std::size_t> given = 0;
  std::jthread busy_caller([&](const std::stop_token& enough) {
    while (!enough.stop_requested()) {
      load.submit(10, 2, {});
      given += 10;
      std::this_thread::sleep_for(20ms);
    }
  });
  const auto gives_more = [&] {
    return mesh.eventually([&, at = given.load()] { return given >= at + 100; });
  };
  std::size_t while_they_left = 0;
  for (std::size_t i = 0; i < 3; ++i) {
    REQUIRE(gives_more());
    const std::size_t before = given;
    mesh.workers()[i].signal(SIGTERM);
    CHECK(mesh.workers()[i].wait(20s).exit_code == 0);
    while_they_left += given - before;
    mesh.start_worker();
  }
  CHECK(gives_more());  // With none of the first ones.
  CHECK(while_they_left > 0);
  busy_caller.request_stop();
  busy_caller.join();
  load.check_all(load.collector.take(load.ids.size(), 20s));
}

SCENARIO("a worker that leaves does not wait for what waits: it is run elsewhere, at its time",
         "[e2e][leaving]") {
  Mesh mesh(1, 1);
  Client client;
  const std::string path = mesh.file("attempts");
  auto retried =
      client.async(flaky(path, 1), {.retries = {.count = 2, .delay = 3s, .jitter = 0}, .replicas = 0});
  REQUIRE(mesh.eventually([&] { return mesh.lines(path).size() == 1; }));
  auto running = client.async(stubborn(1'000), {.replicas = 0}).future();
  auto queued = client.async(stubborn(3'000), {.replicas = 0}).future();
  auto later = client.async(stubborn(1), {.countdown = 4s, .replicas = 0}).future();
  REQUIRE(client.flush(10s));
  mesh.start_worker();
  REQUIRE(mesh.eventually([&] { return client.workers().size() == 2; }));
  mesh.workers()[0].signal(SIGTERM);
  CHECK(mesh.workers()[0].wait(20s).exit_code == 0);
  CHECK(running.get().value() == 1);
  mesh.start_worker();
  mesh.workers()[1].signal(SIGTERM);  // What it has been given, it gives on.
  CHECK(queued.get().value() == 1);
  CHECK(later.get().value() == 1);
  CHECK(retried.future().get().value() == 2);
  CHECK(mesh.lines(path).size() == 2);
}

}  // namespace leaving_test
