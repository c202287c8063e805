#include "taskmesh/io/event_lines.hpp"

#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::io {

std::string event_line(const proto::TaskEvent& event, const core::EventsTold& told) {
  const wire::Completion view = wire::completion_of(event, told.worker, told.worker_name, nullptr);
  std::string line = "event " + wire::event_id(view);
  line.append(" ").append(wire::event_type(view)).append(" task ").append(event.name);
  line.append(" attempt ").append(std::to_string(event.attempt));
  if (!view.traceparent.empty()) line.append(" trace ").append(view.traceparent);
  if (const auto error = wire::error_of(event)) line.append(": ").append(error->what + ": " + error->why);
  return line;
}

void log_events(const core::EventsTold& told, const Log& log) {
  for (const proto::TaskEvent& event : told.events) log.debug(event_line(event, told));
  if (told.missed) {
    log.debug("(" + std::to_string(*told.missed) + " events of tasks have no line: too many in one turn)");
  }
}

}  // namespace taskmesh::io
