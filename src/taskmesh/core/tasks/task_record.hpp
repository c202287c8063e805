// A task at the worker that holds it, and what remains of it after its end.  Spec: proto/03-tasks.md section 4.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

/// What is told of an ended task, to everybody who asks or waits. Immutable, shared by the result cache and
/// the callback outbox.
struct Ended {
  proto::TaskReport report;    ///< With the result in the form that the submitter asked for.
  Bytes json;                  ///< The result as JSON, where the executor made that too.
  std::string callback_address;
  std::string callback_data;
};
using EndedPtr = std::shared_ptr<const Ended>;

/// An accepted task that has not ended.
struct TaskRecord {
  proto::Submit submit;               ///< As accepted; args are released when handed over.
  TaskState state = TaskState::queued;
  std::uint32_t attempt = 0;
  std::size_t args_bytes = 0;
  std::optional<TimePoint> deadline;
  TimePoint handed_over{};
  WallTime submitted_at;
  WallTime started_at;
  std::vector<LinkId> waiters;        ///< Links that asked to be told the end.
};

/// True if the state machine allows the move; everything else is a bug of ours.
constexpr bool may_move(TaskState from, TaskState to) {
  switch (from) {
    case TaskState::queued:
      return to == TaskState::running || to == TaskState::expired || to == TaskState::cancelled ||
             to == TaskState::lost || to == TaskState::failure;
    case TaskState::running:
      return to == TaskState::queued || to == TaskState::success || to == TaskState::failure ||
             to == TaskState::expired || to == TaskState::cancelled || to == TaskState::lost;
    default:
      return false;
  }
}

}  // namespace taskmesh::core
