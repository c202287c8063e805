// When and how often a task runs: acceptance scenarios 20, 21, 22, 27, 28.
#include <sstream>
#include <thread>

#include "e2e/mesh.hpp"

namespace later_test {

using namespace e2e;
using taskmesh::ErrorKind;

namespace {

using Clock = std::chrono::system_clock;

std::int64_t now_ms() {
  return std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now().time_since_epoch()).count();
}

/// The times that `flaky` noted, one for each attempt.
std::vector<std::int64_t> times_of(const std::vector<std::string>& lines) {
  std::vector<std::int64_t> times;
  for (const std::string& line : lines) {
    std::istringstream text(line);
    std::size_t attempt = 0;
    std::int64_t at = 0;
    text >> attempt >> at;
    CHECK(attempt == times.size() + 1);
    times.push_back(at);
  }
  return times;
}

constexpr std::int64_t grace = 500;  // 10 ms are promised; the machine may be busy.

}  // namespace

SCENARIO("S20 a countdown and a point in time: scheduled until then, run once, readable afterwards",
         "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  Client other;
  const std::string path = mesh.file("runs");
  const std::int64_t begun = now_ms();
  const TaskId countdown = client.delay(stamp(path, "countdown"), {.countdown = 1s});
  const TaskId eta = client.delay(stamp(path, "eta"), {.eta = Clock::now() + 1s});
  const TaskId past = client.delay(stamp(path, "past"), {.eta = Clock::now() - 1h});
  REQUIRE(client.flush());
  for (const TaskId id : {countdown, eta})
    CHECK(other.get_task_result<void>(id).state == TaskState::scheduled);
  CHECK(client.wait_for<std::int64_t>(past, 10s).value() - begun < 1000);
  for (const TaskId id : {countdown, eta}) {
    const auto result = other.wait_for<std::int64_t>(id, 10s);
    REQUIRE(result);
    CHECK(result.value() - begun >= 999);  // Two clocks, each rounded down.
    CHECK(result.value() - begun < 1000 + grace);
    CHECK(client.get_task_result<std::int64_t>(id).value() == result.value());
  }
  CHECK(mesh.lines(path).size() == 3);
}

SCENARIO("S20 of many countdowns none starts early, and half of them less than 100 ms late", "[e2e][alone]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  std::vector<std::pair<TaskId, std::int64_t>> planned;
  for (int i = 1; i <= 101; ++i) {
    const auto countdown = 10ms * i;
    const std::int64_t called = now_ms();
    planned.emplace_back(client.delay(sleep_ms(0), {.countdown = countdown}), called + countdown / 1ms);
  }
  std::vector<std::int64_t> late;
  for (const auto& [id, at] : planned) {
    const auto result = client.wait_for<int>(id);
    REQUIRE(result);
    late.push_back(result.started_at.unix_us / 1000 - at);
  }
  std::sort(late.begin(), late.end());
  CHECK(late.front() >= 0);
  CHECK(static_cast<double>(late[50]) < 100 * time_factor);
}

SCENARIO("S20 a countdown outlives the client that gave it", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  const std::string path = mesh.file("runs");
  TaskId id;
  {
    Client client;
    id = client.delay(stamp(path, "x"), {.countdown = 700ms});
  }
  Client later;
  CHECK(later.get_task_result<void>(id).state == TaskState::scheduled);
  CHECK(later.wait_for<std::int64_t>(id, 10s));
  CHECK(mesh.lines(path).size() == 1);
}

SCENARIO("S20 a thousand tasks of one point in time all run, each once", "[e2e]") {
  Mesh mesh(GENERATE(1, 3), 4);
  Client client;
  const std::string path = mesh.file("runs");
  const auto at = Clock::now() + 1s;
  std::vector<taskmesh::TaskSpec> specs;
  for (int i = 0; i < 1000; ++i) specs.push_back({tally(path, 1, i), {.eta = at}});
  const auto results = client.wait_all<std::int64_t>(client.submit_batch(std::move(specs)));
  REQUIRE(results.size() == 1000);
  std::int64_t right = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const bool early =
        results[i].started_at.unix_us / 1000 <
        std::chrono::duration_cast<std::chrono::milliseconds>(at.time_since_epoch()).count() - 1;
    if (results[i] && results[i].value() == tally_answer(1, static_cast<std::int64_t>(i)) && !early) ++right;
  }
  CHECK(right == 1000);
  const auto lines = mesh.lines(path);
  CHECK(lines.size() == 1000);
  CHECK(std::set<std::string>(lines.begin(), lines.end()).size() == 1000);
}

