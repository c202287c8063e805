// Batches: many tasks submitted in one call, and many ends waited for in one call.
//
//   const auto ids = client.submit_batch({add(1, 2), {add(3, 4), {.priority = taskmesh::Priority::high}}});
//   const auto results = client.wait_all<int>(ids, {.progress = [](const auto& so_far) { ... }});
//
// Plain values; see Client for what the calls promise.
#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"

namespace taskmesh {

/// One task of a batch: a call, its options, where to call back. `options.wait` is not looked at: the batch has one.
struct TaskSpec {
  template <class R>
  // NOLINTNEXTLINE(google-explicit-constructor): a call alone is a task with default options
  TaskSpec(Call<R> call, SubmitOptions with = {}, Callback call_back = {})
      : name(std::move(call.name)),
        args(std::move(call.args)),
        reply_codec(call.reply_codec),
        options(std::move(with)),
        callback(std::move(call_back)) {}

  std::string name;
  Payload args;
  Codec reply_codec;
  SubmitOptions options;
  Callback callback;
};

/// How far a batch is.
struct BatchProgress {
  std::size_t total = 0;
  std::size_t ended = 0;      ///< However they ended.
  std::size_t succeeded = 0;  ///< Of these.
  /// Ended otherwise: failure, cancelled, expired, lost, unknown.
  std::size_t failed() const { return ended - succeeded; }
  bool operator==(const BatchProgress&) const = default;
};

/// Of Client::wait_all.
struct WaitAllOptions {
  Duration wait = limits::wait_budget;  ///< For all together.
  /// Called in the waiting thread: at once, then whenever more have ended. What it throws ends the wait and reaches
  /// the caller; the tasks go on.
  std::function<void(const BatchProgress&)> progress{};
};

}  // namespace taskmesh
