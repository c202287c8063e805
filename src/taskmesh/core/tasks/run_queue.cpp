#include "taskmesh/core/tasks/run_queue.hpp"

#include <algorithm>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

void RunQueue::push(TaskId id, Priority priority) {
  TASKMESH_CHECK(priority <= Priority::low);
  lanes_[static_cast<std::size_t>(priority)].push_back(id);
  ++size_;
}

void RunQueue::push_front(TaskId id, Priority priority) {
  TASKMESH_CHECK(priority <= Priority::low);
  lanes_[static_cast<std::size_t>(priority)].push_front(id);
  ++size_;
}

std::optional<TaskId> RunQueue::pop() {
  for (auto& lane : lanes_) {
    if (lane.empty()) continue;
    const TaskId id = lane.front();
    lane.pop_front();
    --size_;
    return id;
  }
  return std::nullopt;
}

std::optional<TaskId> RunQueue::peek() const {
  for (const auto& lane : lanes_) {
    if (!lane.empty()) return lane.front();
  }
  return std::nullopt;
}

void RunQueue::look(std::size_t most, const std::function<bool(const TaskId&)>& visit) const {
  for (const auto& lane : lanes_) {
    for (const TaskId& id : lane) {
      if (most-- == 0 || !visit(id)) return;
    }
  }
}

void RunQueue::compact(const std::function<bool(const TaskId&)>& keep) {
  size_ = 0;
  for (auto& lane : lanes_) {
    std::erase_if(lane, [&](const TaskId& id) { return !keep(id); });
    size_ += lane.size();
  }
}

}  // namespace taskmesh::core
