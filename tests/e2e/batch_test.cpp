// Many tasks at once: acceptance scenarios 19, 26, 29, 30, 37.
#include <fstream>
#include <sstream>

#include "e2e/mesh.hpp"

namespace batch_test {

using namespace e2e;
using taskmesh::BatchProgress;
using taskmesh::ErrorKind;
using taskmesh::Priority;
using taskmesh::TaskSpec;

namespace {

/// The most that were busy at one time.
int most_at_once(const std::vector<std::string>& lines) {
  int now = 0;
  int most = 0;
  for (const std::string& line : lines) {
    now += line == "+" ? 1 : -1;
    most = std::max(most, now);
  }
  CHECK(now == 0);
  return most;
}

/// Sanitizers keep what is freed for a while.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::int64_t growth_kib_max = 300 * 1024;
#else
constexpr std::int64_t growth_kib_max = 5 * 1024;
#endif

std::int64_t resident_kib(pid_t pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("VmRSS:")) return std::stoll(line.substr(6));
  }
  return 0;
}

}  // namespace

SCENARIO("S18 a critical task is the next to start, whatever waits before it", "[e2e]") {
  Mesh mesh(1, 1);
  Client client;
  const std::string path = mesh.file("order");
  const TaskId blocker = client.delay(e2e::gate(mesh.file("gate")));
  REQUIRE(Mesh::becomes(client, blocker, TaskState::running));
  std::vector<TaskSpec> specs;
  for (int i = 0; i < 1000; ++i) specs.push_back({counter(path, "low"), {.priority = Priority::low}});
  const auto ids = client.submit_batch(std::move(specs));
  const TaskId urgent = client.delay(counter(path, "critical"), {.priority = Priority::critical});
  REQUIRE(client.flush());
  mesh.touch("gate");
  REQUIRE(client.wait_for<void>(urgent));
  client.wait_all<void>(ids);
  const auto lines = mesh.lines(path);
  REQUIRE(lines.size() == 1001);
  CHECK(lines.front() == "critical");
}

SCENARIO("S19 never more at once than there are slots, said by flag or by variable", "[e2e]") {
  const int workers = GENERATE(1, 3);
  constexpr int slots = 2;
  Mesh mesh(workers, slots);
  Client client;
  const std::string path = mesh.file("busy");
  std::vector<TaskSpec> specs;
  for (int i = 0; i < 40; ++i) specs.push_back(busy(path, 30));
  const auto results = client.wait_all<void>(client.submit_batch(std::move(specs)));
  CHECK(std::all_of(results.begin(), results.end(), [](const auto& result) { return bool{result}; }));
  CHECK(most_at_once(mesh.lines(path)) <= workers * slots);
  CHECK(most_at_once(mesh.lines(path)) > 1);
}

SCENARIO("S19 slots from the variable are kept to as well", "[e2e]") {
  Mesh mesh(0);
  mesh.host().variables()["TASKMESH_SLOTS"] = "1";
  const std::string path = mesh.file("busy");
  auto worker = mesh.host().worker({"--exec", "busy=echo + >> " + path + "; sleep 0.05; echo - >> " + path});
  Client client;
  std::vector<TaskSpec> specs;
  for (int i = 0; i < 5; ++i) specs.push_back(taskmesh::call_json("busy", "[]"));
  client.wait_all<taskmesh::Json>(client.submit_batch(std::move(specs)));
  CHECK(mesh.lines(path).size() == 10);
  CHECK(most_at_once(mesh.lines(path)) == 1);
}

SCENARIO("S26 a batch: an id and a result for each spec, options honoured, progress told", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string path = mesh.file("runs");
  std::vector<TaskSpec> specs;
  for (int i = 0; i < 999; ++i) specs.push_back(tally(path, 5, i));
  specs.push_back({tally(path, 5, 999), {.countdown = 500ms}});
  const auto ids = client.submit_batch(std::move(specs));
  CHECK(std::set<TaskId>(ids.begin(), ids.end()).size() == 1000);
  CHECK(
      Mesh::eventually([&] { return client.get_task_result<void>(ids.back()).state != TaskState::pending; }));
  CHECK(client.get_task_result<void>(ids.back()).state == TaskState::scheduled);
  std::vector<BatchProgress> told;
  const auto results = client.wait_all<std::int64_t>(
      ids, {.progress = [&](const BatchProgress& so_far) { told.push_back(so_far); }});
  REQUIRE(results.size() == 1000);
  int right = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool own = results[i].task_id == ids[i] && results[i].outcome;
    if (own && results[i].value() == tally_answer(5, static_cast<std::int64_t>(i))) ++right;
  }
  CHECK(right == 1000);
  REQUIRE(told.size() >= 2);
  CHECK(told.front() == BatchProgress{.total = 1000});
  CHECK(told.back() == BatchProgress{.total = 1000, .ended = 1000, .succeeded = 1000});
  CHECK(std::is_sorted(told.begin(), told.end(),
                       [](const auto& a, const auto& b) { return a.ended < b.ended; }));
  CHECK(mesh.lines(path).size() == 1000);
}

