#include "processes.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <system_error>

namespace pipeline {
namespace {

pid_t start(const std::vector<std::string>& arguments, const char* log) {
  std::vector<char*> argv;
  for (const std::string& argument : arguments)
    argv.push_back(const_cast<char*>(argument.c_str()));  // As exec wants.
  argv.push_back(nullptr);
  const pid_t parent = ::getpid();
  const pid_t pid = ::fork();
  if (pid < 0) throw std::system_error{errno, std::generic_category(), "cannot start a worker"};
  if (pid > 0) return pid;
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);     // A killed driver leaves no workers behind,
  if (::getppid() != parent) ::_exit(1);  // nor one that died before the line above.
  ::setenv("TASKMESH_LOG", log, 0);  // Who comes and goes is for the driver to say, beside its progress bar.
  ::execv("/proc/self/exe", argv.data());
  ::_exit(127);
}

std::string exit_of(const std::string& name, int status) {
  if (WIFSIGNALED(status)) return name + " was ended by signal " + std::to_string(WTERMSIG(status));
  return name + " ended with exit code " + std::to_string(WEXITSTATUS(status));
}

// True if the process ended within the time. A descriptor of the process makes this a wait, not a poll loop.
bool wait_for_end(pid_t pid, std::chrono::milliseconds patience) {
  const int fd = static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
  if (fd < 0) return false;
  pollfd entry{.fd = fd, .events = POLLIN, .revents = 0};
  const int ready = ::poll(&entry, 1, static_cast<int>(patience.count()));
  ::close(fd);
  return ready > 0;
}

}  // namespace

WorkerProcesses::WorkerProcesses(const std::string& mesh, std::uint32_t workers, std::uint32_t slots,
                                 const char* log) {
  for (std::uint32_t i = 1; i <= workers; ++i) {
    const std::string name = "worker-" + std::to_string(i);
    try {
      children_.push_back({name, start({"07_document_pipeline", "--worker", name, "--mesh", mesh, "--slots",
                                        std::to_string(slots)},
                                       log)});
    } catch (...) {
      stop();
      throw;
    }
  }
}

WorkerProcesses::~WorkerProcesses() { stop(); }

std::vector<std::string> WorkerProcesses::ended() {
  std::vector<std::string> lines;
  for (Child& child : children_) {
    int status = 0;
    if (child.pid < 0 || ::waitpid(child.pid, &status, WNOHANG) != child.pid) continue;
    child.pid = -1;
    lines.push_back(exit_of(child.name, status));
  }
  return lines;
}

std::size_t WorkerProcesses::alive() const {
  return static_cast<std::size_t>(
      std::count_if(children_.begin(), children_.end(), [](const Child& child) { return child.pid >= 0; }));
}

std::string WorkerProcesses::kill_one() {
  const auto last =
      std::find_if(children_.rbegin(), children_.rend(), [](const Child& child) { return child.pid >= 0; });
  if (last == children_.rend()) return "nobody";
  ::kill(last->pid, SIGKILL);
  return last->name;
}

void WorkerProcesses::stop(std::chrono::milliseconds patience) {
  for (const Child& child : children_) {
    if (child.pid >= 0) ::kill(child.pid, SIGTERM);
  }
  for (Child& child : children_) {
    if (child.pid < 0) continue;
    if (!wait_for_end(child.pid, patience)) ::kill(child.pid, SIGKILL);
    ::waitpid(child.pid, nullptr, 0);
    child.pid = -1;
  }
}

}  // namespace pipeline
