// However its asker learns of it, a task has one end: told alike by polls, long polls, streams and webhooks.
#include <map>
#include <mutex>
#include <thread>

#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"
#include "support/http_receiver.hpp"

namespace gateway_ends_test {

using namespace e2e;
using support::http_answer;
using support::HttpReceiver;
using support::HttpRequest;
using taskmesh::Json;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int batches = 2;
#else
constexpr int batches = 20;
#endif
constexpr int per_batch = 500;

bool fails(int i) { return i % 5 == 4; }

std::string text_at(const Json& json, std::string_view name) {
  const Json* value = json.at(name);
  return value == nullptr ? "nothing" : taskmesh::to_text(*value);
}

/// What all ways have to agree on.
std::string end_of(const Json& task) {
  return text_at(task, "task_id") + " " + text_at(task, "name") + " " + text_at(task, "status") + " " +
         text_at(task, "result") + " " + text_at(task, "error") + " " + text_at(task, "attempt") + " " +
         text_at(task, "worker");
}

/// What a receiver was told, by task.
class Told {
 public:
  std::string take(const HttpRequest& request) {
    const auto event = taskmesh::parse_json(request.body);
    const Json* data = event ? event->at("data") : nullptr;
    if (data == nullptr) return http_answer(400);
    const std::lock_guard lock(mutex_);
    ends_[text_at(*data, "task_id")] = end_of(*data);
    return http_answer(204);
  }
  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return ends_.size();
  }
  std::map<std::string, std::string> all() const {
    const std::lock_guard lock(mutex_);
    return ends_;
  }

 private:
  mutable std::mutex mutex_;
  std::map<std::string, std::string> ends_;
};

std::string batch_of(int first, const std::string& url) {
  std::string specs = "[";
  for (int i = first; i < first + per_batch; ++i) {
    specs += std::string(i == first ? "" : ",") + R"({"name":")" + (fails(i) ? "fail" : "echo") +
             R"(","args":[")" + std::to_string(i) + R"("],"callback":")" + url + R"("})";
  }
  return specs + "]";
}

/// Asks as seldom as an impatient client may: at once, then after twice the pause each time.
HttpAnswer polled(HttpPeer& peer, const std::string& self) {
  for (auto pause = 2ms; pause < 20s; pause *= 2) {
    HttpAnswer answer = peer.ask("GET", self);
    if (answer.status != 200 || !answer.headers.contains("retry-after")) return answer;
    std::this_thread::sleep_for(pause);
  }
  return {};
}

std::string heard_until(HttpPeer& peer, std::string_view end) {
  std::string text;
  while (!text.ends_with(end)) {
    const std::string got = peer.raw().hear(1);
    if (got.empty()) FAIL("the stream was cut after: " << text);
    text += got;
  }
  return text;
}

/// The last event of the stream; the connection serves on.
std::string streamed(HttpPeer& peer, const std::string& self) {
  REQUIRE(peer.send("GET", self + "/events"));
  heard_until(peer, "\r\n\r\n");
  std::string text;
  while (const std::size_t size = std::stoul(heard_until(peer, "\r\n"), nullptr, 16)) {
    text += peer.raw().hear(size);
    heard_until(peer, "\r\n");
  }
  heard_until(peer, "\r\n");
  const std::size_t data = text.rfind("\ndata: ") + 7;
  return text.substr(data, text.find('\n', data) - data);
}

/// Three of the four ways, for one task; the end that all of them told.
std::string asked(HttpPeer& peer, const std::string& self) {
  const HttpAnswer poll = polled(peer, self);
  const HttpAnswer waited = peer.ask("GET", self, {}, "Prefer: wait=20\r\n");
  CHECK(poll.status == 200);
  CHECK(waited.status == 200);
  const auto one = taskmesh::parse_json(poll.body);
  const auto two = taskmesh::parse_json(waited.body);
  const auto event = taskmesh::parse_json(streamed(peer, self));
  REQUIRE(one);
  REQUIRE(two);
  REQUIRE(event);
  REQUIRE(event->at("data") != nullptr);
  CHECK(end_of(*two) == end_of(*one));
  CHECK(end_of(*event->at("data")) == end_of(*one));
  return end_of(*one);
}

}  // namespace

SCENARIO("S40 polls, long polls, streams and webhooks tell the same end of each of 10,000 tasks",
         "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--slots", "4"});
  auto second = host.worker({"--builtin", "--slots", "4"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  Told told;
  HttpReceiver receiver([&](const HttpRequest& request, std::size_t) { return told.take(request); });
  std::map<std::string, std::string> ends;
  HttpPeer peer = gateway.connect();
  for (int first = 0; first < batches * per_batch; first += per_batch) {
    const HttpAnswer batch = peer.ask("POST", "/v1/batches", batch_of(first, receiver.url()));
    REQUIRE(batch.status == 202);
    const auto receipts = taskmesh::parse_json(batch.body);
    int i = first;
    for (const Json& receipt : *receipts->at("tasks")->array()) {
      const std::string id = *receipt.at("task_id")->string();
      const std::string end = asked(peer, "/v1/tasks/" + id);
      CHECK(end.find(fails(i) ? "\"failure\" null" : "\"success\" \"" + std::to_string(i) + "\"") !=
            std::string::npos);
      ends["\"" + id + "\""] = end;
      ++i;
    }
  }
  REQUIRE(ends.size() == static_cast<std::size_t>(batches) * per_batch);
  CHECK(Mesh::eventually([&] { return told.size() == ends.size(); }, 60s));
  CHECK((told.all() == ends));
}

SCENARIO(
    "a task that nobody knows, one that runs, one that has ended and one whose result is gone answer "
    "differently",
    "[gateway]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin", "--results-max", "1", "--slots", "2"});
  GatewayProcess gateway(host);
  gateway.wait_until_ready();
  CHECK(gateway.ask("GET", "/v1/tasks/0193a7c41f2e70008f0c5d1a00000001").status == 404);
  const std::string runs = gateway.ask("POST", "/v1/tasks/sleep_ms", "[60000]").headers.at("location");
  const HttpAnswer running = gateway.ask("GET", runs);
  CHECK(running.status == 200);
  CHECK(std::stoi(running.headers.at("retry-after")) >= 1);
  const HttpAnswer first = gateway.ask("POST", "/v1/tasks/add", "[1, 1]", "Prefer: wait=20\r\n");
  const std::string self = "/v1/tasks/" + member(first, "task_id");
  const HttpAnswer finished = gateway.ask("GET", self);
  CHECK(finished.status == 200);
  CHECK_FALSE(finished.headers.contains("retry-after"));
  for (int i = 0; i < 3; ++i) gateway.ask("POST", "/v1/tasks/add", "[2, 2]", "Prefer: wait=20\r\n");
  // What was told of it is told again for a moment.
  CHECK(Mesh::eventually([&] { return gateway.ask("GET", self).status == 410; }));
}

}  // namespace gateway_ends_test
