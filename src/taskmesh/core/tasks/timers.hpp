// Timers: which task is next, and for what: its deadline, its due time, the time limit of its attempt. A heap,
// touched only by tasks that have such a time. What became void stays in it until it surfaces or until it is the
// greater part, so that memory follows the tasks that are there. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::core {

class Timers {
 public:
  enum class What : std::uint8_t { deadline, due, limit };
  struct Timer {
    TimePoint at{};
    TaskId id;
    What what = What::deadline;
  };

  void add(Timer timer) {
    heap_.push_back(timer);
    std::push_heap(heap_.begin(), heap_.end(), later);
  }

  /// A timer that has not surfaced yet means nothing any more. `is_void(timer)` tells it for any.
  template <class IsVoid>
  void drop(const IsVoid& is_void) {
    ++void_;
    if (2 * void_ <= heap_.size() + 64) return;
    std::erase_if(heap_, is_void);
    std::make_heap(heap_.begin(), heap_.end(), later);
    void_ = 0;
  }

  /// Takes out a timer whose time has come and that still means something.
  template <class IsVoid>
  std::optional<Timer> pop_due(TimePoint now, const IsVoid& is_void) {
    while (!heap_.empty() && heap_.front().at <= now) {
      std::pop_heap(heap_.begin(), heap_.end(), later);
      const Timer timer = heap_.back();
      heap_.pop_back();
      if (!is_void(timer)) return timer;
      if (void_ > 0) --void_;
    }
    return std::nullopt;
  }

  /// Not later than the next one that means something.
  std::optional<TimePoint> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().at;
  }
  std::size_t size() const { return heap_.size(); }
  /// Void ones too, in no order.
  const std::vector<Timer>& all() const { return heap_; }

 private:
  static bool later(const Timer& a, const Timer& b) { return a.at > b.at; }

  std::vector<Timer> heap_;
  std::size_t void_ = 0;
};

}  // namespace taskmesh::core
