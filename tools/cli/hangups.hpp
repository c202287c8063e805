// Hangups: SIGHUP as the wish to read keys and certificates again, for programs that serve.
#pragma once

#include <functional>
#include <thread>

namespace taskmesh::cli {

/// From now on no thread that this one starts is ended by SIGHUP: to be called before there is any. Its descriptor is Hangups' to
/// read and close. -1: standard input is a terminal, and SIGHUP says that it is gone, and ends the program as ever.
int hold_hangups();

class Hangups {
 public:
  /// `then` is called on a thread of its own, at each signal.
  Hangups(int held, std::function<void()> then);
  Hangups(const Hangups&) = delete;
  Hangups& operator=(const Hangups&) = delete;
  /// It is called no more.
  ~Hangups();

 private:
  void serve() const;

  const int signal_fd_;
  const int end_fd_;
  const std::function<void()> then_;
  std::thread thread_;
};

}  // namespace taskmesh::cli
