#include "cli/task_document.hpp"

#include "cli/output.hpp"

namespace taskmesh::cli {

std::string task_document(const TaskResult<Json>& task, const std::optional<Error>& error) {
  JsonWriter writer;
  writer.begin_object();
  writer.member("task_id", task.task_id ? to_string(task.task_id) : "");
  writer.key("status");
  writer.string(to_string(task.state));
  writer.key("stopping");
  writer.boolean(task.stopping);
  writer.key("result");
  writer.value(task.outcome ? *task.outcome : Json{});
  writer.key("error");
  writer.error(error ? &*error : nullptr);
  writer.member("worker", task.worker);
  writer.member("worker_id", task.worker_id ? to_string(task.worker_id) : "");
  writer.key("attempt");
  writer.number(static_cast<std::uint64_t>(task.attempt));
  writer.member("submitted_at", to_rfc3339(task.submitted_at));
  writer.member("started_at", to_rfc3339(task.started_at));
  writer.member("completed_at", to_rfc3339(task.completed_at));
  writer.member("joined", task.joined ? to_string(task.joined) : "");
  writer.key("callback");
  writer.string(to_string(task.callback));
  writer.end_object();
  return writer.take();
}

Exit exit_of(const TaskResult<Json>& task) {
  if (task.outcome) return Exit::done;
  if (task.state == TaskState::expired) return Exit::late;
  if (is_terminal(task.state)) return Exit::failed;
  const bool never_sent = !task.task_id && task.error().kind == ErrorKind::invalid;
  if (never_sent) return Exit::usage;
  const bool on_its_way = task.state != TaskState::pending && task.state != TaskState::unknown;
  if (on_its_way) return Exit::late;
  switch (task.error().kind) {
    case ErrorKind::timed_out:
      return Exit::late;
    case ErrorKind::unavailable:
      return Exit::unreachable;
    default:
      return Exit::failed;
  }
}

Exit print_task(const TaskResult<Json>& task, bool as_document) {
  std::optional<Error> error;
  if (!task.outcome) error = task.error();
  Exit exit = exit_of(task);
  if (as_document)
    exit = print_line(task_document(task, error), exit);
  else if (task.outcome)
    exit = print_line(to_text(*task.outcome), exit);
  if (error) print_error(*error);
  return exit;
}

}  // namespace taskmesh::cli
