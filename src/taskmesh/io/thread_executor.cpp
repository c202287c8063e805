#include "taskmesh/io/thread_executor.hpp"

#include <cxxabi.h>
#include <pthread.h>

#include <algorithm>
#include <cstdlib>
#include <exception>
#include <system_error>
#include <typeinfo>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::io {

namespace {

constexpr Duration last_wait =
    1s;  // An idle slot needs microseconds; a handler that needs more is left behind.

constexpr std::size_t told_at_once = 64;
/// A thread that sleeps needs about so long to begin: less work than that is done sooner by one that is awake.
constexpr Duration worth_a_thread = 50us;

/// How many slots that batch is work for.
std::size_t slots_for(const std::vector<core::Run>& batch) {
  std::size_t slots = 0;
  Duration short_work{};
  for (const core::Run& run : batch) {
    slots += run.expected == Duration::zero() ? 1U : 0U;
    short_work += run.expected;
  }
  return slots + static_cast<std::size_t>((short_work + worth_a_thread - Duration{1}) / worth_a_thread);
}

std::string readable_type(const std::type_info& type) {
  int status = 0;
  const std::unique_ptr<char, void (*)(void*)> name(
      abi::__cxa_demangle(type.name(), nullptr, nullptr, &status), &std::free);
  return status == 0 && name ? name.get() : type.name();
}

/// The exception in flight, as an error of the task.
Error error_in_flight(const std::string& task) {
  Error error{.kind = ErrorKind::failed, .what = "task '" + task + "' failed"};
  try {
    throw;
  } catch (const Failure& failure) {
    return failure.error();
  } catch (const std::exception& exception) {
    error.why = readable_type(typeid(exception)) + ": " + exception.what();
  } catch (...) {
    const std::type_info* type = abi::__cxa_current_exception_type();
    error.why = "threw " + (type != nullptr ? readable_type(*type) : "something that is no exception");
  }
  if (error.why.size() > limits::error_text_bytes) error.why.resize(limits::error_text_bytes);
  return error;
}

core::Finished execute(const Handlers& handlers, core::Run&& run, const StopToken& stop) {
  const TaskId id = run.id;
  const std::uint32_t attempt = run.attempt;
  const WallTime started = wall_now();
  const TimePoint from = steady_now();
  core::Finished finished;
  const auto handler = handlers.find(run.name);
  if (handler == handlers.end()) {
    finished.error =
        Error{ErrorKind::not_found, "task '" + run.name + "' was not run",
              "this worker has no handler of that name", "serve it, or submit a name that is served"};
  } else if (run.deadline && from >= *run.deadline) {
    finished.error = Error{ErrorKind::timed_out, "task '" + run.name + "' was not run",
                           "its deadline passed before a slot was free", "add workers or give it more time"};
  } else {
    try {
      finished = handler->second(std::move(run), stop);
    } catch (...) {
      finished = {};
      finished.error = error_in_flight(handler->first);
    }
  }
  finished.id = id;
  finished.attempt = attempt;
  finished.started_at = started;
  finished.completed_at = wall_now();
  finished.elapsed = steady_now() - from;
  return finished;
}

}  // namespace

ThreadExecutor::ThreadExecutor(std::size_t slots, Handlers handlers, Mailbox& mailbox)
    : shared_(std::make_shared<Shared>()) {
  TASKMESH_CHECK(slots > 0);
  shared_->handlers = std::move(handlers);
  shared_->mailbox = &mailbox;
  shared_->threads = slots;
  try {
    for (std::size_t i = 0; i < slots; ++i) {
      Slot& slot = shared_->slots.emplace_back();
      threads_.emplace_back([shared = shared_, &slot] {
        ::pthread_setname_np(::pthread_self(), "taskmesh-slot");
        serve(*shared, slot);
      });
    }
  } catch (const std::system_error&) {  // The system gives no more of them.
    {
      const std::lock_guard lock(shared_->mutex);
      shared_->threads -= slots - threads_.size();
    }
    stop(last_wait);
    throw;
  }
}

