// Server-sent events of a task.
#include "http/desk_support.hpp"
#include "taskmesh/http/documents.hpp"

using namespace http_test;

namespace {

const std::string id = "0193a7c41f2e70008f0c5d1a00000001";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The end has not come within the pause: the desk looks.
void look(World& world, const proto::TaskReport& report) {
  FakeMesh::take(world.mesh.ends)(nullptr);
  world.mesh.report_next(report);
}

}  // namespace

TEST_CASE("who watches a task is told each change, then its end, then the stream ends", "[events]") {
  World world;
  const auto exchange = world.get(some_task + "/events");
  world.mesh.report_next(report_of(TaskState::queued));
  REQUIRE(exchange->flow);
  CHECK(exchange->status() == 200);
  CHECK(exchange->answered->content_type == "text/event-stream");
  CHECK(exchange->said("Cache-Control") == "no-store");
  CHECK(exchange->flow->written.starts_with("retry: 2000\n\nid: " + id +
                                            "-queued-1\nevent: taskmesh.task.queued.v1\ndata: {"));
  look(world, report_of(TaskState::queued));
  look(world, report_of(TaskState::running));
  look(world, report_of(TaskState::running));
  CHECK(count(exchange->flow->written, "\nevent: ") == 2);
  CHECK(world.desk.open() == 1);
  const auto end = report_of(TaskState::success, "[5]");
  FakeMesh::take(world.mesh.ends)(&end);
  CHECK(count(exchange->flow->written, "\nevent: ") == 3);
  CHECK(exchange->flow->written.find("id: " + id + "-end\nevent: taskmesh.task.succeeded.v1\n") !=
        std::string::npos);
  CHECK(exchange->flow->ended);
  CHECK(world.desk.open() == 0);
}

TEST_CASE("who comes again is told what is new to him, and nothing where he has the end", "[events]") {
  World world;
  const auto again = world.get(some_task + "/events", {{"Last-Event-ID", id + "-running-1"}});
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(again->flow->written == "retry: 2000\n\n");
  auto second = report_of(TaskState::running);
  second.attempt = 2;
  look(world, second);
  CHECK(again->flow->written.find("id: " + id + "-running-2\n") != std::string::npos);
  const auto done = world.get(some_task + "/events", {{"Last-Event-ID", id + "-end"}});
  CHECK(done->status() == 204);
}

TEST_CASE("a stream without news says that it is there, and looks more and more rarely", "[events]") {
  World world;
  const auto exchange = world.get(some_task + "/events");
  world.mesh.report_next(report_of(TaskState::running));
  for (int i = 0; i < 10; ++i) look(world, report_of(TaskState::running));
  CHECK(world.mesh.budgets.front() == 250ms);
  CHECK(world.mesh.budgets.back() == 5s);
  CHECK(exchange->flow->written.find("\n:\n\n") == std::string::npos);
  world.now += limits::http_heartbeat_every;
  look(world, report_of(TaskState::running));
  CHECK(exchange->flow->written.ends_with("\n\n:\n\n"));
}

TEST_CASE("a watch ends when its watcher goes, when the gateway leaves, and when the task is forgotten",
          "[events]") {
  const auto ended = [](auto&& change, TaskState state) {
    World world;
    const auto exchange = world.get(some_task + "/events");
    world.mesh.report_next(report_of(TaskState::running));
    change(world, *exchange);
    FakeMesh::take(world.mesh.ends)(nullptr);
    if (!world.mesh.statuses.empty()) world.mesh.report_next(report_of(state));
    return exchange->flow->ended && world.desk.open() == 0 && world.mesh.ends.empty();
  };
  CHECK(ended([](World&, FakeExchange& exchange) { exchange.flow->gone = true; }, TaskState::running));
  CHECK(ended([](World& world, FakeExchange&) { world.desk.leave(); }, TaskState::running));
  CHECK(ended([](World&, FakeExchange&) {}, TaskState::unknown));
  CHECK(ended([](World&, FakeExchange&) {}, TaskState::failure));
  CHECK_FALSE(ended([](World&, FakeExchange&) {}, TaskState::running));
}

TEST_CASE("what cannot be watched is a problem, as everywhere", "[events]") {
  World world;
  const auto unknown = world.get(some_task + "/events");
  world.mesh.report_next(report_of(TaskState::unknown));
  CHECK(unknown->problem() == "unknown-task");
  CHECK(world.get("/v1/tasks/xyz/events")->status() == 400);
}

TEST_CASE("an event is a CloudEvent, on lines of its own, and names a large result", "[events]") {
  const std::string text = server_event(report_of(TaskState::success, "[1,\n2]"), "m");
  CHECK(text.ends_with("\n\n"));
  CHECK(count(text, "\ndata: ") == 2);
  std::string data;
  for (std::size_t at = text.find("data: "); at != std::string::npos; at = text.find("data: ", at + 1)) {
    data += text.substr(at + 6, text.find('\n', at) - at - 6) + "\n";
  }
  const auto event = parse_json(data);
  REQUIRE(event);
  CHECK(*event->at("specversion") == Json("1.0"));
  CHECK(*event->at("id") == Json(id + "-end"));
  CHECK(*event->at("source") == Json("/meshes/m"));
  CHECK(*event->at("type") == Json("taskmesh.task.succeeded.v1"));
  CHECK(*event->at("subject") == Json(id));
  CHECK(*event->at("time") == Json("2023-11-14T22:13:24.000Z"));
  CHECK(to_text(*event->at("data")->at("result")) == "[1,2]");
  const std::string large =
      server_event(report_of(TaskState::success, "\"" + std::string(60'000, 'x') + "\""), "m");
  CHECK(large.size() < 5'000);
  CHECK(large.find("\"dataref\":\"/v1/tasks/" + id + "/result\"") != std::string::npos);
}
