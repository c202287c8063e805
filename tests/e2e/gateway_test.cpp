// `taskmesh gateway` and `taskmesh worker --http`, with real processes and sockets.
#include "e2e/gateway.hpp"

#include <csignal>
#include <thread>

#include "e2e/mesh.hpp"
#include "taskmesh/taskmesh.hpp"

namespace gateway_test {

using namespace e2e;

SCENARIO("a task behind HTTP: 202, polls, its result, the way back", "[gateway]") {
  GIVEN("a worker and a gateway") {
    support::Host host(TASKMESH_CLI);
    auto worker = host.worker({"--builtin", "--slots", "2"});
    GatewayProcess gateway(host);
    gateway.wait_until_ready();
    THEN("what is submitted runs, and its result can be fetched") {
      const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/add", "[2, 3]");
      CHECK(accepted.status == 202);
      const std::string self = accepted.headers.at("location");
      CHECK(self == "/v1/tasks/" + member(accepted, "task_id"));
      CHECK(std::stoi(accepted.headers.at("retry-after")) >= 1);
      const HttpAnswer ended = gateway.ask("GET", self, {}, "Prefer: wait=20\r\n");
      CHECK(ended.status == 200);
      CHECK(member(ended, "status") == "success");
      CHECK(member(ended, "result") == "5");
      CHECK(gateway.ask("GET", self + "/result").body == "5");
      CHECK(gateway.ask("GET", self, {}, "If-None-Match: " + ended.headers.at("etag") + "\r\n").status ==
            304);
      CHECK(gateway.ask("DELETE", self).status == 409);
    }
    THEN("one that runs is said to run, and can be taken back") {
      const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/sleep_ms", "[60000]");
      const std::string self = accepted.headers.at("location");
      const HttpAnswer running = gateway.ask("GET", self);
      CHECK(running.status == 200);
      CHECK(std::stoi(running.headers.at("retry-after")) >= 1);
      CHECK(gateway.ask("GET", self + "/result").status == 409);
      CHECK(gateway.ask("POST", self + "/cancel").status == 202);
      CHECK(member(gateway.ask("GET", self, {}, "Prefer: wait=20\r\n"), "status") == "cancelled");
      CHECK(gateway.ask("GET", self + "/result").status == 409);
    }
    THEN("who prefers to wait gets the result at once") {
      const HttpAnswer waited =
          gateway.ask("POST", "/v1/tasks/echo", R"([{"a": [1, "x"]}])", "Prefer: wait=20\r\n");
      CHECK(waited.status == 200);
      CHECK(member(waited, "result") == R"({"a":[1,"x"]})");
      const HttpAnswer failed =
          gateway.ask("POST", "/v1/tasks/fail", R"(["on purpose"])", "Prefer: wait=20\r\n");
      CHECK(failed.status == 200);
      CHECK(member(failed, "status") == "failure");
    }
    THEN("a batch, lists and workers are there") {
      const HttpAnswer batch = gateway.ask("POST", "/v1/batches",
                                           R"([{"name":"add","args":[1,2]},{"name":"pid"},{"name":"pid"}])");
      CHECK(batch.status == 202);
      // Until all have ended: what moves between two pages may be in both.
      const auto tasks = taskmesh::parse_json(batch.body);
      for (const taskmesh::Json& task : *tasks->at("tasks")->array()) {
        const std::string self = "/v1/tasks/" + *task.at("task_id")->string();
        REQUIRE(member(gateway.ask("GET", self, {}, "Prefer: wait=20\r\n"), "status") == "success");
      }
      const HttpAnswer page = gateway.ask("GET", "/v1/tasks?limit=2");
      REQUIRE(page.status == 200);
      const HttpAnswer rest = gateway.ask("GET", "/v1/tasks?limit=2&cursor=" + member(page, "next"));
      CHECK(member(rest, "next") == "null");
      CHECK(taskmesh::parse_json(rest.body)->at("tasks")->array()->size() == 1);
      CHECK(taskmesh::parse_json(gateway.ask("GET", "/v1/workers").body)->array()->size() == 1);
    }
    THEN("what nobody serves or knows is 404") {
      CHECK(member(gateway.ask("POST", "/v1/tasks/nosuch", "[]"), "type") == "/problems/unknown-type");
      CHECK(member(gateway.ask("GET", "/v1/tasks/0193a7c41f2e70008f0c5d1a00000001"), "type") ==
            "/problems/unknown-task");
      CHECK(gateway.ask("GET", "/problems/unknown-type").status == 200);
    }
  }
}

SCENARIO("a result that is not kept any more is 410", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--results-max", "1"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const HttpAnswer first = gateway.ask("POST", "/v1/tasks/add", "[1, 1]", "Prefer: wait=20\r\n");
  for (int i = 0; i < 3; ++i) gateway.ask("POST", "/v1/tasks/add", "[2, 2]", "Prefer: wait=20\r\n");
  // What was told of it is told again for a moment.
  const std::string self = "/v1/tasks/" + member(first, "task_id");
  CHECK(Mesh::eventually([&] { return gateway.ask("GET", self).status == 410; }));
  const HttpAnswer gone = gateway.ask("GET", self);
  CHECK(member(gone, "type") == "/problems/expired");
  CHECK(member(gone, "task_status") == "success");
}

SCENARIO("without a worker a gateway is alive and not ready", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  GatewayProcess gateway(host);
  CHECK(gateway.ask("GET", "/healthz").status == 200);
  const HttpAnswer ready = gateway.ask("GET", "/readyz");
  CHECK(ready.status == 503);
  CHECK(ready.headers.contains("retry-after"));
  CHECK(taskmesh::parse_json(gateway.ask("GET", "/v1/workers").body)->array()->empty());
}

SCENARIO("a gateway that is told to stop answers who waits, and ends", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/sleep_ms", "[60000]");
  HttpPeer asking = gateway.connect();
  while (member(asking.ask("GET", accepted.headers.at("location")), "status") != "running") {
  }
  HttpPeer waiting = gateway.connect();
  REQUIRE(waiting.send("GET", accepted.headers.at("location"), {}, "Prefer: wait=50\r\n"));
  CHECK(gateway.ask("GET", "/healthz").status == 200);  // One thread, in turn: then the long poll is open.
  gateway.process().signal(SIGTERM);
  const auto told = waiting.read();
  REQUIRE(told);
  CHECK(told->status == 200);
  CHECK(member(*told, "status") == "running");
  const auto outcome = gateway.process().wait();
  CHECK(outcome.ended);
  CHECK(outcome.exit_code == 0);
}

SCENARIO("an answer that is on its way when a gateway is told to stop arrives whole", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const std::string large = "[\"" + std::string(7'500'000, 'x') + "\"]";
  const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/echo", large);
  REQUIRE(accepted.status == 202);
  HttpPeer slow = gateway.connect();
  slow.send("GET", accepted.headers.at("location") + "/result", {}, "Prefer: wait=20\r\n");
  CHECK(slow.raw().hear(15) == "HTTP/1.1 200 OK");
  gateway.process().signal(SIGTERM);
  std::this_thread::sleep_for(500ms);
  const std::string told = slow.raw().hear(2 * large.size());
  CHECK(told.ends_with(large.substr(1, large.size() - 2)));  // One argument is given back alone.
  CHECK(gateway.process().wait().exit_code == 0);
}

SCENARIO("a worker can serve HTTP itself", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const std::string port = std::to_string(support::free_port());
  auto worker = host.start({"worker", "--builtin", "--http", "127.0.0.1:" + port});
  REQUIRE(worker.wait_for_err("worker '"));
  HttpPeer peer(static_cast<std::uint16_t>(std::stoi(port)));
  CHECK(member(peer.ask("POST", "/v1/tasks/add", "[20, 22]", "Prefer: wait=20\r\n"), "result") == "42");
  worker.signal(SIGTERM);
  CHECK(worker.wait().exit_code == 0);
}

SCENARIO("a task submitted behind HTTP is seen by a C++ client, and the other way round", "[gateway]") {
  e2e::Mesh mesh(1);
  GatewayProcess gateway(mesh.host());
  gateway.wait_until_ready();
  Client client;
  const TaskId id = client.delay("add", 4, 5);
  CHECK(client.wait_for<int>(id, 20s).value() == 9);
  const HttpAnswer seen = gateway.ask("GET", "/v1/tasks/" + to_string(id));
  CHECK(seen.status == 200);
  CHECK(member(seen, "status") == "success");
  const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/add", "[1, 2]");
  const auto other = TaskId::parse(member(accepted, "task_id"));
  REQUIRE(other);
  CHECK(taskmesh::to_text(client.wait_for<taskmesh::Json>(*other, 20s).value()) == "3");
}

SCENARIO("a gateway does not start where it may not, cannot, or nobody said where", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const auto open = host.run({"gateway", "--http", "0.0.0.0:" + std::to_string(support::free_port())});
  CHECK(open.exit_code == 1);
  CHECK(open.err.find("no API keys") != std::string::npos);
  CHECK(host.run({"gateway", "--http", "nonsense"}).exit_code == 2);
  GatewayProcess first(host);
  const auto taken = host.run({"gateway", "--http", "127.0.0.1:" + std::to_string(first.port())});
  CHECK(taken.exit_code == 1);
  CHECK(taken.err.find("in use") != std::string::npos);
}

SCENARIO("a worker that serves HTTP tells its numbers, and those of the mesh", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  const std::string port = std::to_string(support::free_port());
  auto worker = host.start({"worker", "--builtin", "--http", "127.0.0.1:" + port, "--name", "first"});
  REQUIRE(worker.wait_for_err("worker '"));
  HttpPeer peer(static_cast<std::uint16_t>(std::stoi(port)));
  CHECK(peer.ask("POST", "/v1/tasks/add", "[1, 2]", "Prefer: wait=20\r\n").status == 200);
  const HttpAnswer open =
      peer.ask("GET", "/metrics", {}, "Accept: application/openmetrics-text; version=1.0.0\r\n");
  CHECK(open.headers.at("content-type") == "application/openmetrics-text; version=1.0.0; charset=utf-8");
  CHECK(open.body.find("\ntaskmesh_tasks_submitted_total 1\n") != std::string::npos);
  CHECK(open.body.find("taskmesh_http_requests_total{route=\"/v1/tasks/{task}\",status=\"200\"} 1\n") !=
        std::string::npos);
  CHECK(open.body.find("taskmesh_worker_slots{worker=\"first\",id=") != std::string::npos);
  CHECK(open.body.ends_with("# EOF\n"));
  // The series of a worker go with it.
  auto second = host.worker({"--builtin", "--name", "second"});
  const auto text = [&] { return peer.ask("GET", "/metrics").body; };
  CHECK(e2e::Mesh::eventually([&] { return text().find("worker=\"second\"") != std::string::npos; }));
  second.signal(SIGKILL);
  CHECK(e2e::Mesh::eventually([&] { return text().find("worker=\"second\"") == std::string::npos; }));
}

SCENARIO("a task can be watched: each step, its end, and nothing twice", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const HttpAnswer accepted = gateway.ask("POST", "/v1/tasks/sleep_ms", "[1200]");
  const std::string path = accepted.headers.at("location") + "/events";
  const auto watch = [&](const std::string& headers) {
    HttpPeer peer = gateway.connect();
    REQUIRE(peer.send("GET", path, {}, headers));
    std::string text;
    while (!text.ends_with("\r\n0\r\n\r\n")) {  // The last piece of a body in pieces.
      const std::string got = peer.raw().hear(1);
      if (got.empty()) break;
      text += got;
    }
    return text;
  };
  const std::string all = watch("");
  CHECK(all.find("HTTP/1.1 200 OK") == 0);
  CHECK(all.find("text/event-stream") != std::string::npos);
  CHECK(all.find("event: taskmesh.task.running.v1\n") != std::string::npos);
  CHECK(all.find("event: taskmesh.task.succeeded.v1\n") != std::string::npos);
  CHECK(all.find("event: taskmesh.task.running.v1\n") < all.find("event: taskmesh.task.succeeded.v1\n"));
  CHECK(all.find("\"result\":1200") != std::string::npos);
  const std::string id = member(accepted, "task_id");
  CHECK(watch("Last-Event-ID: " + id + "-running-1\r\n").find("succeeded") != std::string::npos);
  CHECK(gateway.ask("GET", path, {}, "Last-Event-ID: " + id + "-end\r\n").status == 204);
  CHECK(gateway.ask("GET", "/v1/tasks/0193a7c41f2e70008f0c5d1a00000001/events").status == 404);
}

SCENARIO("HEAD is answered as GET is, without the body", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const HttpAnswer ended = gateway.ask("POST", "/v1/tasks/add", "[2, 3]", "Prefer: wait=20\r\n");
  const std::string self = "/v1/tasks/" + member(ended, "task_id");
  const HttpAnswer whole = gateway.ask("GET", self);
  HttpPeer peer = gateway.connect();
  REQUIRE(peer.send("HEAD", self));
  REQUIRE(peer.send("HEAD", self + "/events"));
  REQUIRE(peer.send("HEAD", "/v1/tasks/0193a7c41f2e70008f0c5d1a00000001"));
  REQUIRE(peer.send("GET", "/healthz"));
  const auto head = peer.read(HttpPeer::Body::none);
  REQUIRE(head);
  CHECK(head->status == 200);
  CHECK(head->headers.at("content-length") == std::to_string(whole.body.size()));
  CHECK(head->headers.at("etag") == whole.headers.at("etag"));
  CHECK(peer.read(HttpPeer::Body::none)->headers.at("content-type") == "text/event-stream");
  CHECK(peer.read(HttpPeer::Body::none)->status == 404);
  CHECK(peer.read()->body.starts_with("{"));  // Nothing of a body was in between.
  CHECK(gateway.ask("POST", "/healthz").headers.at("allow") == "GET, HEAD");
}

SCENARIO("a task may be given the time when it starts", "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  const HttpAnswer later = gateway.ask("POST", "/v1/tasks/add?eta=2126-01-01T00:00:00%2B01:00", "[2, 3]");
  CHECK(later.status == 202);
  CHECK(member(later, "status") == "scheduled");
  CHECK(gateway.ask("DELETE", later.headers.at("location")).status == 202);
  const HttpAnswer past =
      gateway.ask("POST", "/v1/tasks/add?eta=2020-01-01T00:00:00Z", "[2, 3]", "Prefer: wait=20\r\n");
  CHECK(member(past, "result") == "5");
  CHECK(gateway.ask("POST", "/v1/tasks/add?eta=2126-01-01T00:00:00", "[2, 3]").status == 400);
  CHECK(gateway.ask("POST", "/v1/tasks/add?eta=2126-01-01T00:00:00Z&countdown=1s", "[2, 3]").status == 422);
}

}  // namespace gateway_test
