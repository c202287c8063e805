#include "taskmesh/io/process_executor.hpp"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <optional>
#include <vector>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/json.hpp"
#include "taskmesh/core/tasks/task_trace.hpp"
#include "taskmesh/io/clock.hpp"

extern char** environ;  // NOLINT: POSIX names it so

namespace taskmesh::io {

namespace {

constexpr std::size_t tail_bytes = 2 * 1024;  // Of standard error, in the error's text.
constexpr int first_free_fd = 3;
constexpr int chunks_at_once = 16;     // More than a pipe holds.
constexpr Duration look_again = 20ms;  // Where something gives us no descriptor to wait for.

struct Pipe {
  UniqueFd read;
  UniqueFd write;
};

/// Ends above 2, so that no dup2 in the child runs over another; our end does not block.
std::optional<Pipe> make_pipe(bool we_read) {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) return std::nullopt;
  const UniqueFd low_read(ends[0]);
  const UniqueFd low_write(ends[1]);
  Pipe pipe{UniqueFd(::fcntl(low_read.get(), F_DUPFD_CLOEXEC, first_free_fd)),
            UniqueFd(::fcntl(low_write.get(), F_DUPFD_CLOEXEC, first_free_fd))};
  if (!pipe.read || !pipe.write) return std::nullopt;
  ::fcntl(we_read ? pipe.read.get() : pipe.write.get(), F_SETFL, O_NONBLOCK);
  return pipe;
}

/// SIGPIPE of this thread's writes is swallowed while it lives; a command may leave its input unread.
class NoPipeSignal {
 public:
  NoPipeSignal() {
    sigemptyset(&pipe_);
    sigaddset(&pipe_, SIGPIPE);
    ::pthread_sigmask(SIG_BLOCK, &pipe_, &before_);
  }
  ~NoPipeSignal() {
    const timespec at_once{};
    while (sigismember(&before_, SIGPIPE) == 0 && ::sigtimedwait(&pipe_, nullptr, &at_once) == SIGPIPE) {
    }
    ::pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }
  NoPipeSignal(const NoPipeSignal&) = delete;
  NoPipeSignal& operator=(const NoPipeSignal&) = delete;

 private:
  sigset_t pipe_{};
  sigset_t before_{};
};

/// Told to each command of its own task; what this process got is not for it.
bool is_of_task(std::string_view variable) {
  constexpr std::array<std::string_view, 5> own{
      "TASKMESH_TASK_ID=", "TASKMESH_ATTEMPT=", "TASKMESH_DEADLINE_MS=", "TRACEPARENT=", "TRACESTATE="};
  return std::ranges::any_of(own, [&](std::string_view name) { return variable.starts_with(name); });
}

std::vector<std::string> environment_for(const core::Run& run) {
  std::vector<std::string> variables;
  for (char** at = environ; *at != nullptr; ++at) {
    if (!is_of_task(*at)) variables.emplace_back(*at);
  }
  const proto::Trace trace = core::trace_of(*run.headers);
  if (!trace.parent.empty()) variables.push_back("TRACEPARENT=" + trace.parent);
  if (!trace.state.empty()) variables.push_back("TRACESTATE=" + trace.state);
  variables.push_back("TASKMESH_TASK_ID=" + to_string(run.id));
  variables.push_back("TASKMESH_ATTEMPT=" + std::to_string(run.attempt));
  if (run.deadline) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(*run.deadline - steady_now());
    variables.push_back("TASKMESH_DEADLINE_MS=" + std::to_string(std::max<std::int64_t>(left.count(), 0)));
  }
  return variables;
}

