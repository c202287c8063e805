#include "cli/listing_document.hpp"

#include "cli/task_document.hpp"

namespace taskmesh::cli {

void write_worker(JsonWriter& writer, const WorkerInfo& worker) {
  writer.begin_object();
  writer.key("id");
  writer.string(to_string(worker.id));
  writer.key("name");
  writer.string(worker.name);
  writer.key("state");
  writer.string(worker.state);
  writer.member("slots", worker.slots);
  writer.member("running", worker.running);
  writer.member("stuck", worker.stuck);
  writer.member("queued", worker.queued);
  writer.member("scheduled", worker.scheduled);
  writer.key("short_of_copies");
  writer.boolean(worker.short_of_copies);
  writer.key("short_of_memory");
  writer.boolean(worker.short_of_memory);
  writer.key("host");
  writer.string(worker.host);
  writer.member("pid", worker.pid);
  writer.member("endpoints", worker.endpoints);
  writer.member("tasks", worker.tasks);
  writer.key("silence_ms");
  writer.number(static_cast<std::int64_t>(worker.silence / 1ms));
  writer.end_object();
}

void write_task(JsonWriter& writer, const TaskInfo& task) {
  writer.begin_object();
  writer.member("task_id", to_string(task.task_id));
  writer.member("name", task.name);
  writer.member("status", to_string(task.state));
  writer.key("stopping");
  writer.boolean(task.stopping);
  writer.key("attempt");
  writer.number(static_cast<std::uint64_t>(task.attempt));
  writer.member("callback", to_string(task.callback));
  writer.member("worker", task.worker);
  writer.member("worker_id", to_string(task.worker_id));
  writer.member("submitted_at", to_rfc3339(task.submitted_at));
  writer.member("started_at", to_rfc3339(task.started_at));
  writer.member("completed_at", to_rfc3339(task.completed_at));
  writer.end_object();
}

}  // namespace taskmesh::cli
