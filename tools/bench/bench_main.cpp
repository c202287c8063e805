// taskmesh_bench: what a mesh does, section by section, beside raw libzmq in the same minute. For developers; it starts all
// that it needs. docs/performance.md says how to read the output.
#include <CLI/CLI.hpp>
#include <cstdlib>
#include <iostream>

#include "bench/report.hpp"
#include "bench/sections.hpp"
#include "bench/text.hpp"

namespace taskmesh::bench {

const std::vector<Section>& sections() {
  static const std::vector<Section> all{
      {"payloads", "100 B to 1 MiB, windows 1 to 4096, fire and forget", "raw libzmq", measure_payloads},
      {"switches", "how often a thread goes to sleep for a lone task", "raw libzmq", measure_switches},
      {"clients", "1 and 4 clients, 1 and 3 workers", "raw libzmq", measure_clients},
      {"copies", "no, one and two copies of each task", "against", measure_copies},
      {"callbacks", "events to one listener", "raw libzmq", measure_callbacks},
      {"start", "of a worker, of a client", "", measure_start},
      {"idle", "processor time and traffic of a mesh of 3, and of a large one", "", measure_idle},
      {"workers", "what more workers cost: meshes of 1, 3, 10, 25 and 50", "raw libzmq", measure_workers},
      {"memory", "of a waiting task", "", measure_memory},
      {"makespan", "400 unequal tasks on 4 workers", "against", measure_makespan},
      {"open-loop", "arrivals at 80 % and 95 % load, heavy-tailed times, 4 workers; one slow, one paused",
       "ideal queue", measure_open_loop},
  };
  return all;
}

namespace {

struct Options {
  std::vector<std::string> wanted;
  std::uint64_t rounds = 9;
  std::uint64_t tasks = 0;
  std::size_t workers = 50;
  bool json = false;
};

/// The exit code, where the words are not to be measured with.
std::optional<int> parse(int argc, char** argv, Options& options) {
  CLI::App app("What a mesh does, beside raw libzmq in the same minute. Starts all that it needs.",
               "taskmesh_bench");
  std::vector<std::string> names;
  std::string help;
  for (const Section& section : sections()) {
    names.emplace_back(section.name);
    help += std::string("\n  ") + section.name + ": " + section.help;
  }
  app.add_option("SECTION", options.wanted, "what to measure; nothing: all" + help)
      ->check(CLI::IsMember(names))
      ->option_text("...");
  app.add_option("--rounds", options.rounds, "slices of each kind, in turn")
      ->check(CLI::Range(1, 10'000))
      ->capture_default_str();
  app.add_option("--tasks", options.tasks, "per slice, at most; of memory, makespan, open-loop: in all")
      ->check(CLI::Range(1, 10'000'000));
  app.add_option("--workers", options.workers, "of the largest mesh, in idle and workers")
      ->check(CLI::Range(1, 1'000))
      ->capture_default_str();
  app.add_flag("--json", options.json, "one JSON document");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? EXIT_SUCCESS : 2;
  }
  return std::nullopt;
}

bool wants(const Options& options, const Section& section) {
  const auto& wanted = options.wanted;
  return wanted.empty() || std::find(wanted.begin(), wanted.end(), section.name) != wanted.end();
}

int measure(const Options& options) {
  const RawPeer peer;  // Before any thread is made.
  const BenchHost host;
  const Facts facts = machine_facts();
  const Bench bench{.peer = peer, .rounds = options.rounds, .tasks = options.tasks, .crowd = options.workers};
  std::string json;
  for (const Section& section : sections()) {
    if (!wants(options, section)) continue;
    Figures figures;
    section.measure(bench, figures);
    if (options.json) {
      json += std::string(json.empty() ? "{" : ", ") + "\"" + section.name + "\": " + figures.to_json();
    } else {
      std::cout << figures.to_text(section.name, section.against) << std::endl;
    }
  }
  if (options.json) {
    std::cout << json << "}\n";
  } else {
    std::cout << plural(options.rounds, "round") << "; machine: " << plural(facts.cores, "core")
              << ", load average " << fixed(facts.load_average, 1) << " at the start\n";
  }
  return EXIT_SUCCESS;
}

}  // namespace

}  // namespace taskmesh::bench

int main(int argc, char** argv) {
  using namespace taskmesh::bench;
  try {
    if (argc > 1 && std::string_view(argv[1]) == "worker") return run_worker({argv + 2, argv + argc});
    Options options;
    if (const auto done = parse(argc, argv, options)) return *done;
    return measure(options);
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << "\n";
    return EXIT_FAILURE;
  }
}
