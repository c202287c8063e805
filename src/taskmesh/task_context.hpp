// TaskContext: what a handler may know about the attempt that it runs.
#pragma once

#include <atomic>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh {

/// Valid during the handler's call, on the thread that runs it.
class TaskContext {
 public:
  TaskContext(TaskId id, std::string name, std::uint32_t attempt, Codec reply_codec,
              std::optional<TimePoint> deadline)
      : id_(id), name_(std::move(name)), attempt_(attempt), reply_codec_(reply_codec), deadline_(deadline) {}
  /// `stop` and `headers` are looked at, not copied.
  TaskContext& with(const std::atomic<bool>& stop, const std::vector<Header>& headers,
                    std::uint32_t epoch = 1) {
    stop_ = &stop;
    headers_ = &headers;
    epoch_ = epoch;
    return *this;
  }

  /// The task's id; the same for all its attempts.
  TaskId id() const { return id_; }
  /// The name that it was submitted under.
  const std::string& name() const { return name_; }
  /// 1 for the first execution, one more for each retry.
  std::uint32_t attempt() const { return attempt_; }
  /// Which ownership this is: greater each time that another worker comes to own the task (it was taken over, or given
  /// away), the same for all attempts of one owner, and never the same at two workers. So a store that refuses what
  /// comes with a lower epoch than it has seen is safe from a worker that only seemed dead. It counts nothing.
  std::uint32_t epoch() const { return epoch_; }
  /// The form in which the submitter wants the result; for raw handlers.
  Codec reply_codec() const { return reply_codec_; }
  /// Time left until the task's deadline (negative after it); nullopt without one.
  std::optional<Duration> time_left() const;
  /// When the task's deadline passes, by the monotonic clock; nullopt without one.
  std::optional<TimePoint> deadline() const { return deadline_; }
  /// True when nobody wants the result any more: the task was cancelled, or its deadline or the time limit of this
  /// attempt has passed. Long handlers look now and then, and return or throw. Any thread.
  bool stop_requested() const;
  /// As the submitter gave them, in its order.
  const std::vector<Header>& headers() const;
  /// The value of the first header of that name; nullopt: there is none.
  std::optional<std::string_view> header(std::string_view name) const;
  /// W3C trace context for what this attempt calls: its own span where this worker exports spans, else what the submitter
  /// gave; empty: none, or none that is valid. Hand it on in SubmitOptions::traceparent, or as the HTTP header of that name.
  std::string_view traceparent() const;
  /// What goes with it, untouched; empty: none.
  std::string_view tracestate() const;

 private:
  TaskId id_;
  std::string name_;
  std::uint32_t attempt_;
  std::uint32_t epoch_ = 1;
  Codec reply_codec_;
  std::optional<TimePoint> deadline_;
  const std::atomic<bool>* stop_ = nullptr;
  const std::vector<Header>* headers_ = nullptr;
};

}  // namespace taskmesh
