#include "support/http_receiver.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <stdexcept>

namespace support {

namespace {

constexpr int look_ms = 20;

bool read_more(int fd, std::string& text, const std::atomic<bool>& stopping) {
  pollfd ready{fd, POLLIN, 0};
  while (!stopping && ::poll(&ready, 1, look_ms) == 0) {
  }
  if (stopping) return false;
  std::array<char, 4096> block{};
  const ssize_t got = ::recv(fd, block.data(), block.size(), 0);
  if (got <= 0) return false;
  text.append(block.data(), static_cast<std::size_t>(got));
  return true;
}

HttpRequest parse_head(const std::string& head) {
  HttpRequest request;
  std::size_t at = head.find("\r\n");
  request.line = head.substr(0, at);
  while (at != std::string::npos && at + 2 < head.size()) {
    const std::size_t end = std::min(head.find("\r\n", at + 2), head.size());
    const std::string line = head.substr(at + 2, end - at - 2);
    const std::size_t colon = line.find(": ");
    std::string name = line.substr(0, colon);
    std::transform(name.begin(), name.end(), name.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    if (colon != std::string::npos) request.headers[name] = line.substr(colon + 2);
    at = end < head.size() ? end : std::string::npos;
  }
  return request;
}

}  // namespace

std::string http_answer(int status, const std::string& headers, const std::string& body) {
  return "HTTP/1.1 " + std::to_string(status) +
         " Answer\r\nConnection: close\r\nContent-Length: " + std::to_string(body.size()) + "\r\n" + headers +
         "\r\n" + body;
}

HttpReceiver::HttpReceiver(Answer answer, int port) : answer_(std::move(answer)) {
  fd_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int yes = 1;
  ::setsockopt(fd_, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  socklen_t size = sizeof address;
  auto* any = reinterpret_cast<sockaddr*>(&address);
  if (::bind(fd_, any, size) != 0 || ::listen(fd_, 64) != 0 || ::getsockname(fd_, any, &size) != 0) {
    ::close(fd_);
    throw std::runtime_error("the receiver could not be bound");
  }
  port_ = ntohs(address.sin_port);
  acceptor_ = std::thread([this] { accept_all(); });
}

HttpReceiver::~HttpReceiver() {
  stopping_ = true;
  acceptor_.join();
  for (std::thread& thread : threads_) thread.join();
  ::close(fd_);
}

std::string HttpReceiver::url(const std::string& path) const {
  return "http://127.0.0.1:" + std::to_string(port_) + path;
}

std::vector<HttpRequest> HttpReceiver::requests() const {
  const std::lock_guard lock(mutex_);
  return requests_;
}

bool HttpReceiver::wait_for(std::size_t count, std::chrono::milliseconds budget) const {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, budget, [&] { return answered_ >= count; });
}

void HttpReceiver::accept_all() {
  while (!stopping_) {
    pollfd ready{fd_, POLLIN, 0};
    if (::poll(&ready, 1, look_ms) <= 0) continue;
    const int fd = ::accept4(fd_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) continue;
    ++connections_;
    threads_.emplace_back([this, fd] {
      serve(fd);
      ::close(fd);
    });
  }
}

void HttpReceiver::serve(int fd) {
  std::string text;
  while (text.find("\r\n\r\n") == std::string::npos) {
    if (!read_more(fd, text, stopping_)) return;
  }
  const std::size_t head = text.find("\r\n\r\n");
  HttpRequest request = parse_head(text.substr(0, head));
  const auto length = request.headers.find("content-length");
  const std::size_t wanted = length == request.headers.end() ? 0 : std::stoul(length->second);
  while (text.size() < head + 4 + wanted) {
    if (!read_more(fd, text, stopping_)) return;
  }
  request.body = text.substr(head + 4, wanted);
  std::size_t nth = 0;
  {
    const std::lock_guard lock(mutex_);
    requests_.push_back(request);
    nth = requests_.size();
  }
  std::string answer = answer_(request, nth);
  while (!answer.empty()) {
    const ssize_t sent = ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
    if (sent <= 0) break;
    answer.erase(0, static_cast<std::size_t>(sent));
  }
  ::shutdown(fd, SHUT_WR);
  const std::lock_guard lock(mutex_);
  ++answered_;
  changed_.notify_all();
}

}  // namespace support
