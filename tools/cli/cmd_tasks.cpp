// taskmesh tasks: which tasks the workers hold or remember.
#include "cli/listing_document.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "cli/values.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

std::string task_table(const std::vector<TaskInfo>& tasks) {
  std::vector<Row> rows{{"ID", "STATE", "ATTEMPT", "SUBMITTED", "WORKER", "NAME"}};
  for (const TaskInfo& task : tasks) {
    rows.push_back({to_string(task.task_id), task.stopping ? "stopping" : std::string(to_string(task.state)),
                    std::to_string(task.attempt), to_rfc3339(task.submitted_at), harmless(task.worker),
                    task.name.empty() ? "-" : harmless(task.name)});
  }
  return table_of(rows);
}

Exit run_tasks(const Arguments& arguments) {
  TaskFilter filter{.name = arguments.text("--name"), .limit = arguments.count("--limit")};
  if (arguments.given("--state")) filter.state = value_or_throw(parse_task_state(arguments.text("--state")));
  Client client(client_options(arguments));
  const auto listing = client.try_tasks(filter);
  if (!listing) return print_failure(listing.error());
  print_silent(listing->silent);
  if (listing->more) print_note("there are more: raise --limit, or ask for one --state or --name");
  if (arguments.given("--json")) {
    JsonWriter writer;
    writer.begin_array();
    for (const TaskInfo& task : listing->tasks) write_task(writer, task);
    writer.end_array();
    return print_line(writer.text(), Exit::done);
  }
  if (!listing->tasks.empty()) return print_line(task_table(listing->tasks), Exit::done);
  print_note("no such task is known in mesh '" + client.mesh() + "'");
  return Exit::done;
}

}  // namespace

Verb tasks_verb() {
  return {.name = "tasks",
          .summary = "list the tasks that the workers hold or remember, within a second",
          .examples = {"taskmesh tasks --state running", "taskmesh tasks --name add --json"},
          .positionals = {},
          .flags = joined(
              joined({{.name = "--state",
                       .value = "STATE",
                       .help = "only queued, running, success, ... ones",
                       .kind = Kind::task_state,
                       .unset = "any"},
                      {.name = "--name", .value = "NAME", .help = "only tasks of this name", .unset = "any"},
                      list_limit_flag("at most so many; unfinished ones first")},
                     mesh_flags()),
              {json_flag()}),
          .exits = "0 done (also where there is none), 2 usage",
          .run = run_tasks};
}

}  // namespace taskmesh::cli
