// Server-sent events of a task.
#include "http/desk_support.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/http/limits.hpp"

namespace desk_events_test {

using namespace http_test;

namespace {

const std::string id = "0193a7c41f2e70008f0c5d1a00000001";

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

proto::TaskEvent step(TaskState state, std::uint32_t attempt = 1) {
  proto::TaskEvent event;
  event.id = *TaskId::parse(id);
  event.state = state;
  event.attempt = attempt;
  event.at = {1'700'000'001'000'000};
  event.name = "add";
  return event;
}

proto::TaskReport waits() {
  proto::TaskReport report = report_of(TaskState::queued);
  report.attempt = 0;
  return report;
}

/// A stream of the one task, which waits for a slot.
struct TaskStream : World {
  std::shared_ptr<FakeExchange> exchange = open();

  std::shared_ptr<FakeExchange> open(const proto::TaskReport& report = waits()) {
    auto opened = get(some_task + "/events");
    mesh.report_next(report);
    REQUIRE(opened->flow);
    return opened;
  }
  void tick(Duration span = 100ms) {
    now += span;
    desk.tick();
  }
  void tell(const proto::TaskEvent& event, std::optional<std::uint64_t> missed = {}) {
    REQUIRE_FALSE(mesh.task_watches.empty());
    mesh.task_watches.begin()->second.second(
        core::EventsTold{.worker_name = "w1", .missed = missed, .events = {event}});
  }
  std::size_t told() const { return count(exchange->flow->written, "\nevent: "); }
  bool has(const std::string& event) const {
    return exchange->flow->written.find("id: " + id + event + "\n") != std::string::npos;
  }
};

}  // namespace

TEST_CASE("who watches a task is told each change as it comes, then its end, then the stream ends",
          "[events]") {
  TaskStream world;
  const auto& exchange = *world.exchange;
  CHECK(exchange.status() == 200);
  CHECK(exchange.answered->content_type == "text/event-stream");
  CHECK(exchange.said("Cache-Control") == "no-store");
  CHECK(exchange.flow->written.starts_with("retry: 2000\n\nid: " + id +
                                           "-queued-0\nevent: taskmesh.task.queued.v1\ndata: {"));
  world.tick();
  REQUIRE(world.mesh.task_watches.size() == 1);
  CHECK(world.mesh.task_watches.begin()->second.first == std::vector{*TaskId::parse(id)});
  world.mesh.report_next(waits());  // What may have happened before it was watched.
  CHECK(world.told() == 1);
  CHECK(exchange.flow->written.ends_with("\n\n: live\n\n"));
  world.tell(step(TaskState::running));
  CHECK(world.has("-running-1"));
  world.tell(step(TaskState::retrying));
  world.tell(step(TaskState::queued));
  world.tell(step(TaskState::running, 2));
  CHECK(world.told() == 5);
  CHECK(world.desk.open() == 1);
  world.tell(step(TaskState::success, 2));
  CHECK(world.told() == 5);  // It is told with its result.
  const auto end = report_of(TaskState::success, "[5]");
  FakeMesh::take(world.mesh.ends)(&end);
  CHECK(exchange.flow->written.find("id: " + id + "-end\nevent: taskmesh.task.succeeded.v1\n") !=
        std::string::npos);
  CHECK(exchange.flow->ended);
  CHECK(world.desk.open() == 0);
  world.tick();
  CHECK(world.mesh.task_watches.empty());
}

TEST_CASE("what comes twice, late or from another task is told once, in its order", "[events]") {
  TaskStream world;
  world.tick();
  world.mesh.report_next(waits());
  world.tell(step(TaskState::running));
  world.tell(step(TaskState::running));
  world.tell(step(TaskState::queued, 0));
  proto::TaskEvent other = step(TaskState::running, 2);
  other.id = *TaskId::parse("0193a7c41f2e70008f0c5d1a00000002");
  world.tell(other);
  CHECK(world.told() == 2);
  proto::TaskEvent moved = step(TaskState::queued);
  moved.flags = proto::TaskEvent::moved_flag;
  moved.epoch = 2;
  world.tell(moved);
  world.tell(moved);
  CHECK(world.has("-moved-2"));
  CHECK(world.told() == 3);
  world.tell(step(TaskState::running, 2));
  CHECK(world.told() == 4);
}

TEST_CASE("two streams of one task share a watch, and it ends with the last of them", "[events]") {
  TaskStream world;
  const auto second = world.open();
  world.tick();
  REQUIRE(world.mesh.task_watches.size() == 1);
  CHECK(world.mesh.task_watches.begin()->second.first.size() == 1);
  world.tell(step(TaskState::running));
  CHECK(world.has("-running-1"));
  CHECK(second->flow->written.find("-running-1") != std::string::npos);
  second->flow->gone = true;
  world.tick();
  CHECK(world.mesh.task_watches.size() == 1);
  world.exchange->flow->gone = true;
  world.tick();
  CHECK(world.mesh.task_watches.empty());
  CHECK(world.desk.open() == 0);
}

TEST_CASE("after a gap, and after an end that came without its result, the mesh is asked", "[events]") {
  TaskStream world;
  world.tick();
  world.mesh.report_next(waits());
  world.tick();
  CHECK(world.mesh.statuses.empty());
  SECTION("a gap") {
    world.tell(step(TaskState::running), 3);
    world.tick();
  }
  SECTION("the end") {
    world.tell(step(TaskState::failure));
    world.tick();
    CHECK(world.mesh.statuses.empty());
    world.tick(250ms);
  }
  REQUIRE(world.mesh.statuses.size() == 1);
  world.tick();
  CHECK(world.mesh.statuses.size() == 1);  // Once.
  world.mesh.report_next(report_of(TaskState::failure));
  CHECK(world.has("-end"));
  CHECK(world.exchange->flow->ended);
}

TEST_CASE("a stream tells the trace of its task once a worker has told it", "[events]") {
  TaskStream world;
  world.tick();
  world.mesh.report_next(waits());
  proto::TaskEvent running = step(TaskState::running);
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  running.trace = proto::Trace{parent, "vendor=7"};
  world.tell(running);
  const auto end = report_of(TaskState::success, "5");
  FakeMesh::take(world.mesh.ends)(&end);
  CHECK(count(world.exchange->flow->written, "\"traceparent\":\"" + parent + "\"") == 2);
  CHECK(count(world.exchange->flow->written, "\"tracestate\":\"vendor=7\"") == 2);
}

TEST_CASE("who comes again is told what is new to him, and nothing where he has the end", "[events]") {
  World world;
  const auto again = world.get(some_task + "/events", {{"Last-Event-ID", id + "-running-1"}});
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(again->flow->written == "retry: 2000\n\n");
  world.desk.tick();
  world.mesh.report_next(report_of(TaskState::running));
  world.mesh.task_watches.begin()->second.second(
      core::EventsTold{.worker_name = "w1", .events = {step(TaskState::running, 2)}});
  CHECK(again->flow->written.find("id: " + id + "-running-2\n") != std::string::npos);
  const auto done = world.get(some_task + "/events", {{"Last-Event-ID", id + "-end"}});
  CHECK(done->status() == 204);
}

TEST_CASE("a stream without news says that it is there, and is looked after", "[events]") {
  TaskStream world;
  world.tick();
  world.mesh.report_next(waits());
  world.tick(limits::http_heartbeat_every - 1s);
  CHECK(world.exchange->flow->written.find("\n:\n\n") == std::string::npos);
  CHECK(world.mesh.statuses.empty());
  world.tick(1s);
  CHECK(world.exchange->flow->written.ends_with("\n\n:\n\n"));
  REQUIRE(world.mesh.statuses.size() == 1);
  world.mesh.report_next(report_of(TaskState::running));
  CHECK(world.has("-running-1"));
}

TEST_CASE("who does not read is not written to, and is told the end all the same", "[events]") {
  TaskStream world;
  world.tick();
  world.mesh.report_next(waits());
  world.exchange->flow->unread = limits::http_stream_bytes;
  for (std::uint32_t i = 1; i < 100; ++i) world.tell(step(TaskState::running, i));
  CHECK(world.told() == 1);
  const auto end = report_of(TaskState::success, "5");
  FakeMesh::take(world.mesh.ends)(&end);
  CHECK(world.has("-end"));
}

TEST_CASE("streams of more tasks than watches may name look by themselves, more and more rarely",
          "[events]") {
  World world;
  const std::size_t most = limits::http_task_watches_max * limits::query_ids_max;
  std::shared_ptr<FakeExchange> last;
  for (std::uint32_t i = 0; i <= most; ++i) {
    proto::TaskReport report = waits();
    report.id = make_task_id(1'700'000'000'000, 0, 7, i);
    last = world.get("/v1/tasks/" + to_string(report.id) + "/events");
    world.mesh.report_next(report);
  }
  world.desk.tick();
  CHECK(world.mesh.task_watches.size() == limits::http_task_watches_max);
  for (const auto& [token, watch] : world.mesh.task_watches) {
    CHECK(watch.first.size() == limits::query_ids_max);
  }
  CHECK(world.mesh.statuses.size() == 500);  // The others follow.
  while (world.mesh.statuses.size() < most) world.desk.tick();
  world.mesh.statuses.clear();
  world.now += 250ms;
  world.desk.tick();
  REQUIRE(world.mesh.statuses.size() == 1);
  proto::TaskReport running = report_of(TaskState::running);
  running.id = make_task_id(1'700'000'000'000, 0, 7, static_cast<std::uint32_t>(most));
  world.mesh.report_next(running);
  CHECK(last->flow->written.find("-running-1") != std::string::npos);
}

TEST_CASE("a stream ends when its reader goes, when the gateway leaves, and when the task is forgotten",
          "[events]") {
  TaskStream world;
  SECTION("its reader goes") {
    world.exchange->flow->gone = true;
    world.tick();
  }
  SECTION("the gateway leaves") { world.desk.leave(); }
  SECTION("the task is forgotten") {
    world.tick();
    world.mesh.report_next(report_of(TaskState::unknown));
  }
  SECTION("its end is found") {
    world.tick();
    world.mesh.report_next(report_of(TaskState::failure));
  }
  CHECK(world.exchange->flow->ended);
  CHECK(world.desk.open() == 0);
  FakeMesh::take(world.mesh.ends)(nullptr);
  CHECK(world.mesh.ends.empty());
}

TEST_CASE("the wait for an end goes on where it has not come", "[events]") {
  TaskStream world;
  FakeMesh::take(world.mesh.ends)(nullptr);
  CHECK(world.mesh.ends.size() == 1);
  CHECK_FALSE(world.exchange->flow->ended);
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

}  // namespace desk_events_test
