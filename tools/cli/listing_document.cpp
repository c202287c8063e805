#include "cli/listing_document.hpp"

#include "cli/task_document.hpp"

namespace taskmesh::cli {

namespace {

void write_list(JsonWriter& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts) writer.string(text);
  writer.end_array();
}

void write_number(JsonWriter& writer, std::string_view name, std::uint64_t number) {
  writer.key(name);
  writer.number(number);
}

}  // namespace

void write_worker(JsonWriter& writer, const WorkerInfo& worker) {
  writer.begin_object();
  writer.key("id");
  writer.string(to_string(worker.id));
  writer.key("name");
  writer.string(worker.name);
  writer.key("state");
  writer.string(worker.state);
  write_number(writer, "slots", worker.slots);
  write_number(writer, "running", worker.running);
  write_number(writer, "stuck", worker.stuck);
  write_number(writer, "queued", worker.queued);
  write_number(writer, "scheduled", worker.scheduled);
  writer.key("short_of_memory");
  writer.boolean(worker.short_of_memory);
  writer.key("host");
  writer.string(worker.host);
  write_number(writer, "pid", worker.pid);
  write_list(writer, "endpoints", worker.endpoints);
  write_list(writer, "tasks", worker.tasks);
  writer.key("silence_ms");
  writer.number(static_cast<std::int64_t>(worker.silence / 1ms));
  writer.end_object();
}

void write_task(JsonWriter& writer, const TaskInfo& task) {
  writer.begin_object();
  write_text(writer, "task_id", to_string(task.task_id));
  write_text(writer, "name", task.name);
  write_text(writer, "status", to_string(task.state));
  writer.key("stopping");
  writer.boolean(task.stopping);
  writer.key("attempt");
  writer.number(static_cast<std::uint64_t>(task.attempt));
  write_text(writer, "callback", to_string(task.callback));
  write_text(writer, "worker", task.worker);
  write_text(writer, "worker_id", to_string(task.worker_id));
  write_text(writer, "submitted_at", to_rfc3339(task.submitted_at));
  write_text(writer, "started_at", to_rfc3339(task.started_at));
  write_text(writer, "completed_at", to_rfc3339(task.completed_at));
  writer.end_object();
}

}  // namespace taskmesh::cli
