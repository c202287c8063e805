#include "taskmesh/signal_watch.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::detail {

namespace {

// A signal handler has no other way to know whom to tell.
std::atomic<int> signal_fd{-1};

void ring(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const ssize_t written = ::write(fd, &one, sizeof one);
}

void on_signal(int) {
  const int saved = errno;
  const int fd = signal_fd.load();
  if (fd >= 0) ring(fd);
  errno = saved;
}

}  // namespace

SignalWatch::SignalWatch(bool handle_signals) : event_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  TASKMESH_CHECK(event_.get() >= 0);
  int nobody = -1;
  installed_ = handle_signals && signal_fd.compare_exchange_strong(nobody, event_.get());
  if (!installed_) return;
  struct sigaction action {};
  action.sa_handler = on_signal;
  ::sigemptyset(&action.sa_mask);
  ::sigaction(SIGTERM, &action, &old_term_);
  ::sigaction(SIGINT, &action, &old_int_);
}

SignalWatch::~SignalWatch() {
  if (!installed_) return;
  ::sigaction(SIGTERM, &old_term_, nullptr);
  ::sigaction(SIGINT, &old_int_, nullptr);
  signal_fd.store(-1);
}

bool SignalWatch::wait(Duration timeout) {
  const TimePoint until = io::steady_now() + timeout;
  for (;;) {
    pollfd entry{.fd = event_.get(), .events = POLLIN, .revents = 0};
    const int ready = ::poll(&entry, 1, io::poll_ms(until - io::steady_now()));
    if (ready > 0) {
      std::uint64_t count = 0;
      return ::read(event_.get(), &count, sizeof count) > 0;
    }
    if (ready == 0 && io::steady_now() >= until) return false;
  }
}

void SignalWatch::wake() { ring(event_.get()); }

}  // namespace taskmesh::detail
