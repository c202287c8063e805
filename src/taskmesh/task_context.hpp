// TaskContext: what a handler may know about the attempt that it runs.
#pragma once

#include <optional>
#include <string>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/common.hpp"

namespace taskmesh {

/// Valid during the handler's call, on the thread that runs it.
class TaskContext {
 public:
  TaskContext(TaskId id, std::string name, std::uint32_t attempt, Codec reply_codec,
              std::optional<TimePoint> deadline)
      : id_(id), name_(std::move(name)), attempt_(attempt), reply_codec_(reply_codec), deadline_(deadline) {}

  TaskId id() const { return id_; }
  const std::string& name() const { return name_; }
  /// 1 for the first execution.
  std::uint32_t attempt() const { return attempt_; }
  /// The form in which the submitter wants the result; for raw handlers.
  Codec reply_codec() const { return reply_codec_; }
  /// Time left until the task's deadline (negative after it); nullopt without one.
  std::optional<Duration> time_left() const;
  /// True when nobody wants the result any more: the deadline has passed. Long handlers look now and then.
  bool stop_requested() const;

 private:
  TaskId id_;
  std::string name_;
  std::uint32_t attempt_;
  Codec reply_codec_;
  std::optional<TimePoint> deadline_;
};

}  // namespace taskmesh
