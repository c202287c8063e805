// CallbackLoad: tasks whose ends are pushed to a listener in this process.
//
// Threads: one, and the listener's own. Errors: std::runtime_error where an event does not come.
#pragma once

#include <cstdint>
#include <mutex>
#include <vector>

#include "bench/bench_mesh.hpp"
#include "bench/slice.hpp"
#include "bench/window.hpp"
#include "taskmesh/callback_listener.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::bench {

class CallbackLoad {
 public:
  CallbackLoad(ClientOptions options, const Load& load);

  /// Events per second that the handler has seen, with a window full of tasks whose events have not come.
  double events();
  /// From the task's last statement to the first of the handler, one task at a time.
  Latency delays();

 private:
  void submit_one();

  const Load load_;
  Window window_;
  std::mutex mutex_;               // What orders the two threads otherwise goes through another process.
  std::vector<double> delays_us_;  // Under mutex_.
  CallbackListener listener_;
  Client client_;
};

}  // namespace taskmesh::bench
