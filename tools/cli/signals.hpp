// Signals as something to wait for beside other things.
//
// Made before any thread, so that all threads leave SIGTERM and SIGINT to it. One per process.
#pragma once

#include "taskmesh/base/time.hpp"

namespace taskmesh::cli {

class Signals {
 public:
  Signals();
  Signals(const Signals&) = delete;
  Signals& operator=(const Signals&) = delete;
  ~Signals();

  /// From any thread: wait() returns, now or when it is called.
  void wake() const;
  /// Until a signal, wake(), or `budget` has passed; a negative one never ends. True: it was not the budget.
  bool wait(Duration budget) const;

 private:
  int signal_fd_;
  int wake_fd_;
};

}  // namespace taskmesh::cli
