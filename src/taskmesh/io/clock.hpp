// The only place that reads a clock.
//
// The monotonic one is CLOCK_BOOTTIME: it counts while the machine is suspended too, so that a lease or a
// silence that spans a suspension is as long as it was for everybody else. Threads: any. Errors: none.
#pragma once

#include <algorithm>
#include <ctime>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::io {

/// Monotonic time for decisions.
inline TimePoint steady_now() {
  timespec time{};
  TASKMESH_CHECK(::clock_gettime(CLOCK_BOOTTIME, &time) == 0);
  return TimePoint{std::chrono::seconds{time.tv_sec} + std::chrono::nanoseconds{time.tv_nsec}};
}

/// Wall clock time for people.
inline WallTime wall_now() {
  timespec time{};
  TASKMESH_CHECK(::clock_gettime(CLOCK_REALTIME, &time) == 0);
  return WallTime{time.tv_sec * 1'000'000 + time.tv_nsec / 1'000};
}

/// Both, for Node::step.
inline Now now() { return {steady_now(), wall_now()}; }

/// Rounded up to whole milliseconds, for poll and epoll_wait; never negative, at most one hour.
inline int poll_ms(Duration left) {
  if (left <= Duration::zero()) return 0;
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(left);
  return static_cast<int>(std::min<std::chrono::milliseconds>(ms, 1h).count());
}

}  // namespace taskmesh::io
