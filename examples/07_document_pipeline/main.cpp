// A folder of documents goes through five stages on a mesh of worker processes; see README.md and driver.hpp.
#include <unistd.h>

#include <filesystem>
#include <iostream>

#include "driver.hpp"
#include "options.hpp"
#include "sources.hpp"

namespace {

using namespace pipeline;

std::vector<Source> sources_of(const Options& options, const std::string& out_dir) {
  std::vector<Source> sources =
      options.folder.empty()
          ? list_defaults(PIPELINE_REPOSITORY, out_dir, options.limit)
          : limit_sources(list_folder(std::filesystem::absolute(options.folder), out_dir), options.limit);
  if (sources.empty())
    throw BadDocument{"nothing to do", "there are no documents", "name a folder that holds some"};
  return sources;
}

int run_pipeline(const Options& options) {
  const std::string out_dir = std::filesystem::absolute(options.out_dir).lexically_normal().string();
  prepare_folder(out_dir);
  const std::string mesh = "pipeline-" + std::to_string(::getpid());  // Ours alone.
  Site site;
  {
    // Who takes over says so in its log.
    WorkerProcesses workers{mesh, options.workers, options.slots, options.kill_one ? "warning" : "error"};
    Progress progress{options.plain};
    Driver driver{sources_of(options, out_dir),
                  {.mesh = mesh,
                   .out_dir = out_dir,
                   .kill_one = options.kill_one,
                   .in_flight_max = std::min(256U, 4 * options.workers * options.slots)}};
    site = driver.run(workers, progress);
  }
  const std::string index = write_site(site, out_dir);
  print_summary(site, index, options.plain);
  return site.records.empty() && !site.failures.empty() ? 1 : 0;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Options options = parse_options(argc, argv);
    if (options.help) std::cout << usage;
    if (options.help) return 0;
    return options.is_worker ? run_worker(options.worker) : run_pipeline(options);
  } catch (const std::invalid_argument& error) {
    std::cerr << "error: " << error.what() << "\n" << usage;
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "error: " << error.what() << '\n';
    return 1;
  }
}