SCENARIO("S26 a batch of a thousand is taken in less than 50 ms", "[e2e][alone]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::vector<TaskSpec> specs(1000, add(1, 2));
  CHECK(middle_ms(9, [&] { CHECK(client.submit_batch(specs).size() == 1000); }) < 50 * time_factor);
  REQUIRE(client.flush());
}

SCENARIO("S26 a batch has a callback for each of its tasks that wants one", "[e2e]") {
  Mesh mesh(1);
  Client client;
  Collector collector;
  const auto ids = client.submit_batch({{add(1, 2), {}, {collector.address(), "1"}},
                                        {e2e::fail("no"), {}, {collector.address(), "2"}},
                                        add(3, 4)});
  REQUIRE(ids.size() == 3);
  const auto events = collector.take(2);
  CHECK(ids_of(events) == std::set<TaskId>{ids[0], ids[1]});
  CHECK(client.wait_for<int>(ids[2]).value() == 7);
}

SCENARIO("S26 one bad spec anywhere: an error that names its place, and nothing runs", "[e2e]") {
  Mesh mesh(1);
  Client client;
  const std::string path = mesh.file("runs");
  const std::size_t bad = GENERATE(0U, 3U, 9U);
  std::vector<TaskSpec> specs(10, counter(path, "x"));
  specs[bad].options.countdown = -1s;
  const auto refused = client.try_submit_batch(specs);
  REQUIRE_FALSE(refused);
  CHECK(refused.error().kind == ErrorKind::invalid);
  CHECK(refused.error().what.starts_with("specs[" + std::to_string(bad) + "]"));
  CHECK(refused.error().why == "its countdown is below zero");
  CHECK_THROWS_AS(client.submit_batch(specs), taskmesh::Failure);
  specs[bad].options.countdown.reset();
  specs[bad].callback.address = "nowhere";
  CHECK_FALSE(client.try_submit_batch(specs));
  CHECK(client.in_flight() == 0);
  CHECK(client.submit_task(add(1, 2)).value() == 3);
  CHECK(mesh.lines(path).empty());
  CHECK(client.submit_batch({}).empty());
  CHECK(client.wait_all<int>({}).empty());
}

SCENARIO("S26 a batch beyond the in-flight limit goes in parts, or is taken back when its time is up",
         "[e2e]") {
  Mesh mesh(0);
  taskmesh::Client client{{.in_flight_max = 100}};
  const std::string path = mesh.file("runs");
  const std::vector<TaskSpec> specs(250, counter(path, "x"));
  const auto early = client.try_submit_batch(specs, 200ms);  // No worker takes any.
  REQUIRE_FALSE(early);
  CHECK(early.error().kind == ErrorKind::overloaded);
  CHECK(early.error().what.find("are being cancelled") != std::string::npos);
  CHECK(Mesh::eventually([&] { return client.in_flight() == 0; }));
  mesh.start_worker();
  const auto ids = client.submit_batch(specs, 20s);
  CHECK(ids.size() == 250);
  const auto results = client.wait_all<void>(ids);
  CHECK(std::all_of(results.begin(), results.end(), [](const auto& result) { return bool{result}; }));
  CHECK(mesh.lines(path).size() == 250);
}

SCENARIO("S26 a wait for many that ends early has the results that are there", "[e2e]") {
  Mesh mesh(1, 2);
  Client client;
  const auto ids = client.submit_batch({add(1, 1), sleep_ms(3000), add(2, 2), e2e::fail("no")});
  const auto results = client.wait_all<int>(ids, {.wait = 1s});
  REQUIRE(results.size() == 4);
  CHECK(results[0].value() == 2);
  CHECK(results[1].error().kind == ErrorKind::timed_out);
  CHECK(results[1].task_id == ids[1]);
  CHECK(results[2].value() == 4);
  CHECK(results[3].state == TaskState::failure);
  CHECK_THROWS_AS(
      client.wait_all<int>(ids, {.progress = [](const auto&) { throw std::runtime_error("enough"); }}),
      std::runtime_error);
}

