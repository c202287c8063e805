#include "bench/ideal_queue.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <queue>
#include <random>
#include <utility>

namespace taskmesh::bench {

namespace {

constexpr double shape = 1.5;
constexpr double longest = 1000;  // Times the shortest.

double pareto(std::mt19937_64& random) {
  const double u = std::uniform_real_distribution<double>(0, 1)(random);
  return std::pow(1 - u * (1 - std::pow(longest, -shape)), -1 / shape);
}

double pareto_mean() {
  return shape / (shape - 1) * (1 - std::pow(longest, 1 - shape)) / (1 - std::pow(longest, -shape));
}

}  // namespace

std::vector<Arrival> arrivals(std::uint64_t seed, std::size_t count, double per_s) {
  std::mt19937_64 random(seed);
  std::exponential_distribution<double> gap(per_s > 0 ? per_s : 1);
  std::vector<Arrival> all(count);
  double now_s = 0;
  for (Arrival& arrival : all) {
    if (per_s > 0) now_s += gap(random);
    const double takes_us = std::floor(pareto(random) / pareto_mean() * task_mean_s * 1e6);
    arrival = {now_s, takes_us / 1e6};
  }
  return all;
}

std::vector<double> ideal_ends(const std::vector<Arrival>& all, const std::vector<double>& slowness,
                               const Pause& pause) {
  using Slot = std::pair<double, std::size_t>;  // When it is free, which.
  std::priority_queue<Slot, std::vector<Slot>, std::greater<>> slots;
  for (std::size_t i = 0; i < slowness.size(); ++i) slots.emplace(0.0, i);
  std::vector<double> ends;
  for (const Arrival& arrival : all) {
    const auto stands_still = [&](const Slot& slot) {
      const double start_s = std::max(slot.first, arrival.at_s);
      return slot.second == 0 && start_s >= pause.from_s && start_s < pause.to_s;
    };
    if (stands_still(slots.top())) {  // Then it is free when it goes on.
      slots.pop();
      slots.emplace(pause.to_s, 0);
    }
    const auto [free_s, slot] = slots.top();
    slots.pop();
    const double start_s = std::max(free_s, arrival.at_s);
    double end_s = start_s + arrival.takes_s * slowness[slot];
    if (slot == 0 && start_s < pause.from_s && end_s > pause.from_s) end_s += pause.to_s - pause.from_s;
    ends.push_back(end_s);
    slots.emplace(end_s, slot);
  }
  return ends;
}

}  // namespace taskmesh::bench