/// Starts the shell; 0 or an errno.
int spawn(const std::string& command, const core::Run& run, const std::array<int, 3>& stdio, pid_t& pid) {
  posix_spawn_file_actions_t actions{};
  posix_spawnattr_t attributes{};
  ::posix_spawn_file_actions_init(&actions);
  ::posix_spawnattr_init(&attributes);
  for (int fd = 0; fd < first_free_fd; ++fd) {
    ::posix_spawn_file_actions_adddup2(&actions, stdio[static_cast<std::size_t>(fd)], fd);
  }
  sigset_t none{};
  sigset_t all{};
  sigemptyset(&none);
  sigfillset(&all);
  ::posix_spawnattr_setsigmask(&attributes, &none);
  ::posix_spawnattr_setsigdefault(&attributes, &all);
  ::posix_spawnattr_setpgroup(&attributes, 0);
  ::posix_spawnattr_setflags(&attributes,
                             POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
  std::vector<std::string> variables = environment_for(run);
  std::vector<char*> envp;
  envp.reserve(variables.size() + 1);
  for (std::string& variable : variables) envp.push_back(variable.data());
  envp.push_back(nullptr);
  std::array<std::string, 3> words{"/bin/sh", "-c", command};
  std::array<char*, 4> argv{words[0].data(), words[1].data(), words[2].data(), nullptr};
  const int error = ::posix_spawn(&pid, "/bin/sh", &actions, &attributes, argv.data(), envp.data());
  ::posix_spawnattr_destroy(&attributes);
  ::posix_spawn_file_actions_destroy(&actions);
  return error;
}

enum class Ended { by_itself, deadline, asked, stopped, too_much_output };

/// One running command: feeds it, hears it, ends it.
class Attempt {
 public:
  Attempt(pid_t pid, Pipe& in, Pipe& out, Pipe& err, std::string_view input, std::size_t output_max)
      : pid_(pid),
        pidfd_(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0))),
        in_(std::move(in.write)),
        out_(std::move(out.read)),
        err_(std::move(err.read)),
        input_(input),
        output_max_(output_max) {
    if (input_.empty()) in_.reset();
  }

  Ended attend(const std::optional<TimePoint>& deadline, int stop_fd, const StopToken& stop);
  /// Kills the group and takes the exit status; none if somebody else in this program took it.
  std::optional<int> end();
  std::string& output() { return output_; }
  std::string_view error_tail() const { return tail_; }

 private:
  void feed();
  bool has_ended() const;
  static bool drain(UniqueFd& from, std::string& into, std::size_t keep_max, bool keep_tail);

  pid_t pid_;
  UniqueFd pidfd_;
  UniqueFd in_;
  UniqueFd out_;
  UniqueFd err_;
  std::string_view input_;
  std::size_t output_max_;
  std::string output_;
  std::string tail_;
};

void Attempt::feed() {
  const ssize_t written = ::write(in_.get(), input_.data(), input_.size());
  if (written > 0) input_.remove_prefix(static_cast<std::size_t>(written));
  const bool refused = written < 0 && errno != EAGAIN && errno != EINTR;
  if (input_.empty() || refused) in_.reset();
}

/// Reads what is there. False: more than `keep_max` came, and no tail was asked for.
bool Attempt::drain(UniqueFd& from, std::string& into, std::size_t keep_max, bool keep_tail) {
  std::array<char, 64 * 1024> chunk{};
  // Bounded: who writes without end must not keep us from looking at the clock.
  for (int i = 0; from && i < chunks_at_once; ++i) {
    const ssize_t got = ::read(from.get(), chunk.data(), chunk.size());
    if (got < 0 && errno == EINTR) continue;
    if (got < 0 && errno == EAGAIN) return true;
    if (got <= 0) {
      from.reset();
      return true;
    }
    into.append(chunk.data(), static_cast<std::size_t>(got));
    if (into.size() > keep_max && !keep_tail) return false;
    if (into.size() > keep_max) into.erase(0, into.size() - keep_max);
  }
  return true;
}

Ended Attempt::attend(const std::optional<TimePoint>& deadline, int stop_fd, const StopToken& stop) {
  const int asked_fd = stop.fd();
  while (true) {
    if (stop.requested()) return Ended::asked;
    const Duration left = deadline ? *deadline - steady_now() : Duration::max();
    if (left <= Duration::zero()) return Ended::deadline;
    // Negative descriptors are passed over by poll.
    std::array<pollfd, 6> fds{{{pidfd_.get(), POLLIN, 0},
                               {stop_fd, POLLIN, 0},
                               {out_.get(), POLLIN, 0},
                               {err_.get(), POLLIN, 0},
                               {in_.get(), POLLOUT, 0},
                               {asked_fd, POLLIN, 0}}};
    ::poll(fds.data(), fds.size(), poll_ms(pidfd_ && asked_fd >= 0 ? left : std::min(left, look_again)));
    const bool gone = pidfd_ ? fds[0].revents != 0 : has_ended();
    if (fds[1].revents != 0) return Ended::stopped;
    if (fds[4].revents != 0) feed();
    drain(err_, tail_, tail_bytes, true);
    if (!drain(out_, output_, output_max_, false)) return Ended::too_much_output;
    // Seen before the last draining, so nothing it wrote is missed; what it left running is not waited for.
    if (gone) return Ended::by_itself;
  }
}

