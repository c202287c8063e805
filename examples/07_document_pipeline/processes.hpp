// The worker processes: this program started again, with a flag. Ends exactly those that it started.
//
// Threads: one. Start them before this process has threads of its own.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace pipeline {

class WorkerProcesses {
 public:
  /// `log`: what they say on standard error, unless $TASKMESH_LOG says otherwise.
  WorkerProcesses(const std::string& mesh, std::uint32_t workers, std::uint32_t slots, const char* log);
  WorkerProcesses(const WorkerProcesses&) = delete;
  WorkerProcesses& operator=(const WorkerProcesses&) = delete;
  ~WorkerProcesses();  ///< stop()

  /// Names and exits of workers that ended since the last call: "worker-2 was ended by signal 9". Never
  /// waits.
  std::vector<std::string> ended();
  std::size_t alive() const;
  /// SIGKILL to the last one that lives. Its name.
  std::string kill_one();

  /// SIGTERM to all, so they leave the mesh in order; SIGKILL to those that have not ended by then.
  void stop(std::chrono::milliseconds patience = std::chrono::seconds{10});

 private:
  struct Child {
    std::string name;
    pid_t pid = -1;  ///< -1: ended and reaped.
  };
  std::vector<Child> children_;
};

}  // namespace pipeline
