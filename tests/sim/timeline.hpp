// Timeline: virtual time. What is due runs in the order of time, and of its making where times are equal.
#pragma once

#include <algorithm>
#include <functional>
#include <utility>
#include <vector>

#include "taskmesh/base/time.hpp"

namespace taskmesh::sim {

class Timeline {
 public:
  using Action = std::function<void()>;

  Now now() const { return {at_, WallTime{1'700'000'000'000'000 + at_.time_since_epoch().count() / 1'000}}; }
  void at(TimePoint time, Action action) {
    heap_.push_back({time < at_ ? at_ : time, next_++, std::move(action)});
    std::push_heap(heap_.begin(), heap_.end(), Later{});
  }
  void after(Duration span, Action action) { at(at_ + span, std::move(action)); }
  /// Runs the next action, if there is one by `end`; else time moves to `end`. False: nothing was left.
  bool step(TimePoint end) {
    if (heap_.empty() || heap_.front().time > end) {
      at_ = end;
      return false;
    }
    std::pop_heap(heap_.begin(), heap_.end(), Later{});
    Entry entry = std::move(heap_.back());
    heap_.pop_back();
    at_ = entry.time;
    entry.action();
    return true;
  }

 private:
  struct Entry {
    TimePoint time{};
    std::uint64_t order = 0;
    Action action;
  };
  struct Later {
    bool operator()(const Entry& a, const Entry& b) const {
      return a.time != b.time ? a.time > b.time : a.order > b.order;
    }
  };
  TimePoint at_ = TimePoint{} + Duration{1'000s};
  std::uint64_t next_ = 0;
  std::vector<Entry> heap_;
};

}  // namespace taskmesh::sim
