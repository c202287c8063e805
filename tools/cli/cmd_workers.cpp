// taskmesh workers: who serves in the mesh, and how busy they are.
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "cli/listing_document.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
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

std::string worker_table(const std::vector<WorkerInfo>& workers) {
  std::vector<Row> rows{
      {"NAME", "STATE", "SLOTS", "RUNNING", "STUCK", "QUEUED", "SCHEDULED", "PID", "ENDPOINT"}};
  for (const WorkerInfo& worker : workers) rows.push_back(row_of(worker));
  return table_of(rows);
}

std::vector<WorkerInfo> workers_of(Client& client) {
  std::vector<WorkerInfo> workers = client.workers();
  std::sort(workers.begin(), workers.end(), [](const WorkerInfo& a, const WorkerInfo& b) {
    return std::tie(a.name, a.id) < std::tie(b.name, b.id);
  });
  return workers;
}

std::string document(const std::vector<WorkerInfo>& workers) {
  JsonWriter writer;
  writer.begin_array();
  for (const WorkerInfo& worker : workers) write_worker(writer, worker);
  writer.end_array();
  return writer.take();
}

std::string nobody(const Client& client) {
  return "no worker in mesh '" + client.mesh() + "' (start one with `taskmesh worker --builtin`)";
}

/// A table with its time above, over the last one where there is a terminal that can do that.
std::string picture(const Client& client, const std::vector<WorkerInfo>& workers, bool over) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  const WallTime wall{std::chrono::duration_cast<std::chrono::microseconds>(now).count()};
  return (over ? "\x1b[H\x1b[J" : "") + ("mesh " + client.mesh() + ", " + to_rfc3339(wall)) + "\n" +
         (workers.empty() ? nobody(client) : worker_table(workers)) + (over ? "" : "\n");
}

bool draws_over() {
  const char* kind = std::getenv("TERM");
  return ::isatty(STDOUT_FILENO) != 0 && kind != nullptr && *kind != '\0' && std::string_view(kind) != "dumb";
}

/// Until a signal comes or nobody reads any more.
Exit watch_workers(const Arguments& arguments) {
  const Signals signals;
  Client client(client_options(arguments));
  const bool over = !arguments.given("--json") && draws_over();
  do {
    const auto workers = workers_of(client);
    const Written written =
        print_line(arguments.given("--json") ? document(workers) : picture(client, workers, over));
    if (written != Written::yes) return written == Written::closed ? Exit::done : Exit::failed;
  } while (!signals.wait(arguments.duration("--interval")));
  return Exit::done;
}

Exit run_workers(const Arguments& arguments) {
  if (arguments.given("--watch")) return watch_workers(arguments);
  if (arguments.given("--interval")) {
    return print_failure({.kind = ErrorKind::invalid,
                          .what = "--interval is given, but nothing is repeated",
                          .why = "it says how often --watch looks",
                          .fix = "say --watch as well, or leave it out"});
  }
  Client client(client_options(arguments));
  const std::vector<WorkerInfo> workers = workers_of(client);
  if (arguments.given("--json")) return print_line(document(workers), Exit::done);
  if (!workers.empty()) return print_line(worker_table(workers), Exit::done);
  print_note(nobody(client));
  return Exit::done;
}

}  // namespace

Verb workers_verb() {
  return {.name = "workers",
          .summary = "list the workers of the mesh that are known now",
          .examples = {"taskmesh workers", "taskmesh workers --mesh reports --json",
                       "taskmesh workers --watch --interval 5s"},
          .positionals = {},
          .flags = joined(joined({{.name = "--watch",
                                   .help = "again and again, until a signal; with --json a line each time",
                                   .kind = Kind::toggle},
                                  {.name = "--interval",
                                   .value = "DURATION",
                                   .help = "look so often",
                                   .kind = Kind::period,
                                   .fallback = "1s"}},
                                 mesh_flags()),
                          {json_flag()}),
          .exits = "0 done (also where there is none, and when a signal ends --watch), 2 usage",
          .run = run_workers};
}

}  // namespace taskmesh::cli
