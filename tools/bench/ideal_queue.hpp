// What is sent to the mesh to see whether it shares work out well, and what would become of it in the best of worlds: one
// queue before all slots, first come, first served, and nobody on the way. Pure; the same seed gives the same tasks.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace taskmesh::bench {

struct Arrival {
  double at_s = 0;
  double takes_s = 0;
};

inline constexpr double task_mean_s = 0.010;

/// Heavy-tailed times: bounded Pareto, a = 1.5, the longest possible 1,000 times the shortest, mean task_mean_s.
/// `per_s`: Poisson arrivals of that rate; 0: all at once.
std::vector<Arrival> arrivals(std::uint64_t seed, std::size_t count, double per_s);

/// The first slot stands still meanwhile, with what it has begun.
struct Pause {
  double from_s = 0;
  double to_s = 0;
};

/// When each would end if whoever is free took the oldest. `slowness` has one entry for each slot: a task takes so many
/// times as long there. Of slots that are free at the same time the first one takes it.
std::vector<double> ideal_ends(const std::vector<Arrival>& all, const std::vector<double>& slowness,
                               const Pause& pause = {});

}  // namespace taskmesh::bench
