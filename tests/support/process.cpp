#include "support/process.hpp"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <utility>

namespace support {

namespace {

[[noreturn]] void refuse(const std::string& what, int error) {
  throw std::runtime_error(what + ": " + std::strerror(error));
}

struct Pipe {
  int read = -1;
  int write = -1;
};

Pipe make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) refuse("pipe", errno);
  ::fcntl(ends[0], F_SETFL, O_NONBLOCK);
  return {ends[0], ends[1]};
}

pid_t spawn(const Words& words, const Variables& variables, int out, int err) {
  Words texts = words;
  Words settings;
  for (const auto& [name, value] : variables) settings.push_back(name + "=" + value);
  std::vector<char*> argv;
  std::vector<char*> envp;
  for (std::string& text : texts) argv.push_back(text.data());
  for (std::string& text : settings) envp.push_back(text.data());
  argv.push_back(nullptr);
  envp.push_back(nullptr);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_addopen(&actions, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
  posix_spawn_file_actions_adddup2(&actions, out, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2(&actions, err, STDERR_FILENO);
  pid_t pid = -1;
  const int error = ::posix_spawnp(&pid, argv[0], &actions, nullptr, argv.data(), envp.data());
  posix_spawn_file_actions_destroy(&actions);
  if (error != 0) refuse("cannot start " + words.at(0), error);
  return pid;
}

void close_fd(int& fd) {
  if (fd >= 0) ::close(fd);
  fd = -1;
}

}  // namespace

// ---- Process ------------------------------------------------------------------------------------------

Process::Process(const Words& words, const Variables& variables) : started_(Clock::now()) {
  Pipe out = make_pipe();
  Pipe err = make_pipe();
  pid_ = spawn(words, variables, out.write, err.write);
  close_fd(out.write);
  close_fd(err.write);
  out_fd_ = out.read;
  err_fd_ = err.read;
  pidfd_ = static_cast<int>(::syscall(SYS_pidfd_open, pid_, 0));
  if (pidfd_ < 0) refuse("pidfd_open", errno);
}

Process::Process(Process&& other) noexcept { *this = std::move(other); }

Process& Process::operator=(Process&& other) noexcept {
  std::swap(pid_, other.pid_);
  std::swap(pidfd_, other.pidfd_);
  std::swap(out_fd_, other.out_fd_);
  std::swap(err_fd_, other.err_fd_);
  std::swap(ended_, other.ended_);
  std::swap(status_, other.status_);
  std::swap(out_, other.out_);
  std::swap(err_, other.err_);
  std::swap(started_, other.started_);
  std::swap(ended_at_, other.ended_at_);
  return *this;
}

Process::~Process() {
  if (pid_ > 0 && !ended_) reap(true);
  close_fd(pidfd_);
  close_fd(out_fd_);
  close_fd(err_fd_);
}

void Process::signal(int number) const {
  if (ended_) return;
  ::kill(pid_, number);
  if (number != SIGSTOP) return;
  siginfo_t stopped{};
  while (::waitid(P_PID, static_cast<id_t>(pid_), &stopped, WSTOPPED | WEXITED | WNOWAIT) < 0 &&
         errno == EINTR) {
  }
}

void Process::reap(bool kill_first) {
  if (kill_first) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, &status_, 0) < 0 && errno == EINTR) {
  }
  ended_ = true;
  ended_at_ = Clock::now();
  drain(out_fd_, out_);
  drain(err_fd_, err_);
}

void Process::drain(int& fd, std::string& into) {
  std::array<char, 65536> chunk{};
  while (fd >= 0) {
    const ssize_t got = ::read(fd, chunk.data(), chunk.size());
    if (got > 0) {
      into.append(chunk.data(), static_cast<std::size_t>(got));
    } else if (got < 0 && errno == EINTR) {
      continue;
    } else {
      if (got == 0 || errno != EAGAIN) close_fd(fd);
      return;
    }
  }
}

