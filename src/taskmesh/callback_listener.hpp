// CallbackListener: bound at a callback address, it is told when tasks end.
//
//   taskmesh::CallbackListener listener{"tcp://127.0.0.1:6000"};
//   listener.on("add", [](const taskmesh::CompletionEvent& e) { ... });
//
// One listener takes from any number of workers and meshes. Handlers run one at a time on the listener's own
// thread and may call any Client. Returning acknowledges the event; throwing asks for it again a second
// later. When an event arrives, the result can already be read with get_task_result. An event comes at least
// once; repeats that this listener has acknowledged lately are dropped for you. Errors: the constructor
// throws Failure (bad address, address in use). Threads: any may call any function.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "taskmesh/options.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh {

/// One completion notification.
struct CompletionEvent {
  std::string event_id;  ///< Stable: the same on every delivery of this event.
  std::string type;      ///< "taskmesh.task.succeeded.v1" and so on, by the state: as a webhook has it.
  TaskId task_id;
  std::string name;  ///< The task's.
  TaskState state = TaskState::unknown;
  std::optional<Error> error;  ///< Where the state is not success.
  Payload result;              ///< Where it is; cereal bytes or JSON. See result_as and result_json.
  std::string callback_data;   ///< JSON as given at submit; "null" if none was.
  std::uint32_t attempt = 0;
  std::string worker;
  NodeId worker_id;
  std::uint32_t delivery = 1;  ///< 1 for the first try.
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  std::string traceparent;  ///< W3C trace context that the task was submitted with; empty: none.
  std::string tracestate;

  /// The result as the task's own type. Error: failed tasks have none; invalid for another type.
  template <class T>
  Result<T> result_as() const {
    if (error) return fail(*error);
    return decode_result<T>(result);
  }
  /// The result as JSON text; cereal bytes print as {"codec": "cereal", "base64": "..."}.
  std::string result_json() const;
  /// The whole event as one JSON object, with the members that docs/callbacks describe.
  std::string to_json() const;
};

class CallbackListener {
 public:
  using Handler = std::function<void(const CompletionEvent&)>;

  explicit CallbackListener(std::string_view address, ListenerOptions options = {});
  CallbackListener(const CallbackListener&) = delete;
  CallbackListener& operator=(const CallbackListener&) = delete;
  /// Lets the handler that runs return, and sends its acknowledgement.
  ~CallbackListener();

  /// Handles events of tasks of that name. Replaces an earlier handler of that name.
  void on(std::string_view name, Handler handler);
  /// Handles events that no `on` takes.
  void on_any(Handler handler);
  /// One event at a time, for programs without handlers: nullopt when `wait` ends first. Taking it
  /// acknowledges it. Throws Failure (invalid) if handlers are registered.
  std::optional<CompletionEvent> next(Duration wait);

  /// Where it is bound, for Callback::address: "tcp://127.0.0.1:24801" for "tcp://127.0.0.1:*".
  const std::string& address() const;

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh
