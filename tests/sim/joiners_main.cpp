// taskmesh_joiners HOW [SEEDS [REPLICAS [BROKEN_RULE [FIRST_SEED]]]]: a mesh that grows under load, one line per call.
// HOW: calm, loss, seed, scattered, scattered_loss; leave, crash, restart (one dies), crashes (four do);
// pause, pause_loss, pause_scattered (four stand still for a while). BROKEN_RULE: its number (proto/05-keepers.md), 0: none.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "sim/joiners.hpp"
#include "sim/seeds.hpp"

int main(int argc, char** argv) {
  using namespace taskmesh::sim;
  const std::string_view how = argc > 1 ? argv[1] : "calm";
  const auto number = [&](int index, int fallback) {
    return argc > index ? std::atoi(argv[index]) : fallback;
  };
  JoinPlan plan{.once = 0.05, .cancels = 0.05};
  plan.lossy = how == "loss" || how == "scattered_loss";
  plan.scattered = how == "scattered" || how == "scattered_loss";
  plan.leaves = how == "leave" ? 2 : 0;
  plan.crashes = how == "crashes" ? 4 : how == "crash" || how == "restart" ? 1 : 0;
  plan.at_once = how == "restart";
  plan.pauses = how == "pause" || how == "pause_loss" || how == "pause_scattered" ? 4 : 0;
  plan.lossy = plan.lossy || how == "pause_loss";
  plan.scattered = plan.scattered || how == "pause_scattered";
  plan.seed_only = how == "seed";
  plan.replicas = number(3, 1);
  plan.rules = taskmesh::core::Rules::without(number(4, 0));
  const auto run = [&](std::uint64_t seed) { return run_joiners(seed, plan); };
  const auto [sum, failed, red] = print_seeds<JoinOutcome>(
      static_cast<std::uint64_t>(number(5, 1)), static_cast<std::uint64_t>(number(2, 20)), number(4, 0), run);
  if (red) return 1;
  const auto count = [](std::uint64_t value) { return static_cast<unsigned long long>(value); };
  std::printf(
      "%-8s accepted=%llu lost=%llu leaked=%llu extra=%llu keys=%llu forgotten=%llu joined=%llu given=%llu "
      "taken_over=%llu passed_over=%llu failed_seeds=%d\n",
      argc > 1 ? argv[1] : "calm", count(sum.accepted), count(sum.lost), count(sum.leaked), count(sum.extra),
      count(sum.keys), count(sum.forgotten), count(sum.counters.joined), count(sum.counters.given),
      count(sum.counters.taken_over), count(sum.counters.passed_over), failed);
  return failed == 0 ? 0 : 1;
}
