// Worker: a process that serves tasks to a mesh.
//
//   taskmesh::Worker worker{{.slots = 4}};
//   worker.serve(add, [](int a, int b) { return a + b; });
//   worker.run();   // until stop(), SIGTERM or SIGINT
//
// Handlers run on the worker's slot threads, `slots` at once: they must be safe to run beside each other. A
// handler that throws ends its attempt as failed, with the exception's type and message.
// Errors: the constructor and start() throw Failure (bad name, address in use, no runtime directory).
// Threads: serve before start; stop and everything else from any thread.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/base/time_counts.hpp"
#include "taskmesh/handler.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"

namespace taskmesh {

/// What a worker has done since it started. They only grow, but for `under_replicated`.
struct WorkerCounters {
  std::uint64_t submitted = 0;  ///< Tasks that came in; repetitions are not in it.
  std::uint64_t repeated = 0;   ///< Repetitions of a known task.
  std::uint64_t busy = 0;       ///< Not taken: a limit.
  std::uint64_t rejected = 0;   ///< Not taken: for good.
  std::uint64_t started = 0;    ///< Attempts.
  std::uint64_t finished = 0;   ///< Tasks whose code said how they end.
  std::uint64_t retried = 0;    ///< Attempts that are followed by another one.
  std::uint64_t timed_out = 0;  ///< Attempts that took longer than their time limit.
  std::uint64_t cancelled = 0;
  std::uint64_t expired = 0;
  std::uint64_t condemned = 0;         ///< Quarantined: they killed whoever ran them.
  std::uint64_t lost = 0;              ///< Told as lost by this one: nobody could run them (again).
  std::uint64_t taken_over = 0;        ///< Of workers that died.
  std::uint64_t repaired = 0;          ///< Copies made anew, where one was gone or had never been held.
  std::uint64_t under_replicated = 0;  ///< Now: accepted, with fewer copies than were asked for.
  std::uint64_t given = 0;             ///< Handed to another worker, by this one as it left.
  std::uint64_t stolen = 0;            ///< Waited here, and went to a worker that was free.
  std::uint64_t steal_asks = 0;        ///< Questions of this one, when it was free, for what waits elsewhere.
  std::uint64_t hints = 0;             ///< Free workers told that something waits here.
  std::uint64_t fenced = 0;            ///< Copies that were not taken, because somebody else owns the task.
  std::uint64_t events_sent = 0;
  std::uint64_t events_acked = 0;
  std::uint64_t events_undelivered = 0;
  std::uint64_t events_revived = 0;
  std::uint64_t bad_input = 0;        ///< Frames or records that could not be read.
  std::uint64_t oversized = 0;        ///< Messages with too many or too large parts.
  std::uint64_t unsent = 0;           ///< Messages for links that were not connected.
  std::uint64_t events_left_out = 0;  ///< Life-cycle events that a watch had no room for.
  std::uint64_t spans_exported = 0;   ///< To a collector of traces, where there is one (docs/tracing.md).
  std::uint64_t spans_dropped = 0;    ///< It has not taken them, or there was no room for them.
  TimeCounts queue_wait;              ///< From when a task may start to its first start.
  TimeCounts run_time;                ///< Of attempts whose code returned.
  TimeCounts end_to_end;              ///< From submit to end, by the clocks of client and worker.
  TimeCounts callback_delay;          ///< From a task's end to the acknowledgement of its event.
};

class Worker {
 public:
  /// Joins nothing yet: start() and run() do. Throws Failure.
  explicit Worker(WorkerOptions options = {});
  Worker(const Worker&) = delete;
  Worker& operator=(const Worker&) = delete;
  /// Stops at once what still runs; use stop() and wait() to finish first.
  ~Worker();

  /// Serves a typed task. `f` takes the task's arguments, optionally behind a TaskContext&.
  template <class R, class... Args, class F>
  Worker& serve(const Task<R(Args...)>& task, F f) {
    using Values = typename detail::Split<typename detail::FunctionTraits<F>::Arguments>::Values;
    static_assert(std::is_same_v<Values, std::tuple<std::remove_cvref_t<Args>...>>,
                  "the handler takes other arguments than the task is declared with");
    static_assert(std::is_convertible_v<typename detail::FunctionTraits<F>::Return, R> || std::is_void_v<R>,
                  "the handler returns another type than the task is declared with");
    return add(task.name(), detail::make_handler(task.name(), std::move(f)));
  }
  /// Serves a task by name; the handler's own signature says what it takes.
  template <class F>
  Worker& serve(std::string_view name, F f) {
    return add(name, detail::make_handler(std::string(name), std::move(f)));
  }
  /// Serves a task by name on the bytes as they came; the answer is sent as it is.
  Worker& serve_raw(std::string_view name, std::function<Payload(TaskContext&, const Payload&)> f);
  /// Serves a command: arguments as one JSON array on standard input, output is the result. See docs/cli.md.
  Worker& serve_command(std::string_view name, std::string command);
  /// Serves echo, add, sleep_ms, fail, crash, pid and counter: for first steps, tests and measurements.
  Worker& serve_builtins();

  /// Joins the mesh and serves; returns when bound. Throws Failure.
  void start();
  /// Begins to leave: nothing new is taken, what was accepted is finished (drain_timeout), then it leaves.
  void stop();
  /// Waits until it has left.
  void wait();
  /// start(), then waits for stop(), SIGTERM or SIGINT, then leaves. `serving` is called here once it serves,
  /// when a signal is already taken for a request to leave.
  void run(const std::function<void()>& serving = {});

  /// The names that it serves, sorted.
  std::vector<std::string> tasks() const;
  /// New in each process.
  NodeId id() const;
  /// For people: the option's, the variable's, else "<host>-<pid>".
  const std::string& name() const;
  /// The mesh that it serves.
  const std::string& mesh() const;
  /// Once it has started; from any thread then.
  WorkerCounters counters() const;
  /// Where it is bound; empty before start().
  std::string endpoint() const;

 private:
  class Impl;
  Worker& add(std::string_view name, detail::Handler handler);
  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh
