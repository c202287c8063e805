// Executor: where attempts run. The node hands them over in batches; each ends as one core::Finished in the
// mailbox. Threads: every method from the reactor's thread; stop() from any, once.
#pragma once

#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::io {

class Executor {
 public:
  Executor() = default;
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  virtual ~Executor() = default;

  /// Takes the runs over and leaves `batch` empty with its storage kept. Never blocks.
  virtual void run(std::vector<core::Run>& batch) = 0;
  /// Asks these attempts to end soon. What no slot has started will not start, and ends as cancelled.
  virtual void ask_to_stop(const std::vector<core::Stop>& attempts) = 0;
  /// Gives back what no slot has started; it will not start any more.
  virtual std::vector<TaskId> recall() = 0;
};

}  // namespace taskmesh::io
