// taskmesh workers: who serves in the mesh, and how busy they are.
#include <algorithm>

#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/table.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::cli {

namespace {

Row row_of(const WorkerInfo& worker) {
  return {harmless(worker.name),
          worker.short_of_memory && worker.state == "alive" ? "alive, memory full" : worker.state,
          std::to_string(worker.slots),
          std::to_string(worker.running),
          std::to_string(worker.stuck),
          std::to_string(worker.queued),
          std::to_string(worker.scheduled),
          std::to_string(worker.pid),
          worker.endpoints.empty() ? "" : harmless(worker.endpoints.front())};
}

std::string table(const std::vector<WorkerInfo>& workers) {
  std::vector<Row> rows{
      {"NAME", "STATE", "SLOTS", "RUNNING", "STUCK", "QUEUED", "SCHEDULED", "PID", "ENDPOINT"}};
  for (const WorkerInfo& worker : workers) rows.push_back(row_of(worker));
  return table_of(rows);
}

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

Exit run_workers(const Arguments& arguments) {
  Client client(client_options(arguments));
  std::vector<WorkerInfo> workers = client.workers();
  std::sort(workers.begin(), workers.end(), [](const WorkerInfo& a, const WorkerInfo& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  if (arguments.given("--json")) {
    JsonWriter writer;
    writer.begin_array();
    for (const WorkerInfo& worker : workers) write_worker(writer, worker);
    writer.end_array();
    return print_line(writer.text(), Exit::done);
  }
  if (!workers.empty()) return print_line(table(workers), Exit::done);
  print_note("no worker in mesh '" + client.mesh() + "' (start one with `taskmesh worker --builtin`)");
  return Exit::done;
}

}  // namespace

Verb workers_verb() {
  return {.name = "workers",
          .summary = "list the workers of the mesh that are known now",
          .examples = {"taskmesh workers", "taskmesh workers --mesh reports --json"},
          .positionals = {},
          .flags = joined(mesh_flags(), {json_flag()}),
          .exits = "0 done (also where there is none), 2 usage",
          .run = run_workers};
}

}  // namespace taskmesh::cli
