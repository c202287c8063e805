// A task that is a command: one process per attempt, run by /bin/sh -c in a process group of its own.
//
//   standard input    the arguments as one JSON array
//   standard output   the result: JSON, or any other text as a JSON string (without the last line feed); nothing: null
//   standard error    its tail goes into the error of an attempt that failed
//   exit code         0 is success
//   environment       TASKMESH_TASK_ID, TASKMESH_ATTEMPT, and with a deadline TASKMESH_DEADLINE_MS: milliseconds left
//
// When the command ends, its deadline passes, or its slot is asked to stop (cancelled, time limit), its whole process
// group is killed.
// Threads: called by any number of slots at once, each waits for its own process. stop() from any thread.
// Errors:  invalid (arguments that are not JSON), failed (exit code, signal, too much output), timed_out,
//          cancelled (the worker or the attempt is stopped), unavailable (no process can be started).
#pragma once

#include <memory>
#include <string>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/core/types.hpp"
#include "taskmesh/io/stop_token.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

/// Ends all commands at once, now and from now on.
class CommandStop {
 public:
  CommandStop();
  void stop() const;
  int fd() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

/// A Handler (thread_executor.hpp).
class Command {
 public:
  Command(std::string command, std::shared_ptr<const CommandStop> stop,
          std::size_t output_max = limits::payload_bytes)
      : command_(std::move(command)), stop_(std::move(stop)), output_max_(output_max) {}

  core::Finished operator()(core::Run&& run, const StopToken& stop) const;

 private:
  std::string command_;
  std::shared_ptr<const CommandStop> stop_;
  std::size_t output_max_;
};

}  // namespace taskmesh::io
