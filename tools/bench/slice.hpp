// Slice: one stretch of load. It ends when its time is over or, if that was asked for, after so many items.
#pragma once

#include <chrono>
#include <cstdint>

namespace taskmesh::bench {

using Clock = std::chrono::steady_clock;

/// What every slice of a run has in common.
struct Load {
  std::uint64_t tasks_max = 0;  ///< Per slice; 0: as many as its time allows.
  std::uint64_t window = 4096;  ///< Unanswered at once, in a flood.
  std::uint64_t payload_bytes = 100;
  std::chrono::milliseconds latency_slice{30};
  std::chrono::milliseconds throughput_slice{120};
};

/// For Slice::more() in a flood: a look at the clock costs as much as an item.
inline constexpr std::uint64_t clock_stride = 64;

class Slice {
 public:
  Slice(std::chrono::milliseconds length, std::uint64_t items_max)
      : start_(Clock::now()), end_(start_ + length), items_max_(items_max) {}

  /// One item more? The first always; looks at the clock every `stride` items.
  bool more(std::uint64_t stride = 1) {
    if (over_ || (items_max_ != 0 && items_ == items_max_)) return false;
    if (items_ != 0 && items_ % stride == 0 && Clock::now() >= end_) over_ = true;
    if (over_) return false;
    ++items_;
    return true;
  }
  std::uint64_t items() const { return items_; }
  /// Items per second up to this moment: call it when the last of them is through.
  double rate() const {
    return static_cast<double>(items_) / std::chrono::duration<double>(Clock::now() - start_).count();
  }

 private:
  Clock::time_point start_;
  Clock::time_point end_;
  std::uint64_t items_max_;
  std::uint64_t items_ = 0;
  bool over_ = false;
};

/// Round trips in a slice, in microseconds.
struct Latency {
  double p50_us = 0;
  double p99_us = 0;
  std::uint64_t count = 0;
};

}  // namespace taskmesh::bench
