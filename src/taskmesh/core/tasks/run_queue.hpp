// RunQueue: accepted tasks that wait for a slot: four priorities, first in, first out inside each.
//
// Bounded by the caller (size, bytes). An id that must not be started any more stays until it comes to the
// front, where the caller skips it, or until compact() drops it. Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::core {

class RunQueue {
 public:
  void push(TaskId id, Priority priority);
  /// Returns a task to the front of its priority (it was handed over and not started).
  void push_front(TaskId id, Priority priority);
  /// The next task to start; nullopt when empty.
  std::optional<TaskId> pop();
  std::optional<TaskId> peek() const;
  /// Calls look(id) for the first of each priority; where that says false, for the next one, a few times at most.
  template <class Look>
  void each_front(Look&& look) const {
    constexpr std::size_t looks_max = 8;
    for (const auto& lane : lanes_) {
      for (std::size_t i = 0; i < lane.size() && i < looks_max && !look(lane[i]); ++i) {
      }
    }
  }
  /// Looks at the first `most` entries in the order in which they start, until `visit` says no.
  void look(std::size_t most, const std::function<bool(const TaskId&)>& visit) const;
  /// Drops what `keep` says no to; the order of the rest stays.
  void compact(const std::function<bool(const TaskId&)>& keep);
  std::size_t size() const { return size_; }
  std::size_t size(Priority priority) const { return lanes_[static_cast<std::size_t>(priority)].size(); }
  bool empty() const { return size_ == 0; }

 private:
  std::array<std::deque<TaskId>, 4> lanes_;
  std::size_t size_ = 0;
};

}  // namespace taskmesh::core
