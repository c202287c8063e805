// RawLoad: the ceilings. The same payload over one libzmq DEALER to a RawPeer, one record per message.
//
// Threads: one. Errors: std::runtime_error where the peer answers wrongly or not within ten seconds.
#pragma once

#include <memory>

#include "bench/raw_peer.hpp"
#include "bench/slice.hpp"

namespace taskmesh::bench {

class RawLoad {
 public:
  RawLoad(const RawPeer& peer, const Load& load);
  ~RawLoad();

  /// What the next slices are like. Not during one.
  void use(const Load& load) { load_ = load; }
  /// One at a time, blocking.
  Latency round_trips();
  /// Round trips per second with a window full of messages under way.
  double echo();
  /// Messages per second that the peer took; none comes back.
  double one_way();

 private:
  struct Sockets;
  Load load_;
  std::unique_ptr<Sockets> sockets_;
};

}  // namespace taskmesh::bench
