// RawPeer: the other end of raw libzmq, as a process of its own: an echo and a sink, ROUTER sockets on
// loopback TCP. One thread each, because only one of them is under load at a time.
//
// Made by fork(), so before this process has any other thread (before the first Client). The process ends
// with this object, or with us. Errors: std::runtime_error where the system gives no process or port.
#pragma once

#include <sys/types.h>

#include <string>

namespace taskmesh::bench {

class RawPeer {
 public:
  RawPeer();
  ~RawPeer();
  RawPeer(const RawPeer&) = delete;
  RawPeer& operator=(const RawPeer&) = delete;

  pid_t pid() const { return pid_; }
  /// Every message comes back.
  const std::string& echo_endpoint() const { return echo_; }
  /// Messages are taken and dropped; an empty one comes back, when all before it have been taken.
  const std::string& sink_endpoint() const { return sink_; }

 private:
  pid_t pid_ = -1;
  std::string echo_;
  std::string sink_;
};

}  // namespace taskmesh::bench
