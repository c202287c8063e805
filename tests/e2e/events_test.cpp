// What happens to tasks, told to who watches: in C++, on the command line, over HTTP. Real processes.
#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"
#include "taskmesh/taskmesh.hpp"

namespace events_test {

using namespace e2e;
using taskmesh::EventOptions;
using taskmesh::EventSubscription;
using taskmesh::TaskEvent;

namespace {

/// Until `wanted` different ones came, or nothing does. One that comes again is left out: a task that was handed to a
/// slot and came back from it is queued, and then running, a second time.
std::vector<TaskEvent> take(EventSubscription& events, std::size_t wanted) {
  std::vector<TaskEvent> all;
  std::set<std::string> ids;
  while (all.size() < wanted) {
    auto event = events.next(support::patience);
    if (!event) break;
    if (ids.insert(event->event_id).second) all.push_back(std::move(*event));
  }
  return all;
}

std::string text_until(HttpPeer& peer, const std::string& end) {
  std::string text;
  while (text.find(end) == std::string::npos) {
    const std::string got = peer.raw().hear(1);
    if (got.empty()) break;
    text += got;
  }
  return text;
}

}  // namespace

SCENARIO("a subscription is told each step of each task, from all workers", "[events]") {
  Mesh mesh(2);
  EventSubscription events;
  REQUIRE(events.begun());
  Client client;
  constexpr int tasks = 50;
  std::set<TaskId> ids;
  // Without copies: none moves to a worker that is free.
  for (int i = 0; i < tasks; ++i) ids.insert(client.delay(taskmesh::call<int>("add", i, 1), {.replicas = 0}));
  std::map<TaskId, std::vector<std::string>> steps;
  for (const TaskEvent& event : take(events, 3 * tasks)) {
    REQUIRE_FALSE(event.is_gap());
    CHECK(event.name == "add");
    CHECK(event.worker_id);
    CHECK(event.at);
    steps[event.task_id].push_back(event.type);
  }
  REQUIRE(steps.size() == ids.size());
  for (const auto& [id, types] : steps) {
    CHECK(ids.contains(id));
    CHECK(types == std::vector<std::string>{"taskmesh.task.queued.v1", "taskmesh.task.running.v1",
                                            "taskmesh.task.succeeded.v1"});
  }
  CHECK_FALSE(events.next(0ms));
}

SCENARIO("a worker that is killed is a gap, and what another one takes over has moved", "[events]") {
  Mesh mesh(3, 1);
  EventSubscription events({.types = {"moved", "succeeded"}});
  REQUIRE(events.begun());
  Client client;
  const TaskId id = client.delay("sleep_ms", 1'500);
  const auto receipt = client.accepted(id, support::patience);
  REQUIRE(receipt);
  REQUIRE(receipt->nodes.size() == 2);
  const auto workers = client.workers();
  const auto holder = std::find_if(workers.begin(), workers.end(),
                                   [&](const auto& worker) { return worker.id == receipt->nodes[0]; });
  REQUIRE(holder != workers.end());
  ::kill(static_cast<pid_t>(holder->pid), SIGKILL);
  bool gap = false;
  bool moved = false;
  bool ended = false;
  while (!(gap && moved && ended)) {
    const auto event = events.next(support::patience);
    REQUIRE(event);
    gap = gap || (event->is_gap() && event->worker_id == receipt->nodes[0] && *event->missed == 0);
    moved = moved || (event->task_id == id && event->type == "taskmesh.task.moved.v1");
    ended = ended || (event->task_id == id && event->event_id == to_string(id) + "-end");
  }
}

SCENARIO("who does not take them gets a gap in the place of the oldest", "[events]") {
  Mesh mesh(1, 1);
  EventSubscription events({.queue_max = 4});
  REQUIRE(events.begun());
  Client client;
  for (int i = 0; i < 10; ++i) REQUIRE(client.submit_task<int>("add", i, 1).outcome);
  EventSubscription late({.types = {"succeeded"}});
  REQUIRE(late.begun());
  const TaskId last = client.delay("add", 1, 1);
  REQUIRE(take(late, 1).size() == 1);  // By then the other one has been told as well, or is about to.
  const auto first = take(events, 1);
  REQUIRE(first.size() == 1);
  CHECK(first[0].is_gap());
  CHECK(*first[0].missed > 0);
  while (true) {
    const auto rest = take(events, 1);
    REQUIRE(rest.size() == 1);
    if (rest[0].event_id == to_string(last) + "-end") break;
  }
}

SCENARIO("a gap of unknown size that is pushed out itself is still told", "[events]") {
  Mesh mesh(2, 1);
  EventSubscription events({.types = {"succeeded"}, .queue_max = 1});
  EventSubscription other({.types = {"succeeded"}});
  REQUIRE(events.begun());
  REQUIRE(other.begun());
  Client client;
  const auto workers = client.workers();
  REQUIRE_FALSE(workers.empty());
  ::kill(static_cast<pid_t>(workers[0].pid), SIGKILL);
  const auto killed = take(other, 1);
  REQUIRE(killed.size() == 1);
  CHECK(killed[0].is_gap());
  REQUIRE(client.submit_task<int>("add", 1, 1).outcome);
  REQUIRE(take(other, 1).size() == 1);
  const auto first = take(events, 1);
  REQUIRE(first.size() == 1);
  REQUIRE(first[0].is_gap());
  CHECK(*first[0].missed == 0);
}

SCENARIO("a type that there is not is refused at once", "[events]") {
  Mesh mesh(0);
  CHECK_THROWS_AS(EventSubscription({.types = {"finished"}}), taskmesh::Failure);
  EventSubscription events;
  events.close();
  CHECK_FALSE(events.next());
}

SCENARIO("taskmesh events prints what happens, for people and as CloudEvents", "[cli][events]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--name", "w1"});
  using Catch::Matchers::Contains;
  const auto member_of = [](const std::string& line, const char* name) {
    const auto event = taskmesh::parse_json(line);
    REQUIRE(event);
    return *event->at(name);
  };
  for (const bool as_json : {false, true}) {
    support::Words words{"events", "--follow", "--type", "succeeded", "--type", "failed", "--count", "2"};
    if (as_json) words.emplace_back("--json");
    auto events = host.start(words);
    REQUIRE(events.wait_for_err("tell what happens"));
    CHECK(host.run({"submit", "add", "2", "3"}).exit_code == 0);
    CHECK(host.run({"submit", "fail", "on purpose"}).exit_code == 1);
    const support::Outcome outcome = events.wait();
    INFO(outcome.out << outcome.err);
    CHECK(outcome.exit_code == 0);
    const support::Words lines = support::lines_of(outcome.out);
    REQUIRE(lines.size() == 2);
    if (as_json) {
      CHECK(member_of(lines[0], "type") == taskmesh::Json("taskmesh.task.succeeded.v1"));
      CHECK(*member_of(lines[0], "data").at("name") == taskmesh::Json("add"));
      CHECK(*member_of(lines[1], "data").at("error")->at("kind") == taskmesh::Json("failed"));
    } else {
      CHECK_THAT(lines[0], Contains("  succeeded  ") && Contains("  add  attempt 1  w1"));
      CHECK_THAT(lines[1], Contains("  failed  ") && Contains("on purpose"));
    }
  }
  CHECK(host.run({"events", "--for", "0s"}).exit_code == 0);
  CHECK(host.run({"events", "--type", "nothing"}).exit_code == 2);
}

