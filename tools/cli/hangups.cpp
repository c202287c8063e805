#include "cli/hangups.hpp"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <utility>

#include "taskmesh/base/check.hpp"

namespace taskmesh::cli {

int hold_hangups() {
  if (::isatty(STDIN_FILENO) == 1) return -1;
  sigset_t hangup;
  sigemptyset(&hangup);
  sigaddset(&hangup, SIGHUP);
  TASKMESH_CHECK(pthread_sigmask(SIG_BLOCK, &hangup, nullptr) == 0);
  const int fd = ::signalfd(-1, &hangup, SFD_CLOEXEC);
  TASKMESH_CHECK(fd >= 0);
  return fd;
}

Hangups::Hangups(int held, std::function<void()> then)
    : signal_fd_(held), end_fd_(::eventfd(0, EFD_CLOEXEC)), then_(std::move(then)) {
  TASKMESH_CHECK(end_fd_ >= 0);
  if (signal_fd_ >= 0) thread_ = std::thread([this] { serve(); });
}

Hangups::~Hangups() {
  const std::uint64_t one = 1;
  TASKMESH_CHECK(::write(end_fd_, &one, sizeof one) == sizeof one);
  if (thread_.joinable()) thread_.join();
  if (signal_fd_ >= 0) ::close(signal_fd_);
  ::close(end_fd_);
}

void Hangups::serve() const {
  std::array<pollfd, 2> watched{
      {{.fd = signal_fd_, .events = POLLIN, .revents = 0}, {.fd = end_fd_, .events = POLLIN, .revents = 0}}};
  for (;;) {
    if (::poll(watched.data(), watched.size(), -1) < 0) continue;
    if (watched[1].revents != 0) return;
    signalfd_siginfo about{};
    if (::read(signal_fd_, &about, sizeof about) == sizeof about) then_();
  }
}

}  // namespace taskmesh::cli
