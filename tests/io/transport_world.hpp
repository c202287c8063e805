// A transport with its poller, driven by hand; and waiting for what it brings, with a deadline.
#pragma once

#include <catch2/catch.hpp>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/zmq_transport.hpp"

namespace taskmesh::test {

inline constexpr Duration patience = 20s;

class Peer {
 public:
  /// `budget`: how long the port of an address may still be somebody else's, a test beside this one for instance.
  explicit Peer(const io::TransportOptions& options, Duration budget = {}) {
    const TimePoint until = io::steady_now() + budget;
    auto opened = io::ZmqTransport::open(options, *poller_, Log(LogLevel::off));
    while (!opened && io::steady_now() < until) {
      poller_->wait(1ms);
      opened = io::ZmqTransport::open(options, *poller_, Log(LogLevel::off));
    }
    REQUIRE(opened);
    transport_ = std::move(*opened);
  }
  static Peer listening(std::uint32_t mesh_tag = 7) {
    return Peer({.bind = "tcp://127.0.0.1:*", .mesh_tag = mesh_tag});
  }
  static Peer dialling(std::uint32_t mesh_tag = 7) { return Peer({.mesh_tag = mesh_tag}); }

  io::ZmqTransport& operator*() { return *transport_; }
  io::ZmqTransport* operator->() { return transport_.get(); }

  /// One turn: what waits is sent, what is there is read.
  void turn(Duration sleep = 1ms) {
    transport_->flush();
    if (!transport_->ready()) poller_->wait(sleep);
    transport_->receive(events);
  }
  /// How many events of that kind have come.
  template <class T>
  std::size_t count() const {
    std::size_t n = 0;
    for (const core::Event& event : events) n += std::holds_alternative<T>(event) ? 1u : 0u;
    return n;
  }
  template <class T>
  std::vector<T> take() {
    std::vector<T> found;
    for (core::Event& event : events) {
      if (auto* wanted = std::get_if<T>(&event)) found.push_back(std::move(*wanted));
    }
    std::erase_if(events, [](const core::Event& event) { return std::holds_alternative<T>(event); });
    return found;
  }
  /// The peer is gone, as if killed: nothing is flushed.
  void kill() { transport_.reset(); }

  std::vector<core::Event> events;

 private:
  std::unique_ptr<io::Poller> poller_ = std::make_unique<io::Poller>();
  std::unique_ptr<io::ZmqTransport> transport_;
};

/// Turns all of `peers` until `done`, or fails after `patience`.
inline void turn_until(const std::vector<Peer*>& peers, const std::function<bool()>& done) {
  const TimePoint limit = io::steady_now() + patience;
  while (!done() && io::steady_now() < limit) {
    for (Peer* peer : peers) peer->turn();
  }
  REQUIRE(done());
}

}  // namespace taskmesh::test
