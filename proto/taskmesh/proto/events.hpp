// Life-cycle events for those who watch. Spec: proto/07-events.md.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/proto/common.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::proto {

/// One thing that happened to a task at the worker that tells it. When it was submitted is in its id.
struct TaskEvent {
  TaskId id;
  TaskState state = TaskState::unknown;  ///< Where it is from now on.
  std::uint8_t flags = 0;                ///< moved_flag.
  std::uint32_t attempt = 0;             ///< As in a report.
  std::uint32_t epoch = 1;               ///< moved: of the new ownership.
  WallTime at;                           ///< When, by the clock of the worker.
  WallTime started_at;
  WallTime completed_at;
  std::string name;      ///< Task name.
  Boxed<Fault> fault;    ///< retrying: of the last attempt; an end that is no success: why.
  Boxed<Trace> trace{};  ///< The task's trace context; empty: none.

  static constexpr std::uint8_t moved_flag = 1;  ///< It has come here from another worker.
  bool operator==(const TaskEvent&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(id, state, flags, attempt, epoch, at, started_at, completed_at, name, fault, trace);
  }
};

/// WATCH: tell me what happens to tasks. Said again before the lease is over, and to give room; answered by EVENTS.
struct Watch {
  std::uint64_t watch = 0;     ///< Chosen by the watcher, one for each of its watches on a link; given back.
  std::uint32_t events = 0;    ///< Bit n: those that lead to state n; moved_bit: moves; 0: all.
  std::uint64_t taken = 0;     ///< The number of the last event that it has taken in.
  std::uint32_t window = 0;    ///< It takes so many beyond that one.
  std::uint32_t lease_ms = 0;  ///< The watch ends so long after this; 0: now.
  std::string name;            ///< Of tasks of this name; empty: of any.
  std::vector<TaskId> ids{};   ///< Of these tasks, at most limits::query_ids_max; empty: of any.

  static constexpr std::uint32_t moved_bit = 1U << 31U;
  bool operator==(const Watch&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(watch, events, taken, window, lease_ms, name, ids);
  }
};

/// EVENTS: what has happened, in order.
struct Events {
  std::uint64_t watch = 0;
  std::uint64_t feed = 0;    ///< Another one: the worker began anew, and what was between is not told.
  std::uint64_t before = 0;  ///< Tasks that had ended there when the feed began.
  std::uint64_t first =
      0;  ///< Number of the first event here, or of the next one. Numbers that are missing were not told.
  std::vector<TaskEvent> events;
  bool operator==(const Events&) const = default;
  template <class Archive>
  void serialize(Archive& ar) {
    ar(watch, feed, before, first, events);
  }
};

}  // namespace taskmesh::proto
