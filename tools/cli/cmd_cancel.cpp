// taskmesh cancel: takes a task back.
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::cli {

namespace {

/// Why it cannot be taken back.
Error too_late(const CancelAnswer& answer) {
  const std::string id = to_string(answer.task_id);
  if (answer.state == TaskState::unknown) {
    return {.kind = ErrorKind::not_found,
            .what = "no worker remembers task " + id,
            .why = "it was never submitted, or ended so long ago that it is forgotten",
            .fix = "check the id and the mesh"};
  }
  return {.kind = ErrorKind::failed,
          .what = "task " + id + " was not cancelled",
          .why = "it had ended as " + std::string(to_string(answer.state)),
          .fix = "its end stands: see `taskmesh result " + id + "`"};
}

std::string cancel_document(const CancelAnswer& answer) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("task_id");
  writer.string(to_string(answer.task_id));
  writer.key("cancelled");
  writer.boolean(answer.gone());
  writer.key("status");
  writer.string(to_string(answer.state));
  writer.key("stopping");
  writer.boolean(answer.stopping);
  writer.end_object();
  return writer.take();
}

Exit run_cancel(const Arguments& arguments) {
  const auto id = TaskId::parse(arguments.text("ID"));
  if (!id) return print_failure(id.error());
  Client client(client_options(arguments));
  const auto answer = client.try_cancel(*id, arguments.duration("--wait"));
  if (!answer) return print_failure(answer.error());
  const Exit exit = answer->gone() ? Exit::done : Exit::failed;
  if (!answer->gone()) print_error(too_late(*answer));
  if (arguments.given("--json")) return print_line(cancel_document(*answer), exit);
  return print_line(answer->stopping ? "stopping" : to_string(answer->state), exit);
}

}  // namespace

Verb cancel_verb() {
  return {
      .name = "cancel",
      .summary = "take a task back: prints cancelled, stopping (it runs and was asked to), or its end",
      .examples = {"taskmesh cancel 0193a7c41f2e70008f0c5d1a00000001",
                   "taskmesh cancel $(taskmesh submit sleep_ms 500 --countdown 1h --no-wait)"},
      .positionals = task_id_positional(),
      .flags = joined(joined({question_flag()}, mesh_flags()), {json_flag()}),
      .exits =
          "0 cancelled or stopping, 1 had ended or unknown, 2 usage, 3 mesh unreachable, 4 deadline passed",
      .run = run_cancel};
}

}  // namespace taskmesh::cli
