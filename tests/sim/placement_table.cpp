// taskmesh_placement [tasks [seeds]]: the table of placement in docs/performance.md, from the product's own code.
#include <cstdio>
#include <cstdlib>

#include "sim/placement_model.hpp"

int main(int argc, char** argv) {
  const auto number = [&](int at, unsigned long usual) {
    return static_cast<std::uint32_t>(argc > at ? std::strtoul(argv[at], nullptr, 10) : usual);
  };
  const std::uint32_t tasks = number(1, 200'000);
  const std::uint32_t seeds = number(2, 3);
  if (argc > 3 || tasks < 1'000 || seeds < 1) {
    std::fprintf(stderr, "usage: taskmesh_placement [tasks (1000 or more) [seeds]]\n");
    return 2;
  }
  std::printf(
      "| workers | clients | load | ideal p50 / p99 | ours p50 / p99 | C3 p50 / p99 | goal p50 / p99 |\n");
  std::printf("|---|---|---|---|---|---|---|\n");
  for (const auto& cell : taskmesh::sim::placement_cells()) {
    const auto outcome = taskmesh::sim::run_placement(cell, tasks, seeds);
    std::printf("| %u | %u | %u %% | %.1f / %.0f ms | %.2f / %.2f | %.2f / %.2f | %.1f / %.1f |\n",
                cell.workers, cell.clients, cell.load_percent, outcome.ideal.p50_ms, outcome.ideal.p99_ms,
                outcome.p50(), outcome.p99(), outcome.reference_p50(), outcome.reference_p99(), cell.goal_p50,
                cell.goal_p99);
    std::fflush(stdout);
  }
  return 0;
}
