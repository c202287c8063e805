// TaskResult: everything that is known of a task, with its value or its error.
#pragma once

#include <string>
#include <utility>

#include "taskmesh/payload.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh {

/// The name as in JSON and on the command line: "success", "high", "delivered".
std::string_view to_string(TaskState state);
std::string_view to_string(Priority priority);
std::string_view to_string(CallbackState state);
/// Reads "critical", "high", "normal" or "low". Error: invalid.
Result<Priority> parse_priority(std::string_view text);

template <class T>
struct TaskResult {
  TaskId task_id;
  TaskState state = TaskState::unknown;
  CallbackState callback = CallbackState::none;
  bool stopping = false;  ///< It runs and was asked to stop (Client::cancel); it ends when its code returns.
  TaskId joined;          ///< The earlier task of the same key, whose end this one shares; nil: none.
  std::uint32_t attempt = 0;  ///< 1 from the first start on.
  std::string worker;         ///< Name of the worker that holds or ran it.
  NodeId worker_id;
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  /// The value where state is success, else why there is none.
  Result<T> outcome = fail({.kind = ErrorKind::unavailable,
                            .what = "the task has not ended",
                            .why = "nobody has told its end yet",
                            .fix = "wait for it with wait_for"});

  /// The value; throws Failure with error() where there is none.
  std::add_lvalue_reference_t<const T> value() const& {
    if (!outcome) throw Failure(outcome.error());
    if constexpr (!std::is_void_v<T>) return *outcome;
  }
  /// Moves it out.
  T value() && {
    if (!outcome) throw Failure(outcome.error());
    if constexpr (!std::is_void_v<T>) return std::move(*outcome);
  }
  /// Only where there is no value.
  const Error& error() const { return outcome.error(); }
  /// True where there is a value.
  explicit operator bool() const { return outcome.has_value(); }
};

namespace detail {

/// Why a task in this state has no value; what the report says of it where it failed.
Error error_of(const proto::TaskReport& report);

template <class T>
Result<T> outcome_of(const proto::TaskReport& report) {
  const bool has_value =
      report.state == TaskState::success && (report.flags & proto::TaskReport::value_gone_flag) == 0;
  if (!has_value) return fail(error_of(report));
  return decode_result<T>(report.codec, report.result);
}

/// The report with its value decoded.
template <class T>
TaskResult<T> to_result(const proto::TaskReport& report) {
  return {.task_id = report.id,
          .state = report.state,
          .callback = report.callback,
          .stopping = (report.flags & proto::TaskReport::stopping_flag) != 0,
          .joined = report.joined->first,
          .attempt = report.attempt,
          .worker = report.worker_name,
          .worker_id = report.worker,
          .submitted_at = report.submitted_at,
          .started_at = report.started_at,
          .completed_at = report.completed_at,
          .outcome = outcome_of<T>(report)};
}

}  // namespace detail

}  // namespace taskmesh
