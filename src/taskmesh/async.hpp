// AsyncResult: the end of a task that runs meanwhile. Wait for it as a coroutine, a future, or a callback.
//
// Continuations (.then, the resumed coroutine) run on the client's reactor thread: keep them short, or hand
// the work on. They may call any Client, but not block on one. An AsyncResult may be dropped: the task runs
// on.
#pragma once

#include <atomic>
#include <condition_variable>
#include <coroutine>
#include <functional>
#include <future>
#include <memory>
#include <mutex>
#include <utility>

#include "taskmesh/task_result.hpp"

namespace taskmesh {

namespace detail {

/// Shared by a caller and the client's reactor: filled once, by the reactor. Thousands may be open at once, so it is
/// small: a continuation reads the report where it lies, and what a caller sleeps on is made when one does.
class Ticket {
 public:
  Ticket() = default;
  Ticket(const Ticket&) = delete;
  Ticket& operator=(const Ticket&) = delete;
  virtual ~Ticket() = default;

  /// The task has ended (or the client closes): once. Runs the continuation, if there is one.
  void finish(Shared<proto::TaskReport> report);
  bool finished() const;
  /// Waits until `budget` has passed; true if finished. One thread at a time.
  bool wait(Duration budget);
  /// Only after finished. Throws Failure (invalid) where a continuation has taken it.
  const proto::TaskReport& report() const;
  /// Runs `continuation` when finished: at once, here, if it is. The report is gone when it returns. Throws Failure
  /// (invalid) for a second one.
  void then(std::function<void(const proto::TaskReport&)> continuation);

 private:
  enum class State : std::uint8_t {
    open,       // Nobody has asked.
    continued,  // continuation_ is there.
    awaited,    // A caller sleeps on bed_.
    finished,   // report_ is there, or a continuation has it.
  };
  struct Bed {
    std::mutex mutex;
    std::condition_variable ended;
  };
  std::atomic<State> state_{State::open};
  std::function<void(const proto::TaskReport&)> continuation_;
  Shared<proto::TaskReport> report_;
  std::unique_ptr<Bed> bed_;
};
using TicketPtr = std::shared_ptr<Ticket>;

TicketPtr make_ticket();

}  // namespace detail

template <class T>
class AsyncResult {
 public:
  AsyncResult(TaskId id, detail::TicketPtr ticket) : id_(id), ticket_(std::move(ticket)) {}

  TaskId id() const { return id_; }
  bool ready() const { return ticket_->finished(); }

  /// Calls `f(TaskResult<T>)` when the task ends. One of then, future and co_await: a second one throws Failure.
  template <class F>
  void then(F f) {
    ticket_->then(
        [f = std::move(f)](const proto::TaskReport& report) mutable { f(detail::to_result<T>(report)); });
  }

  std::future<TaskResult<T>> future() {
    auto promise = std::make_shared<std::promise<TaskResult<T>>>();
    auto future = promise->get_future();
    then([promise](TaskResult<T> result) { promise->set_value(std::move(result)); });
    return future;
  }

  // co_await gives TaskResult<T>.
  bool await_ready() const { return ticket_->finished(); }
  void await_suspend(std::coroutine_handle<> handle) {
    ticket_->then([this, handle](const proto::TaskReport& report) {
      report_ = &report;
      handle.resume();
    });
  }
  TaskResult<T> await_resume() const { return detail::to_result<T>(report_ ? *report_ : ticket_->report()); }

 private:
  TaskId id_;
  detail::TicketPtr ticket_;
  const proto::TaskReport* report_ = nullptr;  // While a coroutine that slept on it is resumed.
};

}  // namespace taskmesh
