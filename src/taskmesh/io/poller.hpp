// Poller: sleeps until a descriptor is readable or time is up, then calls what was registered for it.
//
// Threads: one, the reactor's. Handlers may add and remove descriptors, their own included.
// A descriptor stays its owner's and must be removed before it is closed.
#pragma once

#include <functional>
#include <memory>
#include <unordered_map>

#include "taskmesh/base/time.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

class Poller {
 public:
  using Handler = std::function<void()>;

  Poller();

  void add(int fd, Handler handler);
  void remove(int fd);
  /// Level-triggered: a handler that leaves its descriptor readable is called again by the next wait.
  void wait(Duration timeout);

 private:
  UniqueFd epoll_;
  std::unordered_map<int, std::shared_ptr<Handler>> handlers_;
};

}  // namespace taskmesh::io
