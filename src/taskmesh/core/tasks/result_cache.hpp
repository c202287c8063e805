// ResultCache: ended tasks, readable for their ttl within bounds of number and bytes; least recently used
// goes first. What goes leaves its state behind (no value), in a second bounded table.  proto/03-tasks.md 4.
// Pure; one thread; `now` never decreases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

class ResultCache {
 public:
  ResultCache(std::size_t results_max, std::uint64_t bytes_max, std::size_t remembered_max);

  void put(EndedPtr ended, Duration ttl, TimePoint now);
  /// The ended task, touched as used; null if its value is gone or was never here.
  EndedPtr find(const TaskId& id, TimePoint now);
  /// What is still told after the value has gone: state, callback state, flags value_gone.
  std::optional<proto::TaskReport> remembered(const TaskId& id) const;
  void set_callback(const TaskId& id, CallbackState state);
  std::optional<CallbackState> callback(const TaskId& id) const;
  /// Drops what is past its ttl. Returns when to call again.
  std::optional<TimePoint> expire(TimePoint now);
  std::size_t size() const;
  std::uint64_t bytes() const;
};

}  // namespace taskmesh::core
