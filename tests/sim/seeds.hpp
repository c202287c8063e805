// One seed after the other, and what comes of all of them.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <string>

namespace taskmesh::sim {

/// The sum, with each failure behind its seed. `look` (if any) sees each outcome; false: no more are run.
template <class Outcome>
Outcome run_seeds(std::uint64_t first, std::uint64_t count, const std::function<Outcome(std::uint64_t)>& run,
                  const std::function<bool(std::uint64_t, const Outcome&)>& look = {}) {
  Outcome sum;
  for (std::uint64_t seed = first; seed < first + count; ++seed) {
    const Outcome one = run(seed);
    for (const std::string& failure : one.failures) {
      sum.failures.push_back("seed " + std::to_string(seed) + ": " + failure);
    }
    sum.add(one);
    if (look && !look(seed, one)) break;
  }
  return sum;
}

template <class Outcome>
struct Printed {
  Outcome sum;
  int failed = 0;          ///< Seeds.
  bool red = false;        ///< A rule is broken, and that is noticed.
  std::uint64_t hash = 0;  ///< Of all histories.
};

/// For a run by hand: prints what fails, with TASKMESH_SIM_NOTES what happened too. With a broken rule (above 0) the first
/// seed that notices it is the last.
template <class Outcome>
Printed<Outcome> print_seeds(std::uint64_t first, std::uint64_t count, int rule,
                             const std::function<Outcome(std::uint64_t)>& run) {
  Printed<Outcome> printed;
  printed.sum = run_seeds<Outcome>(first, count, run, [&](std::uint64_t seed, const Outcome& one) {
    const auto number = static_cast<unsigned long long>(seed);
    for (const std::string& failure : one.failures) std::printf("seed %llu: %s\n", number, failure.c_str());
    if (std::getenv("TASKMESH_SIM_NOTES") != nullptr) {
      for (const std::string& note : one.notes) std::printf("  %s\n", note.c_str());
    }
    printed.hash = printed.hash * 31 + one.hash;
    printed.failed += one.failures.empty() ? 0 : 1;
    printed.red = rule > 0 && (printed.failed > 0 || one.lost + one.leaked > 0);
    if (printed.red) std::printf("rule %d: red at seed %llu\n", rule, number);
    return !printed.red;
  });
  return printed;
}

}  // namespace taskmesh::sim
