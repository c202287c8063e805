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
#include "taskmesh/batch.hpp"
#include "taskmesh/listing.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh {

/// Who holds an accepted task.
struct Receipt {
  TaskId task_id;
  std::vector<NodeId> nodes;  ///< Who holds it: its owner first, then those that hold a copy.
};

/// What became of the wish to cancel a task.
struct CancelAnswer {
  TaskId task_id;
  /// cancelled: it will not run any more. running: see stopping. Another end: it had ended before, and that stands
  /// (lost: its worker is gone). unknown: nobody knows it.
  TaskState state = TaskState::unknown;
  bool stopping = false;  ///< Its code runs and was asked to stop; it ends as cancelled when that returns.
  /// What Client::cancel answers: it is cancelled, or will be when its code returns.
  bool gone() const { return state == TaskState::cancelled || stopping; }
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
  std::uint32_t stuck = 0;  ///< Of running: their attempt was given up, but its code has not returned.
  std::uint32_t queued = 0;
  std::uint32_t scheduled = 0;  ///< Wait for their time: countdown, eta, the pause before a retry.
  bool short_of_copies =
      false;  ///< Some task that it has accepted is held by fewer others than was asked for.
  bool short_of_memory = false;  ///< Takes nothing new until it uses less (WorkerOptions::memory_max).
  Duration silence{};            ///< Since it was last heard.
};

class Client {
 public:
  /// Joins the mesh that the environment names. Throws Failure: no runtime directory, bad seeds, bad names.
  Client() : Client(ClientOptions{}) {}
  /// The same with options.
  explicit Client(ClientOptions options);
  /// The same without exceptions.
  static Result<Client> open(ClientOptions options = {});
  Client(Client&&) noexcept;
  /// Closes the one that was here, as the destructor does.
  Client& operator=(Client&&) noexcept;
  /// Waits for pending tasks to be accepted, at most ClientOptions::flush_timeout.
  ~Client();

  /// Submits and waits for the end, at most options.wait. When the budget ends first the result's error is
  /// timed_out, or unavailable where no worker was there; a task that never left is then withdrawn.
  template <class R>
  TaskResult<R> submit_task(Call<R> call, const SubmitOptions& options = {}) {
    return detail::to_result<R>(run(parts_of(std::move(call)), options));
  }
  /// By name: `client.submit_task<int>("add", 2, 3)`.
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
  /// By name: `client.delay("add", 2, 3)`.
  template <class... Args>
  TaskId delay(std::string_view name, const Args&... args) {
    return delay(taskmesh::call<void>(name, args...));
  }
  /// delay without exceptions.
  template <class R>
  Result<TaskId> try_delay(Call<R> call, const SubmitOptions& options = {}) {
    return start(parts_of(std::move(call)), {}, options, nullptr);
  }

  /// As delay; when the task ends, however it ends, a completion event is pushed to the callback address,
  /// at least once until acknowledged. A bad address or bad data is thrown here (invalid, refused).
  template <class R>
  TaskId delay_with_callback(Call<R> call, const Callback& callback, const SubmitOptions& options = {}) {
    return value_or_throw(try_delay_with_callback(std::move(call), callback, options));
  }
  /// delay_with_callback without exceptions.
  template <class R>
  Result<TaskId> try_delay_with_callback(Call<R> call, const Callback& callback,
                                         const SubmitOptions& options = {}) {
    if (callback.address.empty()) return fail(no_callback_address());
    return start(parts_of(std::move(call)), callback, options, nullptr);
  }

  /// Submits all of them, or none: every spec is checked before the first is sent. A bad one throws Failure, whose
  /// `what` begins with its place, "specs[3]". `wait` bounds the wait for room: a batch up to in_flight_max is sent
  /// when there is room for all of it; a larger one goes in parts, and if room does not come in time, those that were
  /// sent are cancelled (overloaded). The ids are in the order of the specs.
  std::vector<TaskId> submit_batch(std::vector<TaskSpec> specs, Duration wait = limits::wait_budget) {
    return value_or_throw(try_submit_batch(std::move(specs), wait));
  }
  /// submit_batch without exceptions.
  Result<std::vector<TaskId>> try_submit_batch(std::vector<TaskSpec> specs,
                                               Duration wait = limits::wait_budget);