SCENARIO("S29 tasks of one name and key run once, and each gets the answer", "[e2e]") {
  Mesh mesh(GENERATE(1, 3), 2);
  Client client;
  Client other;
  const std::string path = mesh.file("runs");
  const auto first = client.submit_task(tally(path, 1, 1), {.key = "order-7"});
  REQUIRE(first);
  CHECK_FALSE(first.joined);
  const auto second = other.submit_task(tally(path, 1, 1), {.key = "order-7"});
  REQUIRE(second);
  CHECK(second.value() == first.value());
  CHECK(second.task_id != first.task_id);
  CHECK(second.joined == first.task_id);
  CHECK(client.submit_task(tally(path, 1, 2), {.key = "order-8"}));
  CHECK(mesh.lines(path).size() == 2);
  std::vector<TaskSpec> specs(20, TaskSpec{tally(path, 1, 3), {.key = "order-9"}});  // Beside each other.
  for (const auto& result : other.wait_all<std::int64_t>(other.submit_batch(std::move(specs)))) {
    CHECK(result.value() == tally_answer(1, 3));
  }
  CHECK(mesh.lines(path).size() == 3);
}

SCENARIO("S30 results are bounded by number, the least recently read goes, and by time", "[e2e]") {
  Mesh mesh(1, 1, 5);
  Client client;
  std::vector<TaskId> ids;
  for (int i = 0; i < 5; ++i) ids.push_back(client.submit_task(add(i, i)).task_id);
  CHECK(client.get_task_result<int>(ids[0]).value() == 0);  // Touched.
  ids.push_back(client.submit_task(add(5, 5)).task_id);
  const auto gone = client.get_task_result<int>(ids[1]);
  CHECK(gone.state == TaskState::success);
  CHECK(gone.error().kind == ErrorKind::not_found);
  for (const std::size_t kept : {0U, 2U, 3U, 4U, 5U}) CHECK(client.get_task_result<int>(ids[kept]));
  const TaskId brief = client.submit_task(add(7, 7), {.result_ttl = 1s}).task_id;
  CHECK(client.get_task_result<int>(brief).value() == 14);
  CHECK(Mesh::eventually([&] { return !client.get_task_result<int>(brief); }, 5s));
  CHECK(client.get_task_result<int>(brief).state == TaskState::success);
}

SCENARIO("S30 a hundred thousand tasks with ten results kept: memory stays flat at worker and client",
         "[e2e]") {
  Mesh mesh(1, 2, 10);
  Client client;
  const auto run = [&](int count) {
    std::vector<taskmesh::AsyncResult<int>> under_way;
    for (int done = 0; done < count; done += 1000) {
      for (int i = 0; i < 1000; ++i) under_way.push_back(client.async(add(done, i)));
      for (int i = 0; i < 1000; ++i) {
        REQUIRE(under_way[static_cast<std::size_t>(i)].future().get().value() == done + i);
      }
      under_way.clear();
    }
  };
  run(120'000);  // What is remembered by state alone is full by then.
  const auto worker_before = resident_kib(mesh.workers().front().pid());
  const auto client_before = resident_kib(::getpid());
  REQUIRE(worker_before > 0);
  run(100'000);
  CHECK(resident_kib(mesh.workers().front().pid()) - worker_before < growth_kib_max);
  CHECK(resident_kib(::getpid()) - client_before < growth_kib_max);
}

SCENARIO("S37 a task that ends its process costs that process alone", "[e2e]") {
  Mesh mesh(3, 2);
  Client client;
  const auto crashed = client.submit_task(taskmesh::call<void>("crash"), alone);
  REQUIRE_FALSE(crashed);
  CHECK(crashed.state == TaskState::lost);
  const auto results = client.wait_all<int>(client.submit_batch(std::vector<TaskSpec>(50, add(1, 2))));
  CHECK(std::all_of(results.begin(), results.end(), [](const auto& result) { return bool{result}; }));
  const auto running = [&] {
    return std::count_if(mesh.workers().begin(), mesh.workers().end(),
                         [](Process& one) { return one.running(); });
  };
  CHECK(Mesh::eventually([&] { return running() < 3; }));  // Its peers may know before it is quite gone.
  CHECK(running() == 2);
}

}  // namespace batch_test
