// Tasks that more than one worker holds, when a worker is killed: real processes, real signals.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>
#include <utility>
#include <vector>

#include "e2e/mesh.hpp"
#include "e2e/slow_tally.hpp"

namespace takeover_test {

using namespace e2e;
using taskmesh::NodeId;
using taskmesh::SubmitOptions;

namespace {

const SubmitOptions copied{.replicas = 1};

std::chrono::milliseconds since(std::chrono::steady_clock::time_point then) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(std::chrono::steady_clock::now() - then);
}

/// Each worker has held a copy for each other one: nobody is left out of an order because it has not greeted yet.
bool all_hold_for_all(Client& client, std::size_t workers) {
  std::set<std::pair<NodeId, NodeId>> pairs;
  return Mesh::eventually([&] {
    const auto receipt = client.accepted(client.delay(stubborn(5), copied));
    if (receipt && receipt->nodes.size() == 2) pairs.emplace(receipt->nodes[0], receipt->nodes[1]);
    return pairs.size() == workers * (workers - 1);
  });
}

NodeId node_of(Client& client, const Process& worker) {
  for (const auto& each : client.workers()) {
    if (each.pid == static_cast<std::uint32_t>(worker.pid())) return each.id;
  }
  return {};
}

/// Gives one worker a task for a minute: from then on the others are asked to run what comes, and that one to hold it.
Process& keep_one_busy(Client& client, Mesh& mesh) {
  const auto count = [&](bool busy) {
    const auto workers = client.workers();
    return std::ranges::count_if(workers, [&](const auto& worker) { return (worker.running > 0) == busy; });
  };
  REQUIRE(Mesh::eventually([&] { return count(false) == std::ssize(mesh.workers()); }));
  REQUIRE(Mesh::becomes(client, client.delay(sleep_ms(60'000), alone), TaskState::running));
  REQUIRE(Mesh::eventually([&] { return count(true) == 1; }));
  const auto workers = client.workers();
  const auto busy = std::ranges::find_if(workers, [](const auto& worker) { return worker.running > 0; });
  const auto process = std::ranges::find_if(mesh.workers(), [&](const Process& each) {
    return static_cast<std::uint32_t>(each.pid()) == busy->pid;
  });
  REQUIRE(process != mesh.workers().end());
  int elsewhere =
      0;  // In a row: the client knows who is busy. What it still sent there would wait for a minute.
  REQUIRE(Mesh::eventually([&] {
    const TaskId id = client.delay(pid(), alone);
    const bool ended = client.wait_for<int>(id, 2s).state == TaskState::success;
    if (!ended) client.cancel(id);
    elsewhere = ended ? elsewhere + 1 : 0;
    return elsewhere == 20;
  }));
  return *process;
}

}  // namespace

SCENARIO(
    "2,000 tasks of 1 ms on three workers: one of them is killed, nothing is lost, each completion is "
    "delivered",
    "[e2e][takeover][alone]") {
  Mesh mesh(3);
  Client client;
  Collector collector;
  const std::string path = mesh.file("tally");
  REQUIRE(client.submit_task(add(1, 1), copied).value() == 2);
  std::set<TaskId> ids;
  for (int i = 0; i < 2'000; ++i) {
    ids.insert(client.delay_with_callback(slow_tally(path, 1, i), {collector.address()}, copied));
  }
  REQUIRE(collector.take(200).size() == 200);
  mesh.workers()[0].signal(SIGKILL);
  const auto killed = std::chrono::steady_clock::now();
  std::set<TaskId> told;
  std::size_t lost = 0;
  while (told.size() < 1'800) {
    const auto event = collector.listener().next(5s);
    if (!event) break;
    told.insert(event->task_id);
    lost += event->state == TaskState::success ? 0U : 1U;
  }
  CHECK(told.size() >= 1'800);
  CHECK(lost == 0);
  CHECK(since(killed) < 5s * time_factor);
  std::set<std::string> ran;
  for (const std::string& line : mesh.lines(path)) ran.insert(line);
  CHECK(ran.size() == 2'000);
  WARN("all told " << since(killed).count() << " ms after the kill, " << mesh.lines(path).size() - 2'000
                   << " tasks ran twice");
}

SCENARIO("who waits for a killed worker's copied tasks gets their results from those who take them over",
         "[e2e][takeover][alone]") {
  Mesh mesh(3);
  Client client;
  REQUIRE(client.submit_task(add(1, 1), copied).value() == 2);
  std::vector<TaskId> ids;
  for (int i = 0; i < 12; ++i) ids.push_back(client.delay(stubborn(700), copied));
  for (const TaskId& id : ids) {
    const auto receipt = client.accepted(id);
    REQUIRE(receipt);
    CHECK(std::set(receipt->nodes.begin(), receipt->nodes.end()).size() == 2);
  }
  mesh.workers()[1].signal(SIGKILL);
  const auto killed = std::chrono::steady_clock::now();
  for (const TaskId& id : ids) CHECK(client.wait_for<std::uint32_t>(id, 15s).state == TaskState::success);
  CHECK(since(killed) < 8s * time_factor);
}

SCENARIO("a task that may run once only is lost when its worker is killed, and its listener is told so",
         "[e2e][takeover][alone]") {
  Mesh mesh(2);
  Client client;
  Collector collector;
  REQUIRE(client.submit_task(add(1, 1), copied).value() == 2);
  const std::string path = mesh.file("tally");
  const bool submitter_lives = GENERATE(true, false);
  {
    Client submitter;
    Client& by = submitter_lives ? client : submitter;
    std::vector<TaskId> ids;
    for (int i = 0; i < 8; ++i) {
      ids.push_back(
          by.delay_with_callback(busy(path, 1'000), {collector.address()}, {.replicas = 1, .once = true}));
    }
    for (const TaskId& id : ids) REQUIRE(by.accepted(id));
  }
  mesh.workers()[0].signal(SIGKILL);
  const auto events = collector.take(8, 15s);
  CHECK(ids_of(events).size() == 8);
  const auto is_lost = [](const auto& event) { return event.state == TaskState::lost; };
  CHECK(std::count_if(events.begin(), events.end(), is_lost) > 0);
  const auto lines = mesh.lines(path);
  CHECK(std::count(lines.begin(), lines.end(), "+") <= 8);
}

SCENARIO(
    "any client can read, follow and cancel what another one submitted, when that one and its worker are "
    "gone",
    "[e2e][takeover][alone]") {
  Mesh mesh(3, 1);
  std::vector<TaskId> ended;
  std::vector<TaskId> open;
  std::size_t ran_there = 0;
  {
    Client client;
    for (int i = 0; i < 12; ++i) ended.push_back(client.delay(add(i, 1), copied));
    // Seen to have ended, and read by nobody: who only asks takes nothing along.
    for (const TaskId& id : ended) REQUIRE(Mesh::becomes(client, id, TaskState::success));
    const NodeId first = node_of(client, mesh.workers()[0]);
    for (const TaskId& id : ended) ran_there += client.accepted(id)->nodes.at(0) == first ? 1U : 0U;
    CHECK(ran_there > 0);
    for (int i = 0; i < 12; ++i) open.push_back(client.delay(stubborn(i < 3 ? 1'000 : 50), copied));
    for (const TaskId& id : open) REQUIRE(client.accepted(id));
  }
  mesh.workers()[0].signal(SIGKILL);
  Client other;
  for (std::size_t i = 0; i < ended.size(); ++i) {
    const auto result = other.get_task_result<int>(ended[i]);
    INFO(i);
    REQUIRE(result.state == TaskState::success);  // Also of those that the dead one ran.
    CHECK(result.value() == static_cast<int>(i) + 1);
  }
  const std::set<TaskId> back{open[8], open[9], open[10], open[11]};
  std::set<TaskId> gone;
  for (const TaskId& id : back) {
    const auto answer = other.try_cancel(id);
    REQUIRE(answer);
    if (answer->gone()) gone.insert(id);
  }
  CHECK(!gone.empty());
  for (const TaskId& id : open) {
    CHECK(other.get_task_result<std::uint32_t>(id).state != TaskState::unknown);
    const auto state = other.wait_for<std::uint32_t>(id, 15s).state;
    CHECK(state == (gone.contains(id) ? TaskState::cancelled : TaskState::success));
  }
}

SCENARIO(
    "a worker that hangs, and is to hold copies, delays no acceptance elsewhere by more than half a second",
    "[e2e][takeover][alone]") {
  Mesh mesh(3, 1);
  Client client;
  REQUIRE(all_hold_for_all(client, 3));
  Process& hung = keep_one_busy(client, mesh);
  hung.signal(SIGSTOP);
  const auto stopped = std::chrono::steady_clock::now();
  std::vector<std::chrono::milliseconds> delayed;
  while (since(stopped) < 1'200ms) {  // It is not suspect yet, so each second task asks it for a copy.
    const auto begun = std::chrono::steady_clock::now();
    const TaskId id = client.delay(add(1, 2), copied);
    REQUIRE(client.accepted(id));
    if (since(begun) >= taskmesh::limits::copy_elsewhere_after) delayed.push_back(since(begun));
    REQUIRE(client.wait_for<int>(id).value() == 3);  // The others are idle again: the next one goes to them.
  }
  hung.signal(SIGCONT);
  REQUIRE(!delayed.empty());
  std::ranges::sort(delayed);
  std::printf("%zu acceptances waited for it, %lld to %lld ms\n", delayed.size(),
              static_cast<long long>(delayed.front().count()),
              static_cast<long long>(delayed.back().count()));
  CHECK(delayed[delayed.size() / 2] < 500ms * time_factor);
}

SCENARIO("a lone worker takes tasks without a copy, and they are copied when another one comes",
         "[e2e][takeover][alone]") {
  Mesh mesh(1, 1);
  Client client;
  const TaskId running = client.delay(stubborn(3'000));
  const TaskId queued = client.delay(add(2, 3));
  const auto receipt = client.accepted(queued);
  REQUIRE(receipt);
  CHECK(receipt->nodes.size() == 1);
  REQUIRE(Mesh::becomes(client, running, TaskState::running));
  mesh.start_worker();
  REQUIRE(Mesh::eventually([&] { return client.workers().size() == 2; }));
  REQUIRE(client.submit_task(add(1, 1)).value() == 2);  // By the newcomer; by now it has its copies.
  mesh.workers().front().signal(SIGKILL);
  CHECK(client.wait_for<int>(queued, 15s).value() == 5);
  CHECK(client.wait_for<std::uint32_t>(running, 15s).state == TaskState::success);
}

}  // namespace takeover_test
