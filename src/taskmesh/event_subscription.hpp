// EventSubscription: what happens to the tasks of a mesh, as it happens.
//
//   taskmesh::EventSubscription events{{.types = {"failed", "lost"}}};
//   while (auto event = events.next(1min)) std::cout << event->to_json() << "\n";
//
// It joins the mesh as a client does, and asks every worker, those too that come later. Workers tell and do not wait: what could
// not be told (a worker died, this program was too slow) comes as an event of its own, a gap. Tasks that no worker ever held, and
// what only their client knows, are not in it. Ids and types are those of callbacks and streams (docs/http.md); an event may come
// twice, with the same id.
// Errors: the constructor throws Failure (no such type, no mesh token). Threads: any may call any function.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "taskmesh/options.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh {

/// One thing that happened to a task, or a gap.
struct TaskEvent {
  std::string event_id;  ///< "<task id>-end", "<task id>-running-1": the same wherever it is told.
  std::string type;      ///< "taskmesh.task.running.v1"; of a gap "taskmesh.stream.gap.v1".
  TaskId task_id;
  std::string name;                      ///< The task's.
  TaskState state = TaskState::unknown;  ///< Where it is from now on.
  std::optional<Error> error;            ///< retrying: of the attempt before; an end that is no success: why.
  std::uint32_t attempt = 0;             ///< 1 from the first start on.
  std::string worker;                    ///< Name of who tells it.
  NodeId worker_id;
  WallTime at;  ///< By the clock of the worker; of a gap by this one's.
  WallTime submitted_at;
  WallTime started_at;
  WallTime completed_at;
  /// Set: this is a gap. So many are missing before what comes next; 0: unknown.
  std::optional<std::uint64_t> missed;
  std::string mesh;               ///< Named by to_json().
  std::uint32_t moved_epoch = 0;  ///< Above 0: it has come to this worker from another one.
  std::string traceparent{};      ///< W3C trace context that the task was submitted with; empty: none.
  std::string tracestate{};       ///< Likewise.

  bool is_gap() const { return missed.has_value(); }
  /// As a CloudEvent 1.0, as GET /v1/events has it.
  std::string to_json() const;
};

struct EventOptions {
  std::vector<std::string> types{};  ///< "failed", "taskmesh.task.failed.v1"; empty: all. Gaps always come.
  std::string name{};                ///< Of tasks of this name; empty: of any.
  /// What next() has not taken; then the oldest go, and a gap is told.
  std::size_t queue_max = limits::subscription_queue_max;
  ClientOptions client{};
};

class EventSubscription {
 public:
  /// Joins the mesh and asks the workers.
  explicit EventSubscription(EventOptions options = {});
  EventSubscription(const EventSubscription&) = delete;
  EventSubscription& operator=(const EventSubscription&) = delete;
  ~EventSubscription();

  /// Waits until all workers that are known tell what happens; from then on nothing is missed untold. False: `wait` passed
  /// first.
  bool begun(Duration wait = limits::wait_budget);
  /// The next event; nullopt when `wait` ends first, or when close() was called.
  std::optional<TaskEvent> next(Duration wait);
  /// The same without an end to the wait: nullopt after close() alone.
  std::optional<TaskEvent> next();
  /// Ends the waiting of others, for good.
  void close();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh
