// What the workers know, as lists: tasks, and callbacks that nobody has acknowledged. Real processes.
#include <algorithm>
#include <chrono>

#include "e2e/strangers.hpp"

namespace listing_test {

using namespace e2e;
using taskmesh::EventStage;
using taskmesh::ListenerState;

namespace {

std::string nowhere() { return "tcp://127.0.0.1:" + std::to_string(support::free_port()); }

template <class Infos>
std::set<TaskId> listed_ids(const Infos& infos) {
  std::set<TaskId> ids;
  for (const auto& info : infos) CHECK(ids.insert(info.task_id).second);
  return ids;
}

}  // namespace

SCENARIO("the tasks of all workers are listed, by state and by name", "[e2e][listing]") {
  Mesh mesh(3, 1);
  Client client;
  std::vector<TaskId> done;
  done.push_back(client.delay(add(1, 1)));  // Kept by two workers, and listed once.
  REQUIRE(client.wait_for<int>(done.front()));
  for (int i = 0; i < 30; ++i) done.push_back(client.delay(add(i, i), alone));
  for (const TaskId id : done) REQUIRE(client.wait_for<int>(id));
  std::vector<TaskId> slow;
  for (int i = 0; i < 6; ++i) slow.push_back(client.delay("sleep_ms", 20'000));
  REQUIRE(client.flush(10s));
  const auto listing = client.tasks();
  CHECK(listing.silent.empty());
  CHECK_FALSE(listing.more);
  CHECK(listed_ids(listing.tasks).size() == 37);
  CHECK(std::is_sorted(listing.tasks.begin(), listing.tasks.end(), [](const auto& a, const auto& b) {
    return a.submitted_at.unix_us < b.submitted_at.unix_us;
  }));
  CHECK(listed_ids(client.tasks({.state = TaskState::success}).tasks) ==
        std::set<TaskId>(done.begin(), done.end()));
  const auto in = [&](TaskState state) { return client.tasks({.state = state}).tasks.size(); };
  CHECK(Mesh::eventually([&] {  // How many run depends on where they went.
    return in(TaskState::running) > 0 && in(TaskState::running) + in(TaskState::queued) == slow.size();
  }));
  CHECK(listed_ids(client.tasks({.name = "sleep_ms"}).tasks) == std::set<TaskId>(slow.begin(), slow.end()));
  CHECK(client.tasks({.name = "nobody"}).tasks.empty());
  THEN("a limit takes what has not ended first, and says that there is more") {
    const auto some = client.tasks({.limit = 6});
    CHECK(some.more);
    CHECK(listed_ids(some.tasks) == std::set<TaskId>(slow.begin(), slow.end()));
  }
  THEN("a worker that stands still is named, and what the others know is told in time") {
    // What ran without a copy is known where it ran, and nowhere else.
    std::map<taskmesh::NodeId, std::set<TaskId>> ran;
    for (const auto& info : listing.tasks) {
      if (info.state == TaskState::success && info.task_id != done.front())
        ran[info.worker_id].insert(info.task_id);
    }
    const auto who = client.workers();
    const auto alone_with = [&](const Process& process) {
      const auto info =
          std::ranges::find(who, static_cast<std::uint32_t>(process.pid()), &taskmesh::WorkerInfo::pid);
      REQUIRE(info != who.end());
      return ran[info->id];
    };
    auto& worker = *std::ranges::max_element(mesh.workers(), {},
                                             [&](const auto& process) { return alone_with(process).size(); });
    const std::set<TaskId> its = alone_with(worker);
    REQUIRE_FALSE(its.empty());
    worker.signal(SIGSTOP);
    const auto begun = std::chrono::steady_clock::now();
    const auto part = client.tasks();
    CHECK(std::chrono::steady_clock::now() - begun < 1'500ms);
    CHECK(part.silent.size() == 1);
    const std::set<TaskId> left = listed_ids(part.tasks);
    for (const TaskId id : done) CHECK((id == done.front() || left.contains(id) != its.contains(id)));
    worker.signal(SIGCONT);
  }
  for (const TaskId id : slow) client.cancel(id);
}

SCENARIO("what is undelivered is seen, and tried again once its listener is there", "[e2e][listing]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin", "--callback-ttl", "500ms", "--name", "w1"});
  Client client;
  const std::string address = nowhere();
  CHECK(client.callbacks().callbacks.empty());
  CHECK_FALSE(client.try_retry_callbacks({.address = address}));
  const TaskId id = client.delay_with_callback(add(1, 2), {address});
  REQUIRE(client.wait_for<int>(id));
  REQUIRE(Mesh::eventually([&] {
    const auto listing = client.callbacks();
    return !listing.callbacks.empty() && listing.callbacks[0].stage == EventStage::dead;
  }));
  const auto dead = client.callbacks({.task_id = id}).callbacks;
  REQUIRE(dead.size() == 1);
  CHECK(dead[0].task_id == id);
  CHECK(dead[0].address == address);
  CHECK(dead[0].worker == "w1");
  CHECK(dead[0].state == TaskState::success);
  CHECK(client.get_task_result<int>(id).callback == taskmesh::CallbackState::undelivered);

  Collector listener(address);
  const auto answer = client.retry_callbacks({.task_id = id});
  CHECK(answer.revived == 1);
  CHECK(answer.tried == 1);
  const auto events = listener.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].task_id == id);
  CHECK(Mesh::eventually(
      [&] { return client.get_task_result<int>(id).callback == taskmesh::CallbackState::delivered; }));
  CHECK(client.callbacks().callbacks.empty());
  const auto nothing = client.try_retry_callbacks({.task_id = id});
  REQUIRE_FALSE(nothing);
  CHECK(nothing.error().kind == taskmesh::ErrorKind::not_found);
  CHECK(client.retry_callbacks({}).tried == 0);
}

SCENARIO(
    "a listener that never acknowledges keeps its window, is given up after its attempts, and holds nobody "
    "up",
    "[e2e][listing]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin", "--callback-attempts", "1"});
  Client client;
  Collector honest;
  Impostor silent;
  std::vector<TaskId> ids;
  for (int i = 0; i < 100; ++i) ids.push_back(client.delay_with_callback(add(i, i), {silent.address()}));
  const auto hello = silent.hear<proto::CbHello>();
  REQUIRE(hello);
  proto::CbWelcome welcome;
  welcome.window_records = 10;
  welcome.window_bytes = 1 << 20;
  welcome.nonce = hello->nonce;
  silent.say(welcome, "");
  REQUIRE(Mesh::eventually([&] {
    const auto listing = client.callbacks();
    return listing.callbacks.size() == 100 && listing.callbacks[0].in_flight == 10;
  }));
  const auto waiting = client.callbacks({.address = silent.address()});
  CHECK(waiting.callbacks[0].window == 10);
  CHECK(waiting.callbacks[0].listener == ListenerState::ready);
  const TaskId told = client.delay_with_callback(add(3, 3), {honest.address()});
  const auto events = honest.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].task_id == told);
  CHECK(Mesh::eventually([&] {  // After event_ack_timeout.
    const auto listing = client.callbacks();
    return std::any_of(listing.callbacks.begin(), listing.callbacks.end(),
                       [](const auto& one) { return one.stage == EventStage::dead; });
  }));
  CHECK(client.callbacks().callbacks.size() == 100);
}

SCENARIO("a callback is tried again although another worker stands still", "[e2e][listing]") {
  Mesh mesh(0);
  auto holder = mesh.host().worker({"--builtin", "--callback-ttl", "300ms"});
  auto other = mesh.host().worker({"--exec", "other=true", "--name", "w2"});
  Client client;
  const TaskId id = client.delay_with_callback(add(1, 2), {nowhere()});
  REQUIRE(Mesh::eventually([&] {
    const auto listing = client.callbacks();
    return !listing.callbacks.empty() && listing.callbacks[0].stage == EventStage::dead;
  }));
  REQUIRE(client.workers().size() == 2);
  other.signal(SIGSTOP);
  const auto answer = client.try_retry_callbacks({.task_id = id}, 1s);
  other.signal(SIGCONT);
  REQUIRE(answer);
  CHECK(answer->revived == 1);
  CHECK(answer->silent == std::vector<std::string>{"w2"});
}

SCENARIO("without a worker lists are empty, and there is nobody to try again", "[e2e][listing]") {
  Mesh mesh(0);
  Client client;
  CHECK(client.tasks().tasks.empty());
  CHECK(client.callbacks().callbacks.empty());
  const auto answer = client.try_retry_callbacks({}, 300ms);
  REQUIRE_FALSE(answer);
  CHECK(answer.error().kind == taskmesh::ErrorKind::unavailable);
}

}  // namespace listing_test
