// Submitting and results: acceptance scenarios 1-6, 9-11, 18.
#include <atomic>
#include <thread>

#include "e2e/mesh.hpp"

namespace tasks_test {

using namespace e2e;
using taskmesh::call;
using taskmesh::ErrorKind;
using taskmesh::Priority;

SCENARIO("S01 round trip: the answer, its times and its id come back", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const auto result = client.submit_task(add(5, 3));
  REQUIRE(result);
  CHECK(result.value() == 8);
  CHECK(result.state == TaskState::success);
  CHECK(result.task_id);
  CHECK(result.attempt == 1);
  CHECK(result.started_at >= result.submitted_at);
  CHECK(result.completed_at >= result.started_at);
  CHECK_FALSE(result.worker.empty());
}

SCENARIO("S02 answers match their questions under load, and each task runs once", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  const std::string path = mesh.file("tally");
  constexpr int calls = 1000;
  std::vector<Process> processes;
  for (int caller = 100; caller < 104; ++caller) processes.push_back(mesh.start_caller(path, caller, calls));
  Client client;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int caller = 0; caller < 16; ++caller) {
    threads.emplace_back([&, caller] {
      for (int i = 0; i < calls; ++i) {
        const auto result = client.submit_task(tally(path, caller, i));
        if (!result || result.value() != tally_answer(caller, i)) ++wrong;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  CHECK(wrong == 0);
  for (Process& process : processes) {
    const auto outcome = process.wait(120s);
    INFO(outcome.err);
    CHECK(outcome.out == "wrong 0 failed 0\n");
  }
  const auto lines = mesh.lines(path);
  CHECK(lines.size() == 20 * calls);
  CHECK(std::set<std::string>(lines.begin(), lines.end()).size() == 20 * calls);
}

SCENARIO("S03 delay returns first, the result comes later", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const TaskId id = client.delay(sleep_ms(500));
  CHECK_FALSE(is_terminal(client.get_task_result<int>(id).state));
  CHECK(client.wait_for<int>(id, 10s).value() == 500);
  CHECK(client.get_task_result<int>(id).value() == 500);  // Reading takes nothing away.
}

SCENARIO("S03 S11 delay takes less than 10 ms, a new client's first answer 50 ms, a command 150 ms",
         "[e2e][alone]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  REQUIRE(client.submit_task(add(1, 2)).value() == 3);
  CHECK(middle_ms(101, [&] { client.delay(add(1, 2)); }) < 10 * time_factor);
  REQUIRE(client.flush());
  CHECK(middle_ms(11, [] {
          Client fresh;
          CHECK(fresh.submit_task(add(1, 2)).value() == 3);
        }) < 50 * time_factor);
  CHECK(middle_ms(11, [&] {
          CHECK(mesh.host().run({"submit", "add", "2", "3"}).out == "5\n");
        }) < 150 * time_factor);
  CHECK(middle_ms(11, [&] {
          CHECK(mesh.host().run({"submit", "add", "2", "3", "--no-wait"}).exit_code == 0);
        }) < 100 * time_factor);
}

SCENARIO("S04 thousands submitted at once, then read by id, each with its own value", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  constexpr int count = 10'000;
  std::vector<TaskId> ids;
  for (int i = 0; i < count; ++i) ids.push_back(client.delay(add(i, 1)));
  int right = 0;
  for (int i = 0; i < count; ++i) {
    const auto result = client.wait_for<int>(ids[static_cast<std::size_t>(i)], 30s);
    if (result && result.value() == i + 1 && result.task_id == ids[static_cast<std::size_t>(i)]) ++right;
  }
  CHECK(right == count);
}

SCENARIO("S05 a pending, a queued, a running, a finished and a never-seen task are told apart", "[e2e]") {
  Mesh mesh(1, 1);
  Client client;
  Client other;
  const TaskId finished = client.delay(add(1, 1));
  REQUIRE(Mesh::becomes(client, finished, TaskState::success));
  const TaskId running = client.delay(sleep_ms(3000));
  REQUIRE(Mesh::becomes(client, running, TaskState::running));
  const TaskId queued = client.delay(add(2, 2));
  REQUIRE(client.accepted(queued));
  const TaskId nobody_serves = client.delay(call<void>("nobody_serves_this"));
  CHECK(client.get_task_result<void>(nobody_serves).state == TaskState::pending);
  for (Client* asking : {&client, &other}) {
    CHECK(asking->get_task_result<int>(finished).state == TaskState::success);
    CHECK(asking->get_task_result<int>(running).state == TaskState::running);
    CHECK(asking->get_task_result<int>(queued).state == TaskState::queued);
    CHECK(asking->get_task_result<int>(TaskId{{7}}).state == TaskState::unknown);
  }
}

SCENARIO("S06 errors say what is wrong, and hurt nobody else", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const auto unknown = client.submit_task(call<int>("ad", 1, 2));
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().kind == ErrorKind::not_found);
  CHECK(unknown.error().what.find("'ad'") != std::string::npos);
  CHECK(unknown.error().why.find("'add'") != std::string::npos);
  const auto few = client.submit_task(call<int>("sleep_ms"));
  REQUIRE_FALSE(few);
  CHECK(few.state == TaskState::failure);
  CHECK(few.error().kind == ErrorKind::invalid);
  const auto type = client.submit_task(call<int>("sleep_ms", std::string("x")));
  REQUIRE_FALSE(type);
  CHECK(type.error().why.find("it takes (int32), got (string)") != std::string::npos);
  const auto raised = client.submit_task(e2e::fail("on purpose"));
  REQUIRE_FALSE(raised);
  CHECK(raised.state == TaskState::failure);
  CHECK(raised.attempt == 1);
  CHECK(raised.error().kind == ErrorKind::failed);
  CHECK(raised.error().why.find("std::runtime_error") != std::string::npos);
  CHECK(raised.error().why.find("on purpose") != std::string::npos);
  CHECK(client.submit_task(add(1, 2)).value() == 3);
}

SCENARIO("S09 a long and a short task overlap, each answer goes to its own caller", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client a;
  Client b;
  auto longer = a.async(sleep_ms(1000)).future();
  auto shorter = b.async(sleep_ms(300)).future();
  CHECK(shorter.get().value() == 300);
  CHECK(longer.wait_for(0s) == std::future_status::timeout);  // B did not wait for A.
  CHECK(longer.get().value() == 1000);
}

SCENARIO("S10 a client that starts first waits for a worker, and has a deadline", "[e2e]") {
  Mesh mesh(0);
  Client client;
  const auto late = client.submit_task(add(1, 1), {.wait = 300ms});
  REQUIRE_FALSE(late);
  CHECK(late.error().kind == ErrorKind::unavailable);
  const auto expired = client.submit_task(add(1, 1), {.deadline = 300ms});
  REQUIRE_FALSE(expired);
  CHECK(expired.state == TaskState::expired);
  const TaskId delayed = client.delay(add(2, 2));
  CHECK(client.get_task_result<int>(delayed).state == TaskState::pending);
  auto blocking = std::async(std::launch::async, [&client] { return client.submit_task(add(3, 3)); });
  mesh.start_worker();
  CHECK(blocking.get().value() == 6);
  CHECK(client.wait_for<int>(delayed, 10s).value() == 4);
}

SCENARIO("S11 a client of a moment gets its answer: process, join, submit, result, exit", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  for (int i = 0; i < 5; ++i) {
    const auto outcome = mesh.host().run({"submit", "add", "2", std::to_string(i)});
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == std::to_string(2 + i) + "\n");
  }
}

SCENARIO("S18 priorities: critical, high, normal, low, first in first out inside each", "[e2e]") {
  Mesh mesh(1, 1);
  Client client;
  const std::string path = mesh.file("order");
  const TaskId blocker = client.delay(e2e::gate(mesh.file("gate")));
  REQUIRE(Mesh::becomes(client, blocker, TaskState::running));
  std::vector<std::string> expected;
  for (const Priority priority : {Priority::low, Priority::normal, Priority::high, Priority::critical}) {
    for (int i = 0; i < 4; ++i) {
      const std::string text = std::string(to_string(priority)) + std::to_string(i);
      client.delay(counter(path, text), {.priority = priority});
    }
  }
  for (const Priority priority : {Priority::critical, Priority::high, Priority::normal, Priority::low}) {
    for (int i = 0; i < 4; ++i) expected.push_back(std::string(to_string(priority)) + std::to_string(i));
  }
  REQUIRE(client.flush());
  mesh.touch("gate");
  CHECK(Mesh::eventually([&] { return mesh.lines(path).size() == 16; }));
  CHECK(mesh.lines(path) == expected);
}

}  // namespace tasks_test