SCENARIO("GET /v1/events tells it to a browser, which misses nothing when it comes back",
         "[gateway][events]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--name", "w1"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  HttpPeer first = gateway.connect();
  REQUIRE(first.send("GET", "/v1/events?type=succeeded"));
  const std::string head = text_until(first, ": live");
  CHECK(head.find("text/event-stream") != std::string::npos);
  CHECK(head.find("retry: 2000\n") != std::string::npos);
  const HttpAnswer one = gateway.ask("POST", "/v1/tasks/add", "[2, 3]", "Prefer: wait=20\r\n");
  const std::string end = "\"id\":\"" + member(one, "task_id") + "-end\"";
  const std::string told = text_until(first, end);
  REQUIRE(told.find(end) != std::string::npos);
  CHECK(told.find("event: taskmesh.task.succeeded.v1\n") != std::string::npos);
  CHECK(told.find("running") == std::string::npos);
  const std::size_t at = told.rfind("\nid: ") + 5;
  const std::string place = told.substr(at, told.find('\n', at) - at);
  const HttpAnswer two = gateway.ask("POST", "/v1/tasks/add", "[2, 4]", "Prefer: wait=20\r\n");
  HttpPeer again = gateway.connect();
  REQUIRE(again.send("GET", "/v1/events", {}, "Last-Event-ID: " + place + "\r\n"));
  const std::string second = "\"id\":\"" + member(two, "task_id") + "-end\"";
  const std::string rest = text_until(again, second);
  CHECK(rest.find(second) != std::string::npos);
  CHECK(rest.find("gap") == std::string::npos);
  CHECK(rest.find(end) == std::string::npos);
  CHECK(gateway.ask("GET", "/v1/events?type=x").status == 400);
}

}  // namespace events_test
