// CompletionJson: the end of a task as JSON, and as a CloudEvent 1.0 around it.  Spec: proto/06-webhooks.md section 1.
//
// The same members, id and type wherever the event is told: on a socket, to a webhook, in a stream.
// Pure; threads: any; views are looked at during the call only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"
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
  std::uint32_t delivery = 1;
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  std::string_view
      traceparent{};  ///< That the task was submitted with; empty: none. In a CloudEvent, its extension.
  std::string_view tracestate{};
};

/// "success", "lost" and so on, as people and JSON read it.
std::string_view word_of(TaskState state);
/// What a task that has not ended well, or whose result is not kept, is told with.
Error error_of(const proto::TaskReport& report);
/// "<task id>-end": the same on every delivery and for every end of this task.
std::string event_id_of(const TaskId& id);
/// "taskmesh.task.succeeded.v1" and so on, by the state.
std::string_view event_type_of(TaskState state);

/// The payload as JSON text; what is no JSON as {"codec": ..., "base64": ...}.
std::string payload_json(const Payload& payload);

/// One JSON object with the members of docs/callbacks.md.
std::string completion_json(const Completion& completion);

/// A CloudEvent in structured mode with that object as its data. It does not depend on who tells it, or how often:
/// `source` names the mesh, and what changes from delivery to delivery is in the data alone.
std::string cloud_event(const Completion& completion, std::string_view mesh);

}  // namespace taskmesh::wire
