// Time as an argument: a monotonic point for decisions, a wall clock value for people.
//
// Nothing below io/ reads a clock; io/clock.hpp is the only place that does.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <ctime>
#include <string>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

using namespace std::chrono_literals;

using Duration = std::chrono::nanoseconds;

/// The monotonic clock's tag. It has no now(): see io/clock.hpp.
struct MonotonicClock {
  using duration = Duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::time_point<MonotonicClock>;
  static constexpr bool is_steady = true;
};

using TimePoint = MonotonicClock::time_point;

/// Wall clock, microseconds since 1970-01-01 UTC. Zero means "not yet".
struct WallTime {
  std::int64_t unix_us = 0;
  auto operator<=>(const WallTime&) const = default;
  explicit operator bool() const { return unix_us != 0; }
};

/// From the one to the other; at most a hundred years either way, whatever clocks say.
Duration between(WallTime from, WallTime to);

/// The instant at which an event is handled, on both clocks. `at` never decreases between steps.
struct Now {
  TimePoint at{};
  WallTime wall{};
};

/// As ppoll() takes it; never negative.
inline timespec to_timespec(Duration duration) {
  const Duration left = std::max(duration, Duration::zero());
  return {.tv_sec = static_cast<time_t>(left / 1s), .tv_nsec = static_cast<long>((left % 1s).count())};
}

/// RFC 3339 in UTC with milliseconds: "2026-11-21T20:39:00.123Z". Empty for "not yet".
std::string to_rfc3339(WallTime time);

/// Reads "500ms", "5s", "2m", "1h" (a number, also with a fraction, and its unit). Error: invalid.
Result<Duration> parse_duration(std::string_view text);

/// The shortest exact text that parse_duration reads: "1500ms", "5s".
std::string to_string(Duration duration);

}  // namespace taskmesh
