// RawPeer: a TCP connection to a bound socket of ours that says whatever it likes, ZMTP among it. Ends with the object.
#pragma once

#include <arpa/inet.h>
#include <poll.h>
#include <sys/socket.h>

#include <array>
#include <catch2/catch.hpp>
#include <cstdint>
#include <string>
#include <string_view>

#include "taskmesh/io/unique_fd.hpp"

namespace support {

inline std::uint16_t port_of(const std::string& endpoint) {
  return static_cast<std::uint16_t>(std::stoi(endpoint.substr(endpoint.rfind(':') + 1)));
}

class RawPeer {
 public:
  explicit RawPeer(std::uint16_t port) : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    REQUIRE(::connect(fd_.get(), reinterpret_cast<const sockaddr*>(&to), sizeof to) == 0);
  }
  /// False: the other end has closed.
  bool say(std::string_view octets) const {
    while (!octets.empty()) {
      const ssize_t sent = ::send(fd_.get(), octets.data(), octets.size(), MSG_NOSIGNAL);
      if (sent <= 0) return false;
      octets.remove_prefix(static_cast<std::size_t>(sent));
    }
    return true;
  }
  /// Nothing more is said, and the rest still heard.
  void end_sending() const { ::shutdown(fd_.get(), SHUT_WR); }
  /// So many octets, or what came before the other end closed.
  std::string hear(std::size_t octets) const {
    std::string text(octets, '\0');
    std::size_t got = 0;
    while (got < octets) {
      const ssize_t more = ::recv(fd_.get(), text.data() + got, octets - got, 0);
      if (more <= 0) break;
      got += static_cast<std::size_t>(more);
    }
    text.resize(got);
    return text;
  }
  /// Reads what is there, and tells whether the other end has closed.
  bool closed() const {
    pollfd ready{.fd = fd_.get(), .events = POLLIN, .revents = 0};
    std::array<char, 4096> sink{};
    while (::poll(&ready, 1, 0) > 0) {
      if (::recv(fd_.get(), sink.data(), sink.size(), MSG_DONTWAIT) <= 0) return true;
    }
    return false;
  }
  /// The whole handshake; what comes before the other end's READY, it takes for a broken one.
  bool shake_hands() const {
    constexpr std::size_t greeting_and_ready = 64 + 43;  // Of a ROUTER without a name.
    return say(greeting() + ready()) && hear(greeting_and_ready).size() == greeting_and_ready;
  }
  /// A ZMTP 3.0 greeting with the NULL mechanism.
  static std::string greeting() {
    std::string text("\xFF\0\0\0\0\0\0\0\1\x7F\3\0NULL", 16);
    text.resize(64, '\0');
    return text;
  }
  /// READY of a DEALER.
  static std::string ready() {
    return std::string("\4\x1C\5READY\13Socket-Type\0\0\0\6DEALER", 2 + 6 + 12 + 4 + 6);
  }

 private:
  taskmesh::io::UniqueFd fd_;
};

}  // namespace support
