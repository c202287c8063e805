// taskmesh status: where a task is, without waiting for its end.
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/task_document.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

Exit run_status(const Arguments& arguments) {
  const auto id = TaskId::parse(arguments.text("ID"));
  if (!id) return print_failure(id.error());
  Client client(client_options(arguments));
  const auto task = client.get_task_result<Json>(*id, arguments.duration("--wait"));
  const bool no_state = task.state == TaskState::unknown;
  std::optional<Error> error;  // A task on its way has none, though it has no value either.
  if (!task.outcome && (no_state || is_terminal(task.state))) error = task.error();
  const Exit exit = no_state ? exit_of(task) : Exit::done;
  if (no_state) print_error(task.error());
  if (arguments.given("--json")) return print_line(task_document(task, error), exit);
  // "unknown" is an answer of the workers; where none could be asked there is no word to print.
  const bool answered = !no_state || task.error().kind == ErrorKind::not_found;
  return answered ? print_line(to_string(task.state), exit) : exit;
}

}  // namespace

Verb status_verb() {
  return {.name = "status",
          .summary = "say where a task is: pending, scheduled, queued, running, ..., its end, or unknown",
          .examples = {"taskmesh status 0193a7c41f2e70008f0c5d1a00000001",
                       "taskmesh status $(taskmesh submit sleep_ms 500 --no-wait) --json"},
          .positionals = task_id_positional(),
          .flags = joined(joined({question_flag()}, mesh_flags()), {json_flag()}),
          .exits = "0 known, 1 unknown, 2 usage, 3 mesh unreachable, 4 deadline passed",
          .run = run_status};
}

}  // namespace taskmesh::cli
