// taskmesh_keepers FAULTS [SEEDS [REPLICAS [BROKEN_RULE [FIRST_SEED [POISON]]]]]: the table of docs/guarantees.md, one line per call.
// FAULTS: none, loss, crash, pause, cut, all, two_crashes, leave, restart, partition, one_way, island. BROKEN_RULE: its number (proto/05-keepers.md), 0: none.
#include <algorithm>
#include <array>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/keepers.hpp"
#include "sim/seeds.hpp"

int main(int argc, char** argv) {
  using namespace taskmesh;
  using namespace taskmesh::sim;
  constexpr std::array<std::string_view, 12> names{"none",    "loss",      "crash",       "pause",
                                                   "cut",     "all",       "two_crashes", "leave",
                                                   "restart", "partition", "one_way",     "island"};
  KeeperPlan plan{.once = 0.1, .cancels = 0.1, .watched = 0.5, .deadlines = 0.1, .fails = 0.1};
  const auto number = [&](int index, int fallback) {
    return argc > index ? std::atoi(argv[index]) : fallback;
  };
  const auto faults = std::find(names.begin(), names.end(), argc > 1 ? argv[1] : names.front());
  if (faults == names.end()) {
    std::fprintf(stderr, "%s: no such faults; the first lines of this program name them\n", argv[1]);
    return 2;
  }
  plan.faults = static_cast<Faults>(faults - names.begin());
  const int seeds = number(2, 20);
  plan.replicas = number(3, 1);
  plan.rules = core::Rules::without(number(4, 0));
  plan.poison = number(6, 0);
  if (plan.poison > 0) plan.workers = 8;
  if (plan.faults == Faults::none) plan.once = plan.cancels = 0;
  const auto run = [&](std::uint64_t seed) { return run_keepers(seed, plan); };
  const auto [sum, failed, red] = print_seeds<KeeperOutcome>(
      static_cast<std::uint64_t>(number(5, 1)), static_cast<std::uint64_t>(seeds), number(4, 0), run);
  if (red) return 1;
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%-11s accepted=%llu lost=%llu leaked=%llu extra=%llu repeated=%llu once_lost=%llu records=%.2f "
      "taken_over=%llu repaired=%llu refused=%llu reclaimed=%llu told_ends=%llu\n",
      argc > 1 ? argv[1] : "none", count(sum.accepted), count(sum.lost), count(sum.leaked), count(sum.extra),
      count(sum.repeated), count(sum.once_lost), sum.records / seeds, count(sum.counters.taken_over),
      count(sum.counters.repaired), count(sum.counters.refused_claims), count(sum.counters.reclaimed),
      count(sum.counters.told_ends));
  std::printf(
      "            two_ends=%llu told_lost=%llu failed_seeds=%d checked: acceptances=%llu starts=%llu "
      "epochs=%llu "
      "tombs=%llu old_words=%llu ties=%llu stolen=%llu returned=%llu\n",
      count(sum.two_ends), count(sum.told_lost), failed, count(sum.looks.acceptances),
      count(sum.looks.starts), count(sum.looks.epochs), count(sum.looks.tombs), count(sum.looks.old_words),
      count(sum.looks.ties), count(sum.counters.stolen), count(sum.counters.returned));
  return sum.lost + sum.leaked == 0 && (failed == 0 || plan.faults == Faults::two_crashes) ? 0 : 1;
}
