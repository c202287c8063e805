// Statistics of a measurement: what is left of many samples. Pure; values in, values out.
#pragma once

#include <vector>

namespace taskmesh::bench {

/// A figure over the rounds.
struct Spread {
  double median = 0;
  double lowest = 0;
  double highest = 0;
};

/// The smallest sample that at least `share` (0 to 1) of the samples do not exceed; 0 where there are none.
double percentile(std::vector<double> samples, double share);

/// Of an even number of samples the middle two are averaged. All zero where there are none.
Spread spread_of(std::vector<double> samples);

}  // namespace taskmesh::bench
