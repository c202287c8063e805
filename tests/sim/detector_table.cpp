// taskmesh_detector [minutes [seed]]: the table of failure detection (docs/performance.md).
#include <cstdio>
#include <cstdlib>
#include <string>
#include <vector>

#include "sim/detector_model.hpp"

using namespace taskmesh;

int main(int argc, char** argv) {
  const long minutes = argc > 1 ? std::strtol(argv[1], nullptr, 10) : 30;
  const auto seed = static_cast<std::uint64_t>(argc > 2 ? std::strtol(argv[2], nullptr, 10) : 1);
  if (minutes < 3) {
    std::fprintf(stderr, "usage: taskmesh_detector [minutes [seed]]   (3 or more)\n");
    return 2;
  }
  struct Rules {
    std::string name;
    core::DetectorRules rules;
  };
  std::vector<Rules> all{{"as built, 6 s", {}}, {"3 s", {}}, {"8 s", {}}, {"alone, 6 s", {}}};
  all[1].rules.dead_after = 3s;
  all[2].rules.dead_after = 8s;
  all[3].rules = {.witnesses = 0, .credit_stalls = false, .steady_loop = false, .half_from = 1'000'000};
  std::printf(
      "| dead after | loss | starved | first p50 | all p50 | all p99 | not in 15 s | false per node-hour | "
      "starved called dead per node-hour | records per node and second |\n");
  std::printf("|---|---|---|---|---|---|---|---|---|---|\n");
  for (const Rules& rules : all) {
    for (const auto& [loss, starved] : {std::pair{0.0, 0.0}, {0.1, 0.0}, {0.1, 0.1}}) {
      const auto got = sim::run_detector(
          {.loss = loss, .starved = starved, .rules = rules.rules, .span = std::chrono::minutes(minutes)},
          seed);
      std::printf("| %s | %.0f %% | %.0f %% | %.1f s | %.1f s | %.1f s | %.0f %% | %.2f | %.1f | %.0f |\n",
                  rules.name.c_str(), 100 * loss, 100 * starved, got.first_p50_s, got.all_p50_s,
                  got.all_p99_s, 100 * got.missed, got.false_per_hour, got.starved_per_hour,
                  got.records_per_second);
      std::fflush(stdout);
    }
  }
  return 0;
}