  /// Submits and gives something to wait on: co_await, .then(f), .future().
  template <class R>
  AsyncResult<R> async(Call<R> call, const SubmitOptions& options = {}) {
    auto ticket = detail::make_ticket();
    const TaskId id = start_async(parts_of(std::move(call)), options, ticket);
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

  /// Waits for the end of all, at most options.wait, and tells how far they are meanwhile. Results are in the order of
  /// the ids; what has not ended carries timed_out, a value that is not kept any more not_found. One wait, no polling.
  template <class R>
  std::vector<TaskResult<R>> wait_all(const std::vector<TaskId>& ids, const WaitAllOptions& options = {}) {
    std::vector<TaskResult<R>> results;
    results.reserve(ids.size());
    for (const auto& report : await_all(ids, options, detail::reply_codec<R>())) {
      results.push_back(detail::to_result<R>(report));
    }
    return results;
  }

  /// Takes a task back, from any client. True: it is cancelled; one that runs is asked to stop (its code sees
  /// TaskContext::stop_requested, a command is killed) and ends as cancelled when it returns. False: it had ended, or
  /// nobody knows it. Throws Failure where nobody could be asked within `wait`; the wish stands all the same if it is
  /// this client's own task and no worker has accepted it yet.
  bool cancel(TaskId id, Duration wait = limits::wait_budget) {
    return value_or_throw(try_cancel(id, wait)).gone();
  }
  /// cancel without exceptions, and telling what the task's state is.
  Result<CancelAnswer> try_cancel(TaskId id, Duration wait = limits::wait_budget);

  /// Waits until a worker holds the task. Error: why it never will, or timed_out / unavailable.
  Result<Receipt> accepted(TaskId id, Duration wait = limits::wait_budget);
  /// Waits until everything submitted so far has been accepted (or has ended). Error: timed_out, unavailable.
  Result<void> flush(Duration wait = limits::wait_budget);

  /// The workers known now. A young client first hears all that it dialled, at most `wait`.
  std::vector<WorkerInfo> workers(Duration wait = limits::own_stall);

  /// The tasks that the workers hold, or remember; `wait` bounds the question, and who has not answered by then is
  /// named. Without workers the list is empty, after settle_for: a client that has just started cannot know whom it
  /// will hear. What no worker ever held is not in it. Throws Failure on the client's own reactor thread (invalid).
  TaskListing tasks(const TaskFilter& filter = {}, Duration wait = limits::list_wait) {
    return value_or_throw(try_tasks(filter, wait));
  }
  /// tasks without exceptions.
  Result<TaskListing> try_tasks(const TaskFilter& filter = {}, Duration wait = limits::list_wait);

  /// Completion events that no listener has acknowledged, the ones that were given up (`dead`) among them.
  CallbackListing callbacks(const CallbackFilter& filter = {}, Duration wait = limits::list_wait) {
    return value_or_throw(try_callbacks(filter, wait));
  }
  /// callbacks without exceptions.
  Result<CallbackListing> try_callbacks(const CallbackFilter& filter = {}, Duration wait = limits::list_wait);

  /// What was posted to webhooks and what came of it, the newest first: what the workers that are there remember of it.
  /// Throws Failure as tasks().
  WebhookLog webhook_log(const WebhookFilter& filter = {}, Duration wait = limits::list_wait) {
    return value_or_throw(try_webhook_log(filter, wait));
  }
  /// webhook_log without exceptions.
  Result<WebhookLog> try_webhook_log(const WebhookFilter& filter = {}, Duration wait = limits::list_wait);

  /// Has undelivered callbacks tried now: dead ones are queued anew, whoever is away or left alone is tried at once.
  /// What waits for the same address goes with it. Throws Failure: unavailable without a worker, not_found where a
  /// task or an address is named and nothing of it is undelivered.
  RetryAnswer retry_callbacks(const CallbackChoice& which, Duration wait = limits::wait_budget) {
    return value_or_throw(try_retry_callbacks(which, wait));
  }
  /// retry_callbacks without exceptions.
  Result<RetryAnswer> try_retry_callbacks(const CallbackChoice& which, Duration wait = limits::wait_budget);

  /// Tasks not accepted yet, or awaited.
  std::size_t in_flight() const;
  /// The mesh joined.
  const std::string& mesh() const;

 private:
  class Impl;
  explicit Client(std::unique_ptr<Impl> impl);

  template <class R>
  static detail::CallParts parts_of(Call<R>&& call) {
    return {std::move(call.name), std::move(call.args), call.reply_codec};
  }
  static Error no_callback_address();
  proto::TaskReport run(detail::CallParts call, const SubmitOptions& options);
  Result<TaskId> start(detail::CallParts call, const Callback& callback, const SubmitOptions& options,
                       detail::TicketPtr ticket);
  TaskId start_async(detail::CallParts call, const SubmitOptions& options, const detail::TicketPtr& ticket);
  proto::TaskReport query(TaskId id, Duration wait, Codec reply_codec);
  proto::TaskReport await_end(TaskId id, Duration wait, Codec reply_codec);
  std::vector<proto::TaskReport> await_all(const std::vector<TaskId>& ids, const WaitAllOptions& options,
                                           Codec reply_codec);

  std::unique_ptr<Impl> impl_;
};

}  // namespace taskmesh
