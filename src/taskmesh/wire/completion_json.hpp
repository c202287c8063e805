// CompletionJson: what happens to a task as JSON, and as a CloudEvent 1.0 around it.  Spec: proto/06-webhooks.md section 1,
// 07-events.md section 5.
//
// The same members, id and type wherever the event is told: on a socket, to a webhook, in a stream.
// Pure; threads: any; views are looked at during the call only.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/proto/events.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::wire {

/// What is told. `error` is null on success.
struct Completion {
  TaskId task_id;
  std::string_view name;
  TaskState state = TaskState::unknown;
  std::string_view result_json;  ///< Empty: null.
  std::size_t result_bytes = 0;  ///< Above 0: the result is left out, and has so many.
  const Error* error = nullptr;
  std::string_view callback_data;  ///< JSON; empty or anything else: null.
  std::uint32_t attempt = 0;
  std::string_view worker;
  NodeId worker_id = {};
  std::uint32_t delivery = 1;  ///< 0: nobody's callback; then callback_data is not told either.
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  WallTime at = {};               ///< When it happened, where it is no end.
  std::string_view dataref = {};  ///< Where the result is, if it is not here; empty: not told.
  std::uint32_t moved_epoch = 0;  ///< Above 0: it has come to another worker, whose ownership has that epoch.
  /// W3C trace context that the task was submitted with; empty: none. In a CloudEvent, its extension.
  std::string_view traceparent = {};
  std::string_view tracestate = {};
};

/// The kinds of events there are. The last one is the move.
struct EventKind {
  TaskState state = TaskState::unknown;
  std::string_view type;
  /// As in proto::Watch.
  constexpr std::uint32_t bit() const {
    return state == TaskState::unknown ? proto::Watch::moved_bit : 1U << static_cast<unsigned>(state);
  }
};
inline constexpr std::array<EventKind, 10> event_kinds{{{TaskState::scheduled, "taskmesh.task.scheduled.v1"},
                                                        {TaskState::queued, "taskmesh.task.queued.v1"},
                                                        {TaskState::running, "taskmesh.task.running.v1"},
                                                        {TaskState::retrying, "taskmesh.task.retrying.v1"},
                                                        {TaskState::success, "taskmesh.task.succeeded.v1"},
                                                        {TaskState::failure, "taskmesh.task.failed.v1"},
                                                        {TaskState::cancelled, "taskmesh.task.cancelled.v1"},
                                                        {TaskState::expired, "taskmesh.task.expired.v1"},
                                                        {TaskState::lost, "taskmesh.task.lost.v1"},
                                                        {TaskState::unknown, "taskmesh.task.moved.v1"}}};
/// Of the event that tells that some were missed.
inline constexpr std::string_view gap_type = "taskmesh.stream.gap.v1";

/// Some were missed.
struct Gap {
  std::string id;
  std::uint64_t missed = 0;  ///< 0: nobody knows how many.
  std::string_view worker;   ///< Whose; empty: of several.
  NodeId worker_id;
  WallTime at;
};

/// "success", "lost" and so on, as people and JSON read it.
std::string_view word_of(TaskState state);
/// What a task that has not ended well, or whose result is not kept, is told with.
Error error_of(const proto::TaskReport& report);
/// "<task id>-end": the same on every delivery and for every end of this task.
std::string event_id_of(const TaskId& id);
/// "taskmesh.task.succeeded.v1" and so on, by the state.
std::string_view event_type_of(TaskState state);

/// The same by what is told: also "<task id>-running-1", "<task id>-moved-2".
std::string event_id(const Completion& told);
std::string_view event_type(const Completion& told);
/// The bit of proto::Watch for "taskmesh.task.failed.v1", "failed" or "failure"; nothing for other words.
std::optional<std::uint32_t> event_bit(std::string_view word);

/// What a worker has told to who watches. Views of the arguments.
Completion completion_of(const proto::TaskEvent& event, NodeId worker, std::string_view worker_name,
                         const Error* error);
/// Why it is retried, or has not ended well.
std::optional<Error> error_of(const proto::TaskEvent& event);
/// The gap as a CloudEvent.
std::string gap_event(const Gap& gap, std::string_view mesh);

/// The payload as JSON text; what is no JSON as {"codec": ..., "base64": ...}.
std::string payload_json(const Payload& payload);

/// One JSON object with the members of docs/callbacks.md.
std::string completion_json(const Completion& completion);

/// A CloudEvent in structured mode with that object as its data. It does not depend on who tells it, or how often:
/// `source` names the mesh, and what changes from delivery to delivery is in the data alone.
std::string cloud_event(const Completion& completion, std::string_view mesh);

}  // namespace taskmesh::wire
