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

/// While it lives, this thread takes the signals only inside of ppoll(): none comes between a look and a sleep.
/// (The handler's ringing would survive that; the thread sanitizer, which puts handlers off until a thread's next
/// call, has been seen to forget a signal there.)
class OnlyInside {
 public:
  OnlyInside() {
    sigset_t leave;
    ::sigemptyset(&leave);
    ::sigaddset(&leave, SIGTERM);
    ::sigaddset(&leave, SIGINT);
    ::pthread_sigmask(SIG_BLOCK, &leave, &before_);
  }
  ~OnlyInside() { ::pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  OnlyInside(const OnlyInside&) = delete;
  OnlyInside& operator=(const OnlyInside&) = delete;

  const sigset_t* mask() const { return &before_; }

 private:
  sigset_t before_{};
};

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
  const OnlyInside inside;
  for (;;) {
    pollfd entry{.fd = event_.get(), .events = POLLIN, .revents = 0};
    const timespec left = to_timespec(until - io::steady_now());
    const int ready = ::ppoll(&entry, 1, &left, inside.mask());
    if (ready > 0) {
      std::uint64_t count = 0;
      return ::read(event_.get(), &count, sizeof count) > 0;
    }
    if (ready == 0 && io::steady_now() >= until) return false;
  }
}

void SignalWatch::wake() { ring(event_.get()); }

}  // namespace taskmesh::detail