ThreadExecutor::~ThreadExecutor() { stop(last_wait); }

void ThreadExecutor::serve(Shared& shared, Slot& slot) {
  std::unique_lock lock(shared.mutex);
  while (!shared.stopping) {
    if (shared.ready.empty()) {
      ++shared.idle;
      shared.work.wait(lock);
      --shared.idle;
      continue;
    }
    core::Run run = std::move(shared.ready.front());
    shared.ready.pop_front();
    slot.stop.reset();
    slot.at = {run.id, run.attempt};
    slot.busy = true;
    lock.unlock();
    core::Finished finished = execute(shared.handlers, std::move(run), slot.stop);
    lock.lock();
    slot.busy = false;
    shared.finished.emplace_back(std::move(finished));
    const bool short_follows = !shared.ready.empty() && shared.ready.front().ahead;
    if (!short_follows || shared.finished.size() >= told_at_once) tell_finished(shared);
  }
  if (--shared.threads == 0) shared.ended.notify_all();
}

/// Under the lock.
void ThreadExecutor::tell_finished(Shared& shared) {
  if (shared.mailbox != nullptr) shared.mailbox->push(shared.finished);
  shared.finished.clear();
}

void ThreadExecutor::run(std::vector<core::Run>& batch) {
  std::size_t wake = 0;
  const std::size_t wanted = std::min(slots_for(batch), batch.size());
  {
    const std::lock_guard lock(shared_->mutex);
    wake = std::min(shared_->idle, wanted);
    for (core::Run& run : batch) shared_->ready.push_back(std::move(run));
  }
  batch.clear();
  for (; wake > 0; --wake) shared_->work.notify_one();
}

void ThreadExecutor::ask_to_stop(const std::vector<core::Stop>& attempts) {
  const std::lock_guard lock(shared_->mutex);
  for (const core::Stop& attempt : attempts) {
    if (drop_ready(*shared_, attempt)) continue;
    const auto slot = std::ranges::find_if(shared_->slots,
                                           [&](const Slot& each) { return each.busy && each.at == attempt; });
    if (slot != shared_->slots.end()) slot->stop.request();
  }
  tell_finished(*shared_);
}

/// Under the lock. False: it is not among those that wait.
bool ThreadExecutor::drop_ready(Shared& shared, const core::Stop& attempt) {
  const auto run = std::ranges::find_if(shared.ready, [&](const core::Run& each) {
    return each.id == attempt.id && each.attempt == attempt.attempt;
  });
  if (run == shared.ready.end()) return false;
  core::Finished finished{.id = run->id, .attempt = run->attempt};
  finished.error = Error{ErrorKind::cancelled, "task '" + run->name + "' was not run",
                         "it was stopped before a slot was free", "submit it again"};
  shared.ready.erase(run);
  shared.finished.emplace_back(std::move(finished));
  return true;
}

std::vector<TaskId> ThreadExecutor::recall() {
  Queue taken;
  {
    const std::lock_guard lock(shared_->mutex);
    taken.swap(shared_->ready);
    tell_finished(*shared_);  // The task that was to be told with it turned out to be long.
  }
  std::vector<TaskId> ids;
  ids.reserve(taken.size());
  for (const core::Run& run : taken) ids.push_back(run.id);
  return ids;
}

bool ThreadExecutor::stop(Duration timeout) {
  std::unique_lock lock(shared_->mutex);
  shared_->stopping = true;
  shared_->ready.clear();
  tell_finished(*shared_);
  shared_->work.notify_all();
  const bool ended = shared_->ended.wait_for(lock, timeout, [this] { return shared_->threads == 0; });
  shared_->mailbox = nullptr;
  lock.unlock();
  for (std::thread& thread : threads_) {
    if (ended) {
      thread.join();
    } else {
      thread.detach();
    }
  }
  threads_.clear();
  return ended;
}

}  // namespace taskmesh::io
