// Client: submits tasks to a mesh and learns what became of them.
//
// Joins the mesh by itself, before or after any worker exists; ready in milliseconds. Any thread may use one
// Client. No call hangs: each wait has a budget (SubmitOptions::wait or the `wait` argument, 30 s by
// default). Errors: calls that give a TaskResult carry them there; the others throw Failure, and have a try_
// twin that returns Result. docs/errors.md explains every kind. Lifetime: the destructor waits for pending
// tasks to be accepted (ClientOptions::flush_timeout) and logs what it gives up; results handed out stay
// valid.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/async.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh {

/// Who holds an accepted task.
struct Receipt {
  TaskId task_id;
  std::vector<NodeId> nodes;  ///< One node: tasks have one copy so far.
};

/// A worker as this client sees it.
struct WorkerInfo {
  NodeId id;
  std::string name;
  std::string host;
  std::uint32_t pid = 0;
  std::string state;  ///< joining, alive, draining, suspect, dead or left.
  std::vector<std::string> endpoints;
  std::vector<std::string> tasks;  ///< Names that it serves.
  std::uint32_t slots = 0;
  std::uint32_t running = 0;
  std::uint32_t queued = 0;
  Duration silence{};  ///< Since it was last heard.
};

class Client {
 public:
  /// Throws Failure: no runtime directory, bad seeds, bad names.
  Client() : Client(ClientOptions{}) {}
  explicit Client(ClientOptions options);
  static Result<Client> open(ClientOptions options = {});
  Client(Client&&) noexcept;
  Client& operator=(Client&&) noexcept;
  ~Client();

  /// Submits and waits for the end, at most options.wait. When the budget ends first the result's error is
  /// timed_out, or unavailable where no worker was there; a task that never left is then withdrawn.
  template <class R>
  TaskResult<R> submit_task(Call<R> call, const SubmitOptions& options = {}) {
    return detail::to_result<R>(run(to_job(std::move(call)), options));
  }
  template <class R, class... Args>
  TaskResult<R> submit_task(std::string_view name, const Args&... args) {
    return submit_task(taskmesh::call<R>(name, args...));
  }

  /// Submits and returns the id at once; the mesh keeps the result (get_task_result). Throws Failure:
  /// invalid for what is wrong here and now, overloaded when the in-flight limit holds for options.wait.
  template <class R>
  TaskId delay(Call<R> call, const SubmitOptions& options = {}) {
    return value_or_throw(try_delay(std::move(call), options));
  }
  template <class... Args>
  TaskId delay(std::string_view name, const Args&... args) {
    return delay(taskmesh::call<void>(name, args...));
  }
  template <class R>
  Result<TaskId> try_delay(Call<R> call, const SubmitOptions& options = {}) {
    return start(to_job(std::move(call)), {}, options, nullptr);
  }

  /// As delay; when the task ends, however it ends, a completion event is pushed to the callback address,
  /// at least once until acknowledged. A bad address or bad data is thrown here (invalid, refused).
  template <class R>
  TaskId delay_with_callback(Call<R> call, const Callback& callback, const SubmitOptions& options = {}) {
    return value_or_throw(try_delay_with_callback(std::move(call), callback, options));
  }
  template <class R>
  Result<TaskId> try_delay_with_callback(Call<R> call, const Callback& callback,
                                         const SubmitOptions& options = {}) {
    return start(to_job(std::move(call)), callback, options, nullptr);
  }

  /// Submits and gives something to wait on: co_await, .then(f), .future().
  template <class R>
  AsyncResult<R> async(Call<R> call, const SubmitOptions& options = {}) {
    auto ticket = detail::make_ticket();
    const TaskId id = start_async(to_job(std::move(call)), options, ticket);
    return {id, std::move(ticket)};
  }

  /// What the mesh knows of the task now; never waits for its end. Five answers differ: pending, queued,
  /// running, an end, unknown. `wait` bounds the question itself.
  template <class R>
  TaskResult<R> get_task_result(TaskId id, Duration wait = limits::wait_budget) {
    return detail::to_result<R>(query(id, wait, detail::reply_codec<R>()));
  }
  /// Waits for the end, at most `wait`; then error timed_out. One wait, no polling.
  template <class R>
  TaskResult<R> wait_for(TaskId id, Duration wait = limits::wait_budget) {
    return detail::to_result<R>(await_end(id, wait, detail::reply_codec<R>()));
  }

  /// Waits until a worker holds the task. Error: why it never will, or timed_out / unavailable.
  Result<Receipt> accepted(TaskId id, Duration wait = limits::wait_budget);
  /// Waits until everything submitted so far has been accepted (or has ended). Error: timed_out, unavailable.
  Result<void> flush(Duration wait = limits::wait_budget);

  /// The workers known now. A young client first hears all that it dialled, at most `wait`.
  std::vector<WorkerInfo> workers(Duration wait = limits::own_stall);

  /// Tasks not accepted yet, or awaited.
  std::size_t in_flight() const;
  /// The mesh joined.
  const std::string& mesh() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  struct Job {
    std::string name;
    Payload args;
    Codec reply_codec = Codec::cereal;
  };
  template <class R>
  static Job to_job(Call<R>&& call) {
    return {std::move(call.name), std::move(call.args), call.reply_codec};
  }
  proto::TaskReport run(Job job, const SubmitOptions& options);
  Result<TaskId> start(Job job, const Callback& callback, const SubmitOptions& options,
                       detail::TicketPtr ticket);
  TaskId start_async(Job job, const SubmitOptions& options, detail::TicketPtr ticket);
  proto::TaskReport query(TaskId id, Duration wait, Codec reply_codec);
  proto::TaskReport await_end(TaskId id, Duration wait, Codec reply_codec);

  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh
