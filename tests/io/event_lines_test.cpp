// What happens to tasks, as lines of the log.
#include "taskmesh/io/event_lines.hpp"

#include <catch2/catch.hpp>

namespace event_lines_test {

using namespace taskmesh;

namespace {

const TaskId id = make_task_id(1'700'000'000'000, 0, 7, 1);

std::string line(proto::TaskEvent event) {
  event.id = id;
  event.name = "add";
  return io::event_line(event, {.worker = {}, .worker_name = "w1"});
}

}  // namespace

SCENARIO("the line of an event has its id and type, as they are everywhere", "[io][events]") {
  const std::string text = to_string(id);
  CHECK(line({.state = TaskState::queued}) ==
        "event " + text + "-queued-0 taskmesh.task.queued.v1 task add attempt 0");
  CHECK(line({.state = TaskState::success, .attempt = 2}) ==
        "event " + text + "-end taskmesh.task.succeeded.v1 task add attempt 2");
  CHECK(line({.state = TaskState::queued, .flags = proto::TaskEvent::moved_flag, .epoch = 3}) ==
        "event " + text + "-moved-3 taskmesh.task.moved.v1 task add attempt 0");
  CHECK(line({.state = TaskState::retrying,
              .attempt = 1,
              .fault = proto::Fault{1, "it failed", "no disk", ""}}) ==
        "event " + text + "-retrying-1 taskmesh.task.retrying.v1 task add attempt 1: it failed: no disk");
  const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  CHECK(line({.state = TaskState::running, .attempt = 1, .trace = proto::Trace{parent, ""}}) ==
        "event " + text + "-running-1 taskmesh.task.running.v1 task add attempt 1 trace " + parent);
}

}  // namespace event_lines_test
