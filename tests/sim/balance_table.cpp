// taskmesh_balance [tasks [workers_max]]: the table of balance in docs/performance.md, from the product's own nodes.
#include <cstdio>
#include <cstdlib>

#include "sim/balance.hpp"

int main(int argc, char** argv) {
  const auto number = [&](int at, unsigned long usual) {
    return argc > at ? std::strtoul(argv[at], nullptr, 10) : usual;
  };
  const std::size_t tasks = number(1, 0);
  const std::size_t workers_max = number(2, 1'000);
  if (argc > 3 || workers_max == 0) {
    std::fprintf(stderr, "usage: taskmesh_balance [tasks (0: 400 for each worker) [workers_max]]\n");
    return 2;
  }
  std::printf(
      "| workers | clients | load | the first worker | ideal p50 / p99 | without stealing | ours p50 / p99 "
      "| stolen | asks per task |\n|---|---|---|---|---|---|---|---|---|\n");
  for (taskmesh::sim::BalanceCell cell : taskmesh::sim::balance_cells()) {
    if (cell.workers > workers_max) continue;
    const auto ours = taskmesh::sim::run_balance(cell, tasks, 1);
    cell.steals = false;
    const auto without = taskmesh::sim::run_balance(cell, tasks, 1);
    std::printf("| %u | %u | %u %% | %s | %.1f / %.0f ms | %.2f / %.2f | %.2f / %.2f | %.0f %% | %.2f |\n",
                cell.workers, cell.clients, cell.load_percent,
                cell.pause          ? "stands still 5 s"
                : cell.slowness > 1 ? "4 times slower"
                                    : "as the others",
                ours.ideal_p50_ms, ours.ideal_p99_ms, without.p50(), without.p99(), ours.p50(), ours.p99(),
                ours.stolen, ours.asks);
    std::fflush(stdout);
  }
  return 0;
}
