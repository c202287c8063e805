// One HTTP request at a time, with nothing but sockets: enough to see what a webhook is. A real receiver is behind a web
// server, and gives verify_webhook the three headers and the body as they came.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <array>
#include <cstdint>
#include <stdexcept>
#include <string>

struct Post {
  int fd = -1;
  std::string head;
  std::string body;

  /// The header's value; names are sent in lower case.
  std::string header(const std::string& name) const {
    const std::size_t at = head.find("\r\n" + name + ": ");
    if (at == std::string::npos) return {};
    const std::size_t begin = at + name.size() + 4;
    return head.substr(begin, head.find("\r\n", begin) - begin);
  }
  void answer(const std::string& status) const {
    const std::string text = "HTTP/1.1 " + status + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    if (::send(fd, text.data(), text.size(), MSG_NOSIGNAL) < 0)
      throw std::runtime_error("the sender is gone");
    ::close(fd);
  }
};

class Door {
 public:
  Door() : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    auto* any = reinterpret_cast<sockaddr*>(&address);
    if (::bind(fd_, any, size) != 0 || ::listen(fd_, 8) != 0 || ::getsockname(fd_, any, &size) != 0) {
      throw std::runtime_error("no port could be bound");
    }
    port_ = ntohs(address.sin_port);
  }
  ~Door() { ::close(fd_); }
  Door(const Door&) = delete;
  Door& operator=(const Door&) = delete;

  std::string url() const { return "http://127.0.0.1:" + std::to_string(port_) + "/hook"; }

  Post next() const {
    Post post{.fd = ::accept(fd_, nullptr, nullptr)};
    std::string text;
    std::array<char, 4096> block{};
    std::size_t end = std::string::npos;
    while (end == std::string::npos || text.size() < end + 4 + std::stoul(post.header("Content-Length"))) {
      const ssize_t got = ::recv(post.fd, block.data(), block.size(), 0);
      if (got <= 0) throw std::runtime_error("the request ended too early");
      text.append(block.data(), static_cast<std::size_t>(got));
      end = text.find("\r\n\r\n");
      if (end != std::string::npos) post.head = text.substr(0, end + 2);
    }
    post.body = text.substr(end + 4);
    return post;
  }

 private:
  int fd_;
  std::uint16_t port_ = 0;
};
