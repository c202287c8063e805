// Window: how many tasks are under way at once. One thread lets tasks in, one lets them out.
//
// A full window is waited for until half of it is free, so that the feeder is woken once per half window and not once
// per answer. Time: gives up when nothing comes back for limits::wait_budget.
// Ownership: `leave` may still be at work when `wait_for_all` has returned, so the window lives as long as who calls it.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>

namespace taskmesh::bench {

class Window {
 public:
  /// One more is about to be sent. False: the window is full, and stays full.
  bool enter(std::uint64_t size);
  /// One has come back. On the thread that alone calls this.
  void leave();
  /// Waits until all have come back. False: they do not.
  bool wait_for_all() { return wait_for(sent_); }

 private:
  bool wait_for(std::uint64_t count);

  // The feeder and the other thread write different counts, so that neither pays for the other's.
  std::uint64_t sent_ = 0;
  std::uint64_t answered_seen_ = 0;
  alignas(64) std::atomic<std::uint64_t> answered_count_{0};
  std::atomic<std::uint64_t> wanted_{0};  // The feeder sleeps until so many are answered; 0: it does not.
  alignas(64) std::mutex mutex_;          // For the feeder that waits for answers, no more.
  std::condition_variable answered_;
};

}  // namespace taskmesh::bench
