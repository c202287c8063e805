// TimeCounts: how often something took how long, in fixed buckets from a millisecond to an hour.
//
// Plain numbers that only grow: copied, compared and added like the counters beside them. One thread; units are seconds in
// what is told (http/metrics.hpp), nanoseconds inside.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <string_view>

#include "taskmesh/base/time.hpp"

namespace taskmesh {

struct TimeCounts {
  struct Bound {
    Duration most;
    std::string_view seconds;  ///< As Prometheus reads it.
  };
  static constexpr std::array<Bound, 14> bounds{{{1ms, "0.001"},
                                                 {2500us, "0.0025"},
                                                 {5ms, "0.005"},
                                                 {10ms, "0.01"},
                                                 {25ms, "0.025"},
                                                 {50ms, "0.05"},
                                                 {100ms, "0.1"},
                                                 {500ms, "0.5"},
                                                 {1s, "1.0"},
                                                 {5s, "5.0"},
                                                 {15s, "15.0"},
                                                 {60s, "60.0"},
                                                 {10min, "600.0"},
                                                 {1h, "3600.0"}}};

  std::array<std::uint64_t, bounds.size() + 1>
      counts{};  ///< By bound, each alone; the last is everything above.
  std::uint64_t sum_ns = 0;

  /// Less than nothing, as two clocks may say, counts as nothing, and more than a year as a year.
  void add(Duration time) {
    time = std::clamp<Duration>(time, 0ns, 365 * 24h);
    std::size_t i = 0;
    while (i < bounds.size() && time > bounds[i].most) ++i;
    ++counts[i];
    sum_ns += static_cast<std::uint64_t>(time.count());
  }
  std::uint64_t count() const {
    std::uint64_t all = 0;
    for (const std::uint64_t each : counts) all += each;
    return all;
  }
  bool operator==(const TimeCounts&) const = default;
};

}  // namespace taskmesh
