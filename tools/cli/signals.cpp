#include "cli/signals.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <climits>

#include "taskmesh/base/check.hpp"

namespace taskmesh::cli {

Signals::Signals() {
  sigset_t leave;
  sigemptyset(&leave);
  sigaddset(&leave, SIGTERM);
  sigaddset(&leave, SIGINT);
  TASKMESH_CHECK(pthread_sigmask(SIG_BLOCK, &leave, nullptr) == 0);
  signal_fd_ = ::signalfd(-1, &leave, SFD_CLOEXEC);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC);
  TASKMESH_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0);
}

Signals::~Signals() {
  ::close(signal_fd_);
  ::close(wake_fd_);
}

void Signals::wake() const {
  const std::uint64_t one = 1;
  TASKMESH_CHECK(::write(wake_fd_, &one, sizeof one) == sizeof one);
}

bool Signals::wait(Duration budget) const {
  const timespec time = to_timespec(budget);
  std::array<pollfd, 2> watched{
      {{.fd = signal_fd_, .events = POLLIN, .revents = 0}, {.fd = wake_fd_, .events = POLLIN, .revents = 0}}};
  int ready = -1;
  while (ready < 0) {
    ready = ::ppoll(watched.data(), watched.size(), budget < Duration::zero() ? nullptr : &time, nullptr);
    TASKMESH_CHECK(ready >= 0 || errno == EINTR);
  }
  return ready > 0;
}

}  // namespace taskmesh::cli
