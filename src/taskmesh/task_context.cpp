#include "taskmesh/task_context.hpp"

#include "taskmesh/io/clock.hpp"

namespace taskmesh {

std::optional<Duration> TaskContext::time_left() const {
  if (!deadline_) return std::nullopt;
  return *deadline_ - io::steady_now();
}

bool TaskContext::stop_requested() const {
  const auto left = time_left();
  return left && *left <= Duration::zero();
}

}  // namespace taskmesh
