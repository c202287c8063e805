// StopToken: has the attempt in this slot been asked to end?  One per slot of an executor, used again and again.
//
// Threads: request() and reset() under the executor's lock; requested() and flag() any; fd() the slot's own thread.
#pragma once

#include <atomic>

#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

class StopToken {
 public:
  bool requested() const { return requested_.load(std::memory_order_acquire); }
  const std::atomic<bool>& flag() const { return requested_; }
  /// Readable from the request on; for those who sleep in poll(). Made when first asked for; -1 if that fails, and
  /// then who waits has to look at requested() now and then.
  int fd() const;

  void request();
  /// For the next attempt.
  void reset();

 private:
  std::atomic<bool> requested_{false};
  mutable std::atomic<int> shown_fd_{-1};
  mutable UniqueFd fd_;
};

}  // namespace taskmesh::io
