// SignalWatch: SIGTERM and SIGINT as an event that one thread can wait for, beside others. Internal to the face.
//
// Installs handlers for its lifetime and puts the earlier ones back. One at a time per process.
#pragma once

#include <csignal>

#include "taskmesh/base/time.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::detail {

class SignalWatch {
 public:
  /// `handle_signals` false: only wake() ends a wait.
  explicit SignalWatch(bool handle_signals);
  ~SignalWatch();
  SignalWatch(const SignalWatch&) = delete;
  SignalWatch& operator=(const SignalWatch&) = delete;

  /// True: a signal came or wake() was called since the last wait. False: `timeout` passed.
  bool wait(Duration timeout);
  /// As if a signal had come. Any thread.
  void wake();

 private:
  io::UniqueFd event_;
  bool installed_ = false;
  struct sigaction old_term_ {};
  struct sigaction old_int_ {};
};

}  // namespace taskmesh::detail
