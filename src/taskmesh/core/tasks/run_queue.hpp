// RunQueue: accepted tasks that wait for a slot: four priorities, first in, first out inside each.
//
// Bounded by the caller (size, bytes). Removal of an id that is not at the front is lazy. Pure; one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
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
  std::size_t size() const { return size_; }
  bool empty() const { return size_ == 0; }

 private:
  std::array<std::deque<TaskId>, 4> lanes_;
  std::size_t size_ = 0;
};

}  // namespace taskmesh::core
