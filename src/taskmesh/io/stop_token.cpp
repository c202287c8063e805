#include "taskmesh/io/stop_token.hpp"

#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

namespace taskmesh::io {

namespace {

void ring(int fd) {
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd, &one, sizeof one);
}

}  // namespace

int StopToken::fd() const {
  if (!fd_) {
    fd_ = UniqueFd(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    shown_fd_.store(fd_.get());
    // Either request() has seen the descriptor, or we see the request.
    if (fd_ && requested_.load()) ring(fd_.get());
  }
  return fd_.get();
}

void StopToken::request() {
  requested_.store(true);
  if (const int fd = shown_fd_.load(); fd >= 0) ring(fd);
}

void StopToken::reset() {
  if (!requested_.load(std::memory_order_relaxed)) return;
  requested_.store(false);
  std::uint64_t rung = 0;
  if (fd_) [[maybe_unused]]
    const auto got = ::read(fd_.get(), &rung, sizeof rung);
}

}  // namespace taskmesh::io
