#include "taskmesh/io/poller.hpp"

#include <sys/epoll.h>

#include <array>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/clock.hpp"

namespace taskmesh::io {

Poller::Poller() : epoll_(::epoll_create1(EPOLL_CLOEXEC)) { TASKMESH_CHECK(epoll_); }

void Poller::add(int fd, Handler handler) {
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.fd = fd;
  TASKMESH_CHECK(::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) == 0);
  handlers_[fd] = std::make_shared<Handler>(std::move(handler));
}

void Poller::remove(int fd) {
  if (handlers_.erase(fd) != 0) ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr);
}

void Poller::wait(Duration timeout) {
  std::array<epoll_event, 64> ready{};
  const int count =
      ::epoll_wait(epoll_.get(), ready.data(), static_cast<int>(ready.size()), poll_ms(timeout));
  for (int i = 0; i < count; ++i) {
    const auto found = handlers_.find(ready[static_cast<std::size_t>(i)].data.fd);
    if (found == handlers_.end()) continue;  // Removed by a handler before it.
    const std::shared_ptr<Handler> handler = found->second;
    (*handler)();
  }
}

}  // namespace taskmesh::io
