#include "chaos/gate.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <deque>
#include <list>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace chaos {

namespace {

using Clock = std::chrono::steady_clock;

constexpr std::size_t held_max = 1 << 20;  // Of one direction; then the sender has to wait.

sockaddr_in loopback(int port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  return address;
}

int connect_to(int port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const sockaddr_in address = loopback(port);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

/// One direction of a connection of ZMTP 3: octets in, whole messages out, some of them twice.
class Repeater {
 public:
  /// Each message of which `each` is a divisor of its number comes twice; adds to `repeated`.
  std::string pass(const std::string& octets, std::uint64_t each, std::atomic<std::uint64_t>& repeated) {
    const std::size_t greeting =
        std::min(octets.size(), greeting_left_);  // Each side waits for the other's beginning.
    greeting_left_ -= greeting;
    std::string out = octets.substr(0, greeting);
    held_ += octets.substr(greeting);
    for (std::size_t size = frame(); size > 0 && size <= held_.size(); size = frame()) {
      const auto flags = static_cast<unsigned char>(held_[0]);
      message_ += held_.substr(0, size);
      held_.erase(0, size);
      if ((flags & more_flag) != 0) continue;
      const bool twice = (flags & command_flag) == 0 && each > 0 && ++messages_ % each == 0;
      out += message_;
      if (twice) out += message_;
      repeated += twice ? 1U : 0U;
      message_.clear();
    }
    return out;
  }

 private:
  static constexpr std::size_t greeting_octets = 64;
  static constexpr unsigned more_flag = 1;
  static constexpr unsigned long_flag = 2;
  static constexpr unsigned command_flag = 4;

  /// Octets of the first frame that is held; 0: it is not known yet.
  std::size_t frame() const {
    if (held_.empty()) return 0;
    const bool is_long = (static_cast<unsigned char>(held_[0]) & long_flag) != 0;
    const std::size_t head = is_long ? 9 : 2;
    if (held_.size() < head) return 0;
    std::size_t size = 0;
    for (std::size_t i = 1; i < head; ++i) size = size << 8 | static_cast<unsigned char>(held_[i]);
    return head + size;
  }

  std::string held_;     // Not a whole frame yet.
  std::string message_;  // Frames of a message whose end is not there yet.
  std::uint64_t messages_ = 0;
  std::size_t greeting_left_ = greeting_octets;
};

}  // namespace

class Gate::Loop {
 public:
  Loop(Gate& gate, int listening, int target) : gate_(gate), listening_(listening), target_(target) {}
  Loop(const Loop&) = delete;
  Loop& operator=(const Loop&) = delete;
  ~Loop() {
    hang_up();
    ::close(listening_);
  }

  void run() {
    while (!gate_.ended_) {
      if (hang_ups_ != gate_.hang_ups_) {
        hang_ups_ = gate_.hang_ups_;
        hang_up();
      }
      wait();
      if (gate_.stalled_) continue;
      for (auto pipe = pipes_.begin(); pipe != pipes_.end();) {
        const bool goes_on = pass(pipe->a, pipe->b, pipe->there) && pass(pipe->b, pipe->a, pipe->back);
        if (goes_on) {
          ++pipe;
        } else {
          ::close(pipe->a);
          ::close(pipe->b);
          pipe = pipes_.erase(pipe);
        }
      }
    }
  }

 private:
  struct Part {
    Clock::time_point due;
    std::string octets;
  };
  struct Way {
    std::deque<Part> parts;
    std::size_t held = 0;
    std::uint64_t passed = 0;
    std::optional<Repeater> repeater;
  };
  struct Pipe {
    int a = -1;
    int b = -1;
    Way there;
    Way back;
  };

  void hang_up() {
    for (const Pipe& pipe : pipes_) {
      ::close(pipe.a);
      ::close(pipe.b);
    }
    pipes_.clear();
  }

  /// Short, so that what is due or told from outside is soon done.
  void wait() {
    std::vector<pollfd> fds{{listening_, POLLIN, 0}};
    if (!gate_.stalled_) {
      for (const Pipe& pipe : pipes_) {
        fds.push_back({pipe.a, POLLIN, 0});
        fds.push_back({pipe.b, POLLIN, 0});
      }
    }
    ::poll(fds.data(), fds.size(), 2);
    if ((fds[0].revents & POLLIN) == 0) return;
    const int from = ::accept4(listening_, nullptr, nullptr, SOCK_CLOEXEC);
    if (from < 0) return;
    const int to = connect_to(target_);
    if (to < 0) {
      ::close(from);
      return;
    }
    ++gate_.connections_;
    pipes_.push_back({.a = from, .b = to});
    if (gate_.repeat_ > 0) {
      pipes_.back().there.repeater.emplace();
      pipes_.back().back.repeater.emplace();
    }
  }

  /// False: one of them has ended.
  bool pass(int from, int to, Way& way) {
    std::array<char, 16'384> buffer;
    while (way.held < held_max) {
      const ssize_t got = ::recv(from, buffer.data(), buffer.size(), MSG_DONTWAIT);
      if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
      if (got < 0) break;
      std::string octets(buffer.data(), static_cast<std::size_t>(got));
      harm(way, octets);
      if (way.repeater) octets = way.repeater->pass(octets, gate_.repeat_, gate_.repeated_);
      way.held += octets.size();
      way.parts.push_back({Clock::now() + std::chrono::milliseconds(gate_.delay_ms_), std::move(octets)});
    }
    while (!way.parts.empty() && way.parts.front().due <= Clock::now()) {
      std::string& octets = way.parts.front().octets;
      const ssize_t sent = ::send(to, octets.data(), octets.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
      if (sent < 0) return errno == EAGAIN;
      way.held -= static_cast<std::size_t>(sent);
      octets.erase(0, static_cast<std::size_t>(sent));
      if (octets.empty()) way.parts.pop_front();
    }
    return true;
  }

  void harm(Way& way, std::string& octets) {
    const std::uint64_t each = gate_.corrupt_;
    for (char& octet : octets) {
      ++way.passed;
      if (each == 0 || way.passed % each != 0) continue;
      octet = static_cast<char>(octet ^ (1 << (way.passed / each % 8)));
      ++gate_.corrupted_;
    }
  }

  Gate& gate_;
  int listening_;
  int target_;
  std::uint64_t hang_ups_ = 0;
  std::list<Pipe> pipes_;
};

Gate::Gate(int target_port) {
  const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address = loopback(0);
  socklen_t size = sizeof address;
  if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), size) != 0 || ::listen(fd, 64) != 0 ||
      ::getsockname(fd, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    ::close(fd);
    throw std::runtime_error("a gate cannot listen");
  }
  port_ = ntohs(address.sin_port);
  thread_ = std::thread([this, fd, target_port] { Loop(*this, fd, target_port).run(); });
}

Gate::~Gate() {
  ended_ = true;
  thread_.join();
}

}  // namespace chaos
