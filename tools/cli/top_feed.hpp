// TopFeed: asks the mesh for `taskmesh top`, on a thread of its own, so that keys never wait for a worker.
//
// Lifetime: the client and the function outlive it; the destructor waits for the question that is open (two seconds at
// most). Threads: take(), cancel() and look() from one; `news` is called on the feed's.
#pragma once

#include <condition_variable>
#include <functional>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "cli/top_model.hpp"

namespace taskmesh::cli {

/// What the mesh says now: workers, what runs, and what else there is up to `tasks_max`. Throws Failure.
TopSample take_sample(Client& client, std::size_t tasks_max);

class TopFeed {
 public:
  struct News {
    std::optional<TopSample> sample{};
    std::string message{};
  };

  TopFeed(Client& client, std::size_t tasks_max, Duration interval, std::function<void()> news);
  TopFeed(const TopFeed&) = delete;
  TopFeed& operator=(const TopFeed&) = delete;
  ~TopFeed();

  News take();
  void cancel(TaskId task);
  /// At once, not after the interval.
  void look();

 private:
  void run();
  void tell(News news);
  std::string cancelled(TaskId task);

  Client& client_;
  const std::size_t tasks_max_;
  const Duration interval_;
  const std::function<void()> news_;
  std::mutex mutex_;
  std::condition_variable changed_;
  News waiting_;
  std::vector<TaskId> doomed_;
  bool look_ = false;
  bool ended_ = false;
  std::thread thread_;
};

}  // namespace taskmesh::cli
