// What happens to tasks, as streams and subscriptions tell it. Real processes.
#include "e2e/gateway.hpp"
#include "e2e/mesh.hpp"
#include "taskmesh/taskmesh.hpp"

using namespace e2e;

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