SCENARIO("S21 a countdown longer than the wait of its client: one execution, readable by its id", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string path = mesh.file("runs");
  const auto early = client.submit_task(stamp(path, "x"), {.countdown = 1500ms, .wait = 200ms});
  REQUIRE_FALSE(early);
  CHECK(early.error().kind == ErrorKind::timed_out);
  CHECK(client.get_task_result<std::int64_t>(early.task_id).state == TaskState::scheduled);
  CHECK(client.wait_for<std::int64_t>(early.task_id, 10s));
  CHECK(client.submit_task(taskmesh::call<int>("sleep_ms", 300)));  // A second execution would come by now.
  CHECK(mesh.lines(path).size() == 1);
}

SCENARIO("S22 an interval today is a task that is submitted again when it has ended", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string path = mesh.file("runs");
  std::vector<std::int64_t> begun;
  taskmesh::SubmitOptions options;  // The first at once.
  for (int i = 0; i < 3; ++i) {
    const auto result = client.submit_task(stamp(path, "tick"), options);
    REQUIRE(result);
    begun.push_back(result.value());
    // From the planned time, not from now: pauses do not add up, and what took too long is skipped over.
    options.eta = Clock::time_point(std::chrono::milliseconds(begun.front() + (i + 1) * 500));
  }
  CHECK(mesh.lines(path).size() == 3);
  for (std::size_t i = 1; i < begun.size(); ++i) {
    const auto due = begun.front() + static_cast<std::int64_t>(i) * 500;
    CHECK(begun[i] >= due - 1);
    CHECK(begun[i] < due + grace);
  }
}

SCENARIO("S27 what fails twice and is tried three times more succeeds, after growing pauses", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const std::string path = mesh.file("runs");
  const taskmesh::RetryOptions retries{.count = 3, .delay = 200ms, .backoff = 2, .jitter = 0};
  const TaskId id = client.delay(flaky(path, 2), {.retries = retries});
  CHECK(Mesh::becomes(client, id, TaskState::retrying));
  const auto result = client.wait_for<std::uint32_t>(id, 10s);
  REQUIRE(result);
  CHECK(result.value() == 3);
  CHECK(result.attempt == 3);
  const auto times = times_of(mesh.lines(path));
  REQUIRE(times.size() == 3);
  CHECK(times[1] - times[0] >= 199);
  CHECK(times[1] - times[0] < 200 + grace);
  CHECK(times[2] - times[1] >= 399);
  CHECK(times[2] - times[1] < 400 + grace);
}

SCENARIO("S27 pauses are kept within a tenth", "[e2e][alone]") {
  Mesh mesh(1);
  Client client;
  std::vector<std::int64_t> pauses;
  for (int i = 0; i < 7; ++i) {
    const std::string path = mesh.file("runs" + std::to_string(i));
    REQUIRE(client.submit_task(flaky(path, 1), {.retries = {.count = 1, .delay = 200ms, .jitter = 0}}));
    const auto times = times_of(mesh.lines(path));
    REQUIRE(times.size() == 2);
    pauses.push_back(times[1] - times[0]);
  }
  std::sort(pauses.begin(), pauses.end());
  CHECK(pauses.front() >= 199);  // Noted in whole ms.
  CHECK(static_cast<double>(pauses[3]) < 200 + 20 * time_factor);
}

