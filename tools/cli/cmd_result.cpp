// taskmesh result: waits for the end of a task and prints its result.
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/task_document.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

constexpr Duration glance = 5s;  // What the question itself may take where nothing is waited for.

Exit run_result(const Arguments& arguments) {
  const auto id = TaskId::parse(arguments.text("ID"));
  if (!id) return print_failure(id.error());
  Client client(client_options(arguments));
  const Duration wait = arguments.duration("--wait");
  auto task =
      wait > Duration::zero() ? client.wait_for<Json>(*id, wait) : client.get_task_result<Json>(*id, glance);
  look_again(client, task);
  return print_task(task, arguments.given("--json"));
}

}  // namespace

Verb result_verb() {
  return {.name = "result",
          .summary = "wait for the end of a task and print its result",
          .examples = {"taskmesh result $(taskmesh submit sleep_ms 500 --no-wait)",
                       "taskmesh result 0193a7c41f2e70008f0c5d1a00000001 --wait 0s --json"},
          .positionals = task_id_positional(),
          .flags = joined(joined({setting_flag("client.wait")}, mesh_flags()), {json_flag()}),
          .exits = "0 done, 1 task failed or unknown, 2 usage, 3 mesh unreachable, 4 deadline passed",
          .run = run_result};
}

}  // namespace taskmesh::cli
