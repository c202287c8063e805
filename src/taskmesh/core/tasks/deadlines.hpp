// Deadlines: which task is due next. A heap; what ended otherwise stays in it until it surfaces or until it
// is the greater part, so that memory follows the tasks that are there. Pure; one thread.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::core {

class Deadlines {
 public:
  void add(TaskId id, TimePoint at) {
    heap_.push_back({at, id});
    std::push_heap(heap_.begin(), heap_.end(), later);
    ++live_;
  }

  /// A task that was added has ended, whatever the reason. `ended(id)` tells it for any id.
  template <class Ended>
  void remove(const Ended& ended) {
    --live_;
    if (heap_.size() <= 2 * live_ + 64) return;
    std::erase_if(heap_, [&](const Entry& entry) { return ended(entry.id); });
    std::make_heap(heap_.begin(), heap_.end(), later);
  }

  /// Takes out a task (perhaps one that has ended) whose deadline has come.
  std::optional<TaskId> pop_due(TimePoint now) {
    if (heap_.empty() || heap_.front().at > now) return std::nullopt;
    std::pop_heap(heap_.begin(), heap_.end(), later);
    const TaskId id = heap_.back().id;
    heap_.pop_back();
    return id;
  }

  /// Not later than the next deadline.
  std::optional<TimePoint> next() const {
    if (heap_.empty()) return std::nullopt;
    return heap_.front().at;
  }
  std::size_t size() const { return heap_.size(); }

 private:
  struct Entry {
    TimePoint at{};
    TaskId id;
  };
  static bool later(const Entry& a, const Entry& b) { return a.at > b.at; }

  std::vector<Entry> heap_;
  std::size_t live_ = 0;
};

}  // namespace taskmesh::core