/// One round of reading. False: `until` has passed, or it has ended.
bool Process::read_some(Clock::time_point until) {
  const auto left = std::chrono::ceil<milliseconds>(until - Clock::now());
  if (ended_ || left.count() <= 0) return false;
  std::array<pollfd, 3> watched{{{pidfd_, POLLIN, 0}, {out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}}};
  ::poll(watched.data(), watched.size(), static_cast<int>(left.count()));
  if (watched[1].revents != 0) drain(out_fd_, out_);
  if (watched[2].revents != 0) drain(err_fd_, err_);
  if (watched[0].revents != 0) reap(false);
  return true;
}

template <class Enough>
bool Process::read_until(Enough enough, Clock::time_point until) {
  while (!enough()) {
    if (!read_some(until)) return enough();
  }
  return true;
}

bool Process::wait_for_out(std::string_view text, milliseconds budget) {
  return read_until([&] { return out_.find(text) != std::string::npos; }, Clock::now() + budget);
}

bool Process::wait_for_err(std::string_view text, milliseconds budget) {
  return read_until([&] { return err_.find(text) != std::string::npos; }, Clock::now() + budget);
}

bool Process::wait_for_lines(std::size_t count, milliseconds budget) {
  return read_until([&] { return lines_of(out_).size() >= count && out_.ends_with('\n'); },
                    Clock::now() + budget);
}

bool Process::running() {
  read_some(Clock::now() + milliseconds(1));
  return !ended_;
}

void Process::close_out() { close_fd(out_fd_); }

Outcome Process::wait(milliseconds budget) {
  const bool in_time = read_until([this] { return ended_; }, Clock::now() + budget);
  if (!in_time) reap(true);
  Outcome outcome{.ended = in_time, .out = out_, .err = err_};
  if (WIFEXITED(status_)) outcome.exit_code = WEXITSTATUS(status_);
  if (WIFSIGNALED(status_)) outcome.signal = WTERMSIG(status_);
  outcome.took = std::chrono::duration_cast<milliseconds>(ended_at_ - started_);
  return outcome;
}

// ---- Host ---------------------------------------------------------------------------------------------

Variables Host::environment() const {
  // Sanitizers and coverage are told by variables what to do: those pass through.
  Variables all{{"XDG_RUNTIME_DIR", folder_.path().string()},
                {"LC_ALL", "C.UTF-8"},
                // Whoever runs the tests may have settings of their own.
                {"TASKMESH_CONFIG", "/dev/null"}};
  for (const char* name : {"PATH", "HOME", "TMPDIR", "ASAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS",
                           "LD_LIBRARY_PATH", "GCOV_PREFIX"}) {
    if (const char* value = std::getenv(name)) all[name] = value;
  }
  for (const auto& [name, value] : variables_) all[name] = value;
  return all;
}

Process Host::start(const Words& words) const {
  Words all{binary_};
  all.insert(all.end(), words.begin(), words.end());
  return Process(all, environment());
}

Process Host::start_program(const Words& words) const { return Process(words, environment()); }

Outcome Host::run(const Words& words, milliseconds budget) const { return start(words).wait(budget); }

Process Host::worker(const Words& words) const {
  Words all{"worker"};
  all.insert(all.end(), words.begin(), words.end());
  Process process = start(all);
  if (!process.wait_for_err(" serves mesh "))
    throw std::runtime_error("no worker: " + process.wait(milliseconds(0)).err);
  return process;
}

Words lines_of(std::string_view text) {
  Words lines;
  std::istringstream in{std::string(text)};
  for (std::string line; std::getline(in, line);) lines.push_back(line);
  return lines;
}

Words lines_of_file(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path, std::ios::binary).rdbuf();
  return lines_of(text.str());
}

int free_port() {
  std::random_device random;
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const int port = 20'000 + static_cast<int>(random() % 12'000);
    const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(static_cast<std::uint16_t>(port));
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const bool bound = ::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(fd);
    if (bound) return port;
  }
  throw std::runtime_error("no free port");
}

}  // namespace support
