// Processes for tests: the real binary, started, watched and ended, each with a deadline.
//
// Host is a make-believe host: a runtime directory of its own, so its processes see only each other, and a
// clean environment. Process collects both outputs while it is waited for. Nothing here sleeps: waiting is
// poll() on pipes and on the process itself. Not for several threads.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "support/folder.hpp"

namespace support {

using std::chrono::milliseconds;
using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

/// Generous: sanitizers and a loaded machine. What must be fast is measured, not bounded by this.
inline constexpr milliseconds patience{20'000};

/// What a promised time is multiplied with before it is held against a measured one: sanitizers make everything slower.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr double time_factor = 10;
#else
inline constexpr double time_factor = 1;
#endif

/// How a process ended, and what it wrote.
struct Outcome {
  bool ended = false;  ///< False: it had to be killed, the deadline had passed.
  int exit_code = -1;  ///< -1 where a signal ended it.
  int signal = 0;
  std::string out;
  std::string err;
  milliseconds took{};
};

class Process {
 public:
  /// Starts it; `variables` is its whole environment. Throws std::runtime_error.
  Process(const Words& words, const Variables& variables);
  Process(Process&& other) noexcept;
  Process& operator=(Process&& other) noexcept;
  Process(const Process&) = delete;
  Process& operator=(const Process&) = delete;
  /// Kills it (SIGKILL) if it still runs, and takes its exit status.
  ~Process();

  pid_t pid() const { return pid_; }
  /// SIGSTOP: returns when all of it stands still.
  void signal(int number) const;
  /// Reads until standard output (or error) contains `text`. False: it ended, or `budget` passed first.
  bool wait_for_out(std::string_view text, milliseconds budget = patience);
  bool wait_for_err(std::string_view text, milliseconds budget = patience);
  /// Reads until standard output has that many lines.
  bool wait_for_lines(std::size_t count, milliseconds budget = patience);
  /// Waits for its end; kills it when `budget` has passed. May be called again.
  Outcome wait(milliseconds budget = patience);
  bool running();

  /// What it has written so far, as far as it was waited for.
  const std::string& out() const { return out_; }
  const std::string& err() const { return err_; }
  /// Closes the reading end of its standard output: it meets a broken pipe.
  void close_out();

 private:
  using Clock = std::chrono::steady_clock;
  template <class Enough>
  bool read_until(Enough enough, Clock::time_point until);
  bool read_some(Clock::time_point until);
  void reap(bool kill_first);
  void drain(int& fd, std::string& into);

  pid_t pid_ = -1;
  int pidfd_ = -1;
  int out_fd_ = -1;
  int err_fd_ = -1;
  bool ended_ = false;
  int status_ = 0;
  std::string out_;
  std::string err_;
  Clock::time_point started_;
  Clock::time_point ended_at_;
};

/// A host of its own for one test: runtime directory, environment, the `taskmesh` binary.
class Host {
 public:
  /// `binary`: path of the command line program.
  explicit Host(std::string binary) : binary_(std::move(binary)) {}

  /// The environment of what is started here; add to it before starting.
  Variables& variables() { return variables_; }
  const std::filesystem::path& folder() const { return folder_.path(); }
  /// A file in the folder that is not there yet.
  std::string file(std::string_view name) const { return (folder_.path() / name).string(); }

  /// Starts `taskmesh WORDS...`.
  Process start(const Words& words) const;
  /// Starts it, waits for its end.
  Outcome run(const Words& words, milliseconds budget = patience) const;
  /// Starts `taskmesh worker WORDS...` and waits until it serves. Throws with its output where it does not.
  Process worker(const Words& words = {"--builtin"}) const;
  /// Starts another program here.
  Process start_program(const Words& words) const;

 private:
  Variables environment() const;

  std::string binary_;
  Folder folder_;
  Variables variables_;
};

/// The lines of a text, without their ends.
Words lines_of(std::string_view text);
/// The file's lines; none if there is no such file.
Words lines_of_file(const std::string& path);
/// A TCP port of the loopback that was free a moment ago, below the ephemeral range.
int free_port();

}  // namespace support
