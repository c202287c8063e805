// Streams of what happens to all tasks.
#include "http/desk_support.hpp"
#include "taskmesh/http/limits.hpp"

namespace event_hub_test {

using namespace http_test;

namespace {

const std::string id = "0193a7c41f2e70008f0c5d1a00000001";

proto::TaskEvent step(TaskState state, std::string name = "add") {
  proto::TaskEvent event;
  event.id = *TaskId::parse(id);
  event.state = state;
  event.attempt = 1;
  event.at = {1'700'000'001'000'000};
  event.name = std::move(name);
  return event;
}

core::EventsTold told(std::vector<proto::TaskEvent> events, std::optional<std::uint64_t> missed = {}) {
  core::EventsTold all;
  all.worker_name = "w1";
  all.missed = missed;
  all.events = std::move(events);
  return all;
}

std::size_t count(const std::string& text, const std::string& part) {
  std::size_t found = 0;
  for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++found;
  return found;
}

/// The last id that was written.
std::string last_id(const std::string& text) {
  const std::size_t at = text.rfind("id: ") + 4;
  return text.substr(at, text.find('\n', at) - at);
}

struct Streams : World {
  std::shared_ptr<FakeExchange> open(const std::string& query = "", const std::string& from = "") {
    std::map<std::string, std::string> headers;
    if (!from.empty()) headers["Last-Event-ID"] = from;
    auto exchange = get("/v1/events" + query, headers);
    REQUIRE(exchange->flow);
    return exchange;
  }
  void tell(core::EventsTold all) { mesh.watching(std::move(all)); }
  void tick(Duration span = 100ms) {
    now += span;
    desk.tick();
  }
};

}  // namespace

TEST_CASE("an event of a task with a trace has it as the CloudEvent's extension, if it is valid",
          "[events]") {
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto sent = [](proto::Trace trace) {
    Streams world;
    const auto exchange = world.open();
    proto::TaskEvent event = step(TaskState::running);
    event.trace = std::move(trace);
    world.now += 1s;
    world.tell(told({event}));
    const std::string& text = exchange->flow->written;
    const auto read = parse_json(text.substr(text.find("data: ") + 6));
    REQUIRE(read);
    return *read;
  };
  const Json traced = sent({parent, "vendor=7"});
  CHECK(*traced.at("traceparent") == Json(parent));
  CHECK(*traced.at("tracestate") == Json("vendor=7"));
  CHECK(sent({parent, "\n"}).at("tracestate") == nullptr);
  for (const proto::Trace& none : {proto::Trace{}, proto::Trace{"junk", "vendor=7"}}) {
    CHECK(sent(none).at("traceparent") == nullptr);
    CHECK(sent(none).at("tracestate") == nullptr);
  }
}

TEST_CASE("a stream of the mesh tells each event as a CloudEvent", "[events]") {
  Streams world;
  const auto exchange = world.open();
  CHECK(exchange->status() == 200);
  CHECK(exchange->answered->content_type == "text/event-stream");
  CHECK(exchange->said("Cache-Control") == "no-store");
  CHECK(exchange->flow->written == "retry: 2000\n\n");
  core::EventsTold begun;
  begun.begun = true;
  world.tell(std::move(begun));
  CHECK(exchange->flow->written.ends_with("\n\n: live\n\n"));
  exchange->flow->written.clear();
  world.now += 1s;
  world.tell(told({step(TaskState::running)}));
  const std::string& text = exchange->flow->written;
  CHECK(text.starts_with("id: boot-1.1\nevent: taskmesh.task.running.v1\ndata: {"));
  const auto event = parse_json(text.substr(text.find("data: ") + 6));
  REQUIRE(event);
  CHECK(*event->at("specversion") == Json("1.0"));
  CHECK(*event->at("id") == Json(id + "-running-1"));
  CHECK(*event->at("type") == Json("taskmesh.task.running.v1"));
  CHECK(*event->at("source") == Json("/meshes/m"));
  CHECK(*event->at("subject") == Json(id));
  CHECK(*event->at("time") == Json("2023-11-14T22:13:21.000Z"));
  CHECK(*event->at("data")->at("status") == Json("running"));
  CHECK(*event->at("data")->at("worker") == Json("w1"));
  CHECK(event->at("data")->at("delivery") == nullptr);
  world.now += 1s;
  world.tell(told({step(TaskState::success)}));
  CHECK(text.find("\"dataref\":\"/v1/tasks/" + id + "/result\"") != std::string::npos);
}

TEST_CASE("a stream is told what it asked for, and gaps in any case", "[events]") {
  Streams world;
  const auto ends = world.open("?type=failed,taskmesh.task.lost.v1");
  const auto named = world.open("?name=sub");
  world.now += 1s;
  world.tell(told({step(TaskState::running), step(TaskState::failure)}));
  world.tick();
  CHECK(count(ends->flow->written, "\nevent: ") == 1);
  CHECK(ends->flow->written.find("event: taskmesh.task.failed.v1") != std::string::npos);
  CHECK(count(named->flow->written, "\nevent: ") == 0);
  world.tell(told({step(TaskState::queued, "sub")}, 3));
  world.tick();
  CHECK(count(named->flow->written, "\nevent: ") == 2);
  CHECK(count(ends->flow->written, "event: taskmesh.stream.gap.v1") == 1);
  CHECK(ends->flow->written.find("\"missed\":3,\"worker\":\"w1\"") != std::string::npos);
}

TEST_CASE("what makes no sense is refused", "[events]") {
  World world;
  CHECK(world.get("/v1/events?type=nothing")->problem() == "bad-request");
  CHECK(world.get("/v1/events?typ=failed")->status() == 400);
  CHECK(world.post("/v1/events", "{}")->status() == 405);
}

TEST_CASE("all streams share one watch, which ends a while after the last of them", "[events]") {
  Streams world;
  const auto first = world.open();
  const auto second = world.open();
  CHECK(world.mesh.watches == 1);
  CHECK(world.desk.open() == 2);
  first->flow->gone = true;
  second->flow->gone = true;
  world.tick();
  CHECK(world.desk.open() == 0);
  CHECK(world.mesh.watching);
  world.tick(limits::http_events_linger);
  CHECK_FALSE(world.mesh.watching);
  world.open();
  CHECK(world.mesh.watches == 2);
}

TEST_CASE("who comes back within what is kept misses nothing", "[events]") {
  Streams world;
  const auto first = world.open();
  world.tell(told({step(TaskState::queued)}));
  world.tick();
  const std::string place = last_id(first->flow->written);
  first->flow->gone = true;
  world.tell(told({step(TaskState::running), step(TaskState::success)}));
  world.tick();
  const auto again = world.open("", place);
  CHECK(count(again->flow->written, "\nevent: ") == 2);
  CHECK(again->flow->written.find("gap") == std::string::npos);
}

TEST_CASE("a place that is not kept, or of another gateway, is a gap", "[events]") {
  Streams world;
  SECTION("another gateway's, or none at all") {
    for (const char* place : {"other-1.5", "boot-1.", "boot-1.x", "boot-1.99", "boot-9.1"}) {
      const auto exchange = world.open("", place);
      CHECK(count(exchange->flow->written, "event: taskmesh.stream.gap.v1") == 1);
      CHECK(exchange->flow->written.find("\"missed\":null,\"worker\":null") != std::string::npos);
    }
  }
  SECTION("too old") {
    const auto first = world.open();
    world.tell(told({step(TaskState::queued)}));
    world.tick();
    const std::string place = last_id(first->flow->written);
    for (std::size_t i = 0; i < limits::http_events_kept + 4; ++i)
      world.tell(told({step(TaskState::running)}));
    const auto exchange = world.open("", place);
    CHECK(exchange->flow->written.find("\"missed\":") != std::string::npos);
    CHECK(count(exchange->flow->written, "event: taskmesh.stream.gap.v1") == 1);
  }
  SECTION("from before a watch that has ended") {
    const auto first = world.open();
    world.tell(told({step(TaskState::queued)}));
    world.tick();
    const std::string place = last_id(first->flow->written);
    first->flow->gone = true;
    world.tick();
    world.tick(limits::http_events_linger);
    CHECK(count(world.open("", place)->flow->written, "event: taskmesh.stream.gap.v1") == 1);
  }
}

TEST_CASE("a slow reader is not waited for: it gets a gap in the place of what is not kept", "[events]") {
  Streams world;
  const auto slow = world.open();
  const auto quick = world.open();
  slow->flow->unread = limits::http_stream_bytes;
  for (std::size_t i = 0; i < 2 * limits::http_events_kept; ++i) {
    world.tell(told({step(TaskState::running)}));
    if (i % 100 == 0) world.tick();
  }
  world.tick();
  CHECK(count(slow->flow->written, "\nevent: ") == 0);
  CHECK(count(quick->flow->written, "\nevent: ") == 2 * limits::http_events_kept);
  slow->flow->unread = 0;
  world.tick();
  CHECK(count(slow->flow->written, "event: taskmesh.stream.gap.v1") == 1);
  const std::size_t rest = count(slow->flow->written, "\nevent: taskmesh.task.running.v1");
  CHECK(rest > 0);
  CHECK(rest <= limits::http_events_kept);
  CHECK(last_id(slow->flow->written) == last_id(quick->flow->written));
}

TEST_CASE("a stream without news says that it is there, and ends when the gateway leaves", "[events]") {
  Streams world;
  const auto exchange = world.open();
  world.tick(limits::http_heartbeat_every - 1ms);
  CHECK_FALSE(exchange->flow->written.ends_with("\n:\n\n"));
  world.tick(1ms);
  CHECK(exchange->flow->written.ends_with("\n:\n\n"));
  world.desk.leave();
  CHECK(exchange->flow->ended);
  CHECK(world.desk.open() == 0);
  CHECK(world.get("/v1/events")->status() == 503);
}

}  // namespace event_hub_test
