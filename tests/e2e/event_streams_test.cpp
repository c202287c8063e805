// What happens to tasks, as streams and subscriptions tell it. Real processes.
#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"
#include "taskmesh/taskmesh.hpp"

namespace event_streams_test {

using namespace e2e;

namespace {

/// What the stream says until `end`, or until it is cut.
std::string heard_until(HttpPeer& peer, const std::string& end) {
  std::string text;
  while (text.find(end) == std::string::npos) {
    const std::string got = peer.raw().hear(1);
    if (got.empty()) break;
    text += got;
  }
  return text;
}

/// "queued-0", "running-1" of the events of task `id`.
std::vector<std::string> steps_in(const std::string& text, const std::string& id) {
  std::vector<std::string> steps;
  const std::string begin = "\nid: " + id + "-";
  for (std::size_t at = text.find(begin); at != std::string::npos; at = text.find(begin, at + 1)) {
    const std::size_t from = at + begin.size();
    steps.push_back(text.substr(from, text.find('\n', from) - from));
  }
  return steps;
}

}  // namespace

SCENARIO("each event of a task tells the trace that it was submitted in", "[events][tracing]") {
  Mesh mesh(1);
  taskmesh::EventSubscription events;
  REQUIRE(events.begun());
  Client client;
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const TaskId traced =
      client.delay(taskmesh::call<int>("add", 1, 2), {.traceparent = parent, .tracestate = "vendor=7"});
  const TaskId plain = client.delay("add", 1, 2);
  std::size_t told = 0;
  for (std::size_t ends = 0; ends < 2;) {
    const auto event = events.next(support::patience);
    REQUIRE(event);
    const taskmesh::Json json = taskmesh::parse_json(event->to_json()).value();
    if (event->task_id == traced) {
      ++told;
      CHECK(event->traceparent == parent);
      CHECK(event->tracestate == "vendor=7");
      REQUIRE(json.at("traceparent") != nullptr);
      CHECK(*json.at("traceparent") == taskmesh::Json(parent));
    } else {
      CHECK(event->task_id == plain);
      CHECK(event->traceparent.empty());
      CHECK(json.at("traceparent") == nullptr);
    }
    if (event->event_id.ends_with("-end")) ++ends;
  }
  CHECK(told == 3);
}

SCENARIO("a stream of one task tells each step as it happens, however short", "[gateway][events]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--slots", "1", "--name", "w1"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const std::string blocker = member(gateway.ask("POST", "/v1/tasks/sleep_ms", "[600000]"), "task_id");
  const std::string target = "/v1/tasks/fail?retries=3&retry_delay=1ms&retry_delay_max=1ms";
  const std::string id = member(gateway.ask("POST", target, R"(["on purpose"])"), "task_id");
  const std::size_t readers = 20;
  std::vector<HttpPeer> peers;
  for (std::size_t i = 0; i < readers; ++i) {
    peers.push_back(gateway.connect());
    REQUIRE(peers.back().send("GET", "/v1/tasks/" + id + "/events"));
  }
  std::vector<std::string> texts;
  for (HttpPeer& peer : peers) texts.push_back(heard_until(peer, ": live\n"));
  REQUIRE(gateway.ask("DELETE", "/v1/tasks/" + blocker).status == 202);
  for (std::size_t i = 0; i < readers; ++i) {
    const std::string text = texts[i] + heard_until(peers[i], "\r\n0\r\n");
    INFO(text);
    CHECK(steps_in(text, id) == std::vector<std::string>{"queued-0", "running-1", "retrying-1", "queued-1",
                                                         "running-2", "retrying-2", "queued-2", "running-3",
                                                         "retrying-3", "queued-3", "running-4", "end"});
  }
}

SCENARIO("a stream of one task tells that another worker took it over, and the end", "[gateway][events]") {
  Mesh mesh(3, 1);
  GatewayProcess gateway(mesh.host());
  gateway.wait_until_ready();
  const std::string file = mesh.file("go");
  const std::string id = member(gateway.ask("POST", "/v1/tasks/gate", "[\"" + file + "\"]"), "task_id");
  HttpPeer peer = gateway.connect();
  REQUIRE(peer.send("GET", "/v1/tasks/" + id + "/events"));
  std::string text = heard_until(peer, ": live\n");
  if (text.find("running-1\n") == std::string::npos) text += heard_until(peer, "running-1\n");
  Client client;
  const std::string holder = member(gateway.ask("GET", "/v1/tasks/" + id), "worker_id");
  for (const auto& worker : client.workers()) {
    if (to_string(worker.id) == holder) ::kill(static_cast<pid_t>(worker.pid), SIGKILL);
  }
  text += heard_until(peer, id + "-moved-");
  mesh.touch("go");
  text += heard_until(peer, "\r\n0\r\n");
  INFO(text);
  const auto steps = steps_in(text, id);
  const auto is_move = [](const std::string& step) { return step.starts_with("moved-"); };
  CHECK(std::count_if(steps.begin(), steps.end(), is_move) == 1);
  CHECK(std::count(steps.begin(), steps.end(), "end") == 1);
  CHECK(steps.back() == "end");
  CHECK(text.find("taskmesh.task.succeeded.v1") != std::string::npos);
}

}  // namespace event_streams_test
