// ThreadExecutor: a fixed number of slots, each a thread, fed from one queue.
//
// A batch is handed over under one short lock and wakes no more threads than it is work for: one for each run, but
// known short ones share a thread. Each slot takes one run at a time, so a long task never sits on short ones behind
// it; one that was thought to be short is found out by who recalls. What a slot finished goes to the mailbox,
// which wakes the reactor only if it sleeps.
// Stopping: nothing is interrupted. The handler's StopToken is set; who looks at it ends early.
// Handlers: by task name, fixed at birth, called by several slots at once. What a handler throws ends the attempt
//           as `failed`, with the exception's type and message.
// Threads:   run() and recall() from the reactor; stop() from the owner's thread. The mailbox must live until
//            stop() has returned; handlers that did not come back by then (it says so) end unheard.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <unordered_map>

#include "taskmesh/base/recycler.hpp"
#include "taskmesh/io/executor.hpp"
#include "taskmesh/io/mailbox.hpp"
#include "taskmesh/io/stop_token.hpp"

namespace taskmesh::io {

/// Runs one attempt. The executor fills in id, attempt and the times. The token is the slot's: valid during the call.
using Handler = std::function<core::Finished(core::Run&& run, const StopToken& stop)>;
using Handlers = std::unordered_map<std::string, Handler>;

class ThreadExecutor final : public Executor {
 public:
  /// Starts the threads. `slots` is at least 1. Throws std::system_error where the system has no thread left.
  ThreadExecutor(std::size_t slots, Handlers handlers, Mailbox& mailbox);
  /// As stop(1s).
  ~ThreadExecutor() override;

  void run(std::vector<core::Run>& batch) override;
  void ask_to_stop(const std::vector<core::Stop>& attempts) override;
  std::vector<TaskId> recall() override;
  /// Starts nothing more and waits for what runs. False: `timeout` passed, some handler is still at it and
  /// its thread is left to itself.
  bool stop(Duration timeout);

 private:
  /// One thread, and what it is at.
  struct Slot {
    bool busy = false;
    core::Stop at;
    StopToken stop;
  };
  /// Three of them are as large as what a deque takes at once: from storage that is used again.
  using Queue = std::deque<core::Run, RecyclingAllocator<core::Run>>;
  /// What the slots share; outlives the executor where a handler does not return.
  struct Shared {
    std::mutex mutex;
    std::condition_variable work;
    std::condition_variable ended;
    Queue ready;
    std::deque<Slot> slots;
    std::vector<core::Event> finished;  // Not told yet: a short task follows and is told with it.
    std::size_t idle = 0;
    std::size_t threads = 0;
    bool stopping = false;
    Mailbox* mailbox = nullptr;
    Handlers handlers;
  };
  static void serve(Shared& shared, Slot& slot);
  static bool drop_ready(Shared& shared, const core::Stop& attempt);
  static void tell_finished(Shared& shared);

  std::shared_ptr<Shared> shared_;
  std::vector<std::thread> threads_;
};

}  // namespace taskmesh::io
