// taskmesh_keepers FAULTS [SEEDS [REPLICAS [BROKEN_RULE [FIRST_SEED [NAME=VALUE...]]]]]: the table of docs/guarantees.md, one line per call.
// FAULTS: none, loss, crash, pause, cut, all, two_crashes, leave, restart, partition, one_way, island. BROKEN_RULE: its number (proto/05-keepers.md), 0: none.
// NAME=VALUE: a member of KeeperPlan (keepers.hpp), such as poison=3 or webhooks.
#include <cstdio>

#include "sim/commands.hpp"
#include "sim/seeds.hpp"

namespace {

/// One seed alone says nothing about it, and tasks that outlast a fault are all hit by it.
bool runs_twice_too_often(const taskmesh::sim::KeeperOutcome& sum,
                          const taskmesh::sim::Command<taskmesh::sim::KeeperPlan>& command) {
  const bool says_much = command.count >= 20 && !command.plan.long_tasks;
  return says_much &&
         static_cast<double>(sum.extra) > extra_max(command.plan.faults) * static_cast<double>(sum.accepted);
}

}  // namespace

int main(int argc, char** argv) {
  using namespace taskmesh::sim;
  const Command<KeeperPlan> command = read_keepers({argv + 1, argv + argc});
  if (!command.wrong.empty()) {
    std::fprintf(stderr, "%s is not understood; the first lines of this program say what is\n",
                 command.wrong.c_str());
    return 2;
  }
  const KeeperPlan& plan = command.plan;
  const auto run = [&](std::uint64_t seed) { return run_keepers(seed, plan); };
  const auto [sum, failed, red, hash] =
      print_seeds<KeeperOutcome>(command.first, command.count, command.rule, run);
  if (red) return 1;
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%-11s accepted=%llu lost=%llu leaked=%llu extra=%llu repeated=%llu once_lost=%llu records=%.2f "
      "taken_over=%llu repaired=%llu refused=%llu reclaimed=%llu told_ends=%llu\n",
      command.how.c_str(), count(sum.accepted), count(sum.lost), count(sum.leaked), count(sum.extra),
      count(sum.repeated), count(sum.once_lost), sum.records / static_cast<double>(command.count),
      count(sum.counters.taken_over), count(sum.counters.repaired), count(sum.counters.refused_claims),
      count(sum.counters.reclaimed), count(sum.counters.told_ends));
  std::printf(
      "            two_ends=%llu told_lost=%llu failed_seeds=%d checked: acceptances=%llu starts=%llu "
      "epochs=%llu "
      "tombs=%llu old_words=%llu ties=%llu stolen=%llu returned=%llu hash=%llu\n",
      count(sum.two_ends), count(sum.told_lost), failed, count(sum.looks.acceptances),
      count(sum.looks.starts), count(sum.looks.epochs), count(sum.looks.tombs), count(sum.looks.old_words),
      count(sum.looks.ties), count(sum.counters.stolen), count(sum.counters.returned), count(hash));
  if (runs_twice_too_often(sum, command)) {
    std::printf("too much of what was accepted ran again: more than %.1f %%\n", 100 * extra_max(plan.faults));
    return 1;
  }
  // With one copy some of what two dead workers held is gone; the rest must hold there too.
  const bool one_too_many = plan.faults == Faults::two_crashes && plan.replicas < 2;
  return sum.leaked + sum.two_ends == 0 && (one_too_many || sum.lost + static_cast<unsigned>(failed) == 0)
             ? 0
             : 1;
}
