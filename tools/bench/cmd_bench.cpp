// taskmesh bench: load on the mesh at hand, beside raw libzmq in the same minute.
//
// A round is one slice of each kind of load, one after the other, so that a machine that is slow meanwhile is
// slow for all of them; ratios are formed per round. docs/performance.md says how to read the output.
#include <algorithm>

#include "bench/raw_load.hpp"
#include "bench/report.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

bench::Load read_load(const Arguments& arguments) {
  bench::Load load;
  load.tasks_max = arguments.count("--tasks");
  load.window = arguments.count("--window");
  load.payload_bytes = arguments.count("--payload");
  return load;
}

bool serves_echo(const WorkerInfo& worker) {
  const auto& tasks = worker.tasks;
  return worker.state == "alive" && std::find(tasks.begin(), tasks.end(), "echo") != tasks.end();
}

/// Counts the workers that will answer.
Result<void> find_workers(Client& client, bench::Facts& facts) {
  facts.mesh = client.mesh();
  const auto known = client.workers();
  for (const WorkerInfo& worker : known) {
    if (!serves_echo(worker)) continue;
    ++facts.workers;
    facts.slots += worker.slots;
  }
  if (facts.workers > 0) return {};
  return fail({.kind = ErrorKind::unavailable,
               .what = "nothing to measure in mesh '" + facts.mesh + "'",
               .why = known.empty() ? "no worker is there" : "no worker serves the built-in task echo",
               .fix = "start one with `taskmesh worker --builtin`"});
}

bench::Round measure(bench::MeshLoad& mesh, bench::RawLoad& raw, bool copies) {
  bench::Round round;
  round.lone = mesh.round_trips();
  round.raw = raw.round_trips();
  round.flood = mesh.flood();
  if (copies) round.flood_copied = mesh.flood(1);
  round.raw_echo = raw.echo();
  round.fire_and_forget = mesh.fire_and_forget();
  round.raw_one_way = raw.one_way();
  return round;
}

Exit run_bench(const Arguments& arguments) {
  const bench::RawPeer peer;  // Before any thread is made.
  bench::Report report{
      .load = read_load(arguments), .facts = bench::machine_facts(), .rounds = {}, .answers = {}};
  ClientOptions options = client_options(arguments);
  options.in_flight_max = arguments.count("--in-flight-max");
  bench::MeshLoad mesh(options, report.load);
  const auto found = find_workers(mesh.client(), report.facts);
  if (!found) return print_failure(found.error());
  bench::RawLoad raw(peer, report.load);
  const bool copies = report.facts.workers > 1;  // Else nobody can hold one.
  measure(mesh, raw, copies);                    // Connections, memory and caches warm up; not counted.
  for (std::uint64_t i = 0; i < arguments.count("--rounds") && mesh.answers().good(); ++i) {
    report.rounds.push_back(measure(mesh, raw, copies));
  }
  report.answers = mesh.answers();
  std::string text = arguments.given("--json") ? bench::to_json(report) + "\n" : bench::to_text(report);
  text.pop_back();  // print_line adds it.
  return print_line(text, report.answers.good() ? Exit::done : Exit::failed);
}

std::vector<Flag> bench_flags() {
  return {{.name = "--tasks",
           .value = "N",
           .help = "tasks (and raw messages) per slice",
           .kind = Kind::count,
           .unset = "what 30 or 120 ms allow"},
          {.name = "--window",
           .value = "N",
           .help = "unanswered at once in a flood",
           .kind = Kind::count,
           .fallback = "4096",
           .most = limits::in_flight_max},
          {.name = "--payload",
           .value = "BYTES",
           .help = "size of each task's argument and result",
           .kind = Kind::count,
           .fallback = "100",
           .most = 1024 * 1024},
          {.name = "--rounds",
           .value = "N",
           .help = "slices of each kind, taken in turn",
           .kind = Kind::count,
           .fallback = "15",
           .most = 10'000},
          setting_flag("client.in_flight_max")};
}

}  // namespace

Verb bench_verb() {
  return {.name = "bench",
          .summary = "measure the mesh at hand beside raw libzmq",
          .examples = {"taskmesh bench", "taskmesh bench --rounds 5 --window 256 --json"},
          .positionals = {},
          .flags = joined(joined(bench_flags(), mesh_flags()), {json_flag()}),
          .exits = "0 done, 1 an answer was wrong or missing, 2 usage, 3 no worker with --builtin",
          .run = run_bench};
}

}  // namespace taskmesh::cli
