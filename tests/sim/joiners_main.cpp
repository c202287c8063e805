// taskmesh_joiners HOW [SEEDS [REPLICAS [BROKEN_RULE [FIRST_SEED [NAME=VALUE...]]]]]: a mesh that grows under load, one line per call.
// HOW: calm, loss, seed, scattered, scattered_loss; leave, crash, restart (one dies), crashes (four do);
// pause, pause_loss, pause_scattered (four stand still for a while). BROKEN_RULE: its number (proto/05-keepers.md), 0: none.
// NAME=VALUE: a member of JoinPlan (joiners.hpp), such as remembers=90 or at_once.
#include <cstdio>

#include "sim/commands.hpp"
#include "sim/seeds.hpp"

int main(int argc, char** argv) {
  using namespace taskmesh::sim;
  const Command<JoinPlan> command = read_joiners({argv + 1, argv + argc});
  if (!command.wrong.empty()) {
    std::fprintf(stderr, "%s is not understood; the first lines of this program say what is\n",
                 command.wrong.c_str());
    return 2;
  }
  const auto run = [&](std::uint64_t seed) { return run_joiners(seed, command.plan); };
  const auto [sum, failed, red, hash] =
      print_seeds<JoinOutcome>(command.first, command.count, command.rule, run);
  if (red) return 1;
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%-8s accepted=%llu lost=%llu leaked=%llu extra=%llu keys=%llu forgotten=%llu joined=%llu given=%llu "
      "taken_over=%llu passed_over=%llu failed_seeds=%d hash=%llu\n",
      command.how.c_str(), count(sum.accepted), count(sum.lost), count(sum.leaked), count(sum.extra),
      count(sum.keys), count(sum.forgotten), count(sum.counters.joined), count(sum.counters.given),
      count(sum.counters.taken_over), count(sum.counters.passed_over), failed, count(hash));
  return failed == 0 ? 0 : 1;
}