SCENARIO("S27 what always fails ends as failure after all its attempts, with one callback", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  Collector collector;
  const std::string path = mesh.file("runs");
  const taskmesh::RetryOptions retries{.count = 3, .delay = 50ms, .backoff = 10, .max_delay = 100ms};
  const TaskId id = client.delay_with_callback(flaky(path, 99), {collector.address()}, {.retries = retries});
  const auto events = collector.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].state == TaskState::failure);
  CHECK(events[0].attempt == 4);
  CHECK(events[0].error->why.find("attempt 4") != std::string::npos);
  CHECK_FALSE(collector.listener().next(300ms));
  const auto result = client.get_task_result<std::uint32_t>(id);
  CHECK(result.attempt == 4);
  CHECK(result.error().kind == ErrorKind::failed);
  CHECK(times_of(mesh.lines(path)).size() == 4);
}

SCENARIO("S27 wrong arguments are not tried again", "[e2e]") {
  Mesh mesh(1);
  Client client;
  const auto wrong =
      client.submit_task(taskmesh::call<int>("sleep_ms", std::string("x")), {.retries = {.count = 5}});
  REQUIRE_FALSE(wrong);
  CHECK(wrong.error().kind == ErrorKind::invalid);
  CHECK(wrong.attempt == 1);
}

SCENARIO("S28 an attempt that takes too long has failed in time, is told, and others run", "[e2e][alone]") {
  Mesh mesh(1, 2);
  Client client;
  Collector collector;
  const auto begun = std::chrono::steady_clock::now();
  const TaskId id = client.delay_with_callback(stubborn(3000), {collector.address()}, {.time_limit = 300ms});
  const auto result = client.wait_for<std::uint32_t>(id, 10s);
  CHECK(std::chrono::steady_clock::now() - begun < 2500ms * time_factor);
  CHECK(result.state == TaskState::failure);
  CHECK(result.error().kind == ErrorKind::timed_out);
  const auto events = collector.take(1);
  REQUIRE(events.size() == 1);
  CHECK(events[0].error->kind == ErrorKind::timed_out);
  THEN("its slot is shown as stuck until its code returns, and not given away") {
    const auto stuck = [&] { return client.workers().front().stuck; };
    CHECK(Mesh::eventually([&] { return stuck() == 1; }));
    CHECK(client.submit_task(add(1, 2)).value() == 3);  // In the other one.
    CHECK(Mesh::eventually([&] { return stuck() == 0; }));
  }
  THEN("a task that looks frees its slot at once, and a command is killed") {
    const auto polite_one = client.submit_task(polite(30'000), {.time_limit = 200ms});
    CHECK(polite_one.error().kind == ErrorKind::timed_out);
    auto worker = mesh.host().worker({"--exec", "slow=sleep 30", "--slots", "1"});
    const auto killed = client.submit_task(taskmesh::call_json("slow", "[]"), {.time_limit = 200ms});
    CHECK(killed.error().kind == ErrorKind::timed_out);
    const auto again = client.submit_task(taskmesh::call_json("slow", "[]"), {.time_limit = 200ms});
    CHECK(again.error().kind == ErrorKind::timed_out);  // The slot is free: this one was started too.
  }
}

SCENARIO("S28 a time limit of half a second ends an attempt before six tenths", "[e2e][alone]") {
  Mesh mesh(1, 4);
  Client client;
  std::vector<double> ended;
  for (int i = 0; i < 5; ++i) {
    const auto result = client.submit_task(polite(30'000), {.time_limit = 500ms});
    CHECK(result.error().kind == ErrorKind::timed_out);
    ended.push_back(static_cast<double>(result.completed_at.unix_us - result.started_at.unix_us) / 1000);
  }
  std::sort(ended.begin(), ended.end());
  CHECK(ended.front() >= 499);
  CHECK(ended[2] < 500 + 100 * time_factor);
}

SCENARIO("S28 an attempt beyond its time is tried again where retries are asked for", "[e2e]") {
  Mesh mesh(1, 4);
  Client client;
  const auto result =
      client.submit_task(polite(10'000), {.time_limit = 100ms, .retries = {.count = 2, .delay = 10ms}});
  REQUIRE_FALSE(result);
  CHECK(result.error().kind == ErrorKind::timed_out);
  CHECK(result.attempt == 3);
}

}  // namespace later_test
