#include "bench/statistics.hpp"

#include <algorithm>
#include <cmath>

namespace taskmesh::bench {

double percentile(std::vector<double> samples, double share) {
  if (samples.empty()) return 0;
  const auto rank = static_cast<std::size_t>(std::ceil(share * static_cast<double>(samples.size())));
  const std::size_t index = std::clamp<std::size_t>(rank, 1, samples.size()) - 1;
  const auto at = samples.begin() + static_cast<std::ptrdiff_t>(index);
  std::nth_element(samples.begin(), at, samples.end());
  return *at;
}

Spread spread_of(std::vector<double> samples) {
  if (samples.empty()) return {};
  std::sort(samples.begin(), samples.end());
  const std::size_t middle = samples.size() / 2;
  const bool even = samples.size() % 2 == 0;
  const double median = even ? (samples[middle - 1] + samples[middle]) / 2 : samples[middle];
  return {.median = median, .lowest = samples.front(), .highest = samples.back()};
}

}  // namespace taskmesh::bench