bool Attempt::has_ended() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
         info.si_pid == pid_;
}

std::optional<int> Attempt::end() {
  // Not reaped yet, so the group's number is still its own.
  ::kill(-pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0) {
    if (errno != EINTR) return std::nullopt;
  }
  return status;
}

Error failed(std::string why, std::string_view tail) {
  while (!tail.empty() && (tail.back() == '\n' || tail.back() == ' ')) tail.remove_suffix(1);
  if (!tail.empty()) why += "; its standard error ends: " + std::string(tail);
  return {ErrorKind::failed, "the command failed", std::move(why), ""};
}

std::optional<Error> judge(Ended ended, std::optional<int> taken, const Attempt& attempt,
                           std::size_t output_max) {
  switch (ended) {
    case Ended::deadline:
      return Error{ErrorKind::timed_out, "the command was killed", "its deadline passed",
                   "give it more time"};
    case Ended::asked:
      return Error{ErrorKind::cancelled, "the command was killed", "it was asked to stop", "submit it again"};
    case Ended::stopped:
      return Error{ErrorKind::cancelled, "the command was killed", "its worker stops", "submit it again"};
    case Ended::too_much_output:
      return failed("it wrote more than " + std::to_string(output_max) + " bytes", attempt.error_tail());
    case Ended::by_itself:
      break;
  }
  if (!taken) return failed("its exit code is unknown: this program waits for all its children", {});
  const int status = *taken;
  if (WIFSIGNALED(status)) {
    const char* name = ::sigabbrev_np(WTERMSIG(status));
    return failed("killed by signal " + std::to_string(WTERMSIG(status)) +
                      (name != nullptr ? " (SIG" + std::string(name) + ")" : ""),
                  attempt.error_tail());
  }
  if (WEXITSTATUS(status) == 0) return std::nullopt;
  return failed("exit code " + std::to_string(WEXITSTATUS(status)), attempt.error_tail());
}

Bytes to_json_result(std::string&& output) {
  if (output.empty()) return Bytes{std::string("null")};
  if (output.ends_with('\n')) output.pop_back();
  if (is_json(output)) return Bytes{std::move(output)};
  return Bytes{to_text(Json(std::move(output)))};
}

}  // namespace

CommandStop::CommandStop() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { TASKMESH_CHECK(fd_); }

void CommandStop::stop() const {
  const std::uint64_t one = 1;
  // Never read: it stays readable for every command, now and later.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

core::Finished Command::operator()(core::Run&& run, const StopToken& stop) const {
  core::Finished finished;
  if (run.args.codec != Codec::json && run.args.codec != Codec::none) {
    finished.error = Error{ErrorKind::invalid, "task '" + run.name + "' cannot read its arguments",
                           "it is a command and takes JSON", "submit it by name with JSON arguments"};
    return finished;
  }
  const std::string_view input = run.args.bytes.empty() ? std::string_view("[]") : run.args.bytes.view();
  auto in = make_pipe(false);
  auto out = make_pipe(true);
  auto err = make_pipe(true);
  pid_t pid = 0;
  int error = EMFILE;
  if (in && out && err)
    error = spawn(command_, run, {in->read.get(), out->write.get(), err->write.get()}, pid);
  if (error != 0) {
    finished.error = Error{ErrorKind::unavailable, "the command was not started", std::strerror(error),
                           "raise the limits of processes and open files"};
    return finished;
  }
  in->read.reset();
  out->write.reset();
  err->write.reset();
  const NoPipeSignal no_signal;
  Attempt attempt(pid, *in, *out, *err, input, output_max_);
  const Ended ended = attempt.attend(run.deadline, stop_->fd(), stop);
  if (auto verdict = judge(ended, attempt.end(), attempt, output_max_)) {
    finished.error = std::move(*verdict);
    return finished;
  }
  finished.result = {Codec::json, to_json_result(std::move(attempt.output()))};
  if (run.want_json) finished.json = finished.result.bytes;
  return finished;
}

}  // namespace taskmesh::io
