// Gate: a TCP port before another one, which passes on late, not at all, changed, or hangs up. A thread of its own.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <string>
#include <thread>

namespace chaos {

class Gate {
 public:
  /// Listens on a free port of the loopback, for `target_port` of the loopback.
  explicit Gate(int target_port);
  Gate(const Gate&) = delete;
  Gate& operator=(const Gate&) = delete;
  ~Gate();

  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }
  /// What comes from now on is passed on so much later.
  void delay(std::chrono::milliseconds span) { delay_ms_ = span.count(); }
  /// Nothing is read and nothing passed on, and all connections stay.
  void stall(bool yes) { stalled_ = yes; }
  /// In each `octets` that pass one bit is turned; 0: none.
  void corrupt(std::uint64_t octets) { corrupt_ = octets; }
  /// Each such message of ZMTP that passes is passed on twice; 0: none. Connections from before know no messages.
  void repeat(std::uint64_t messages) { repeat_ = messages; }
  /// All connections are closed; new ones are taken.
  void hang_up() { ++hang_ups_; }

  std::uint64_t connections() const { return connections_; }
  std::uint64_t corrupted() const { return corrupted_; }
  std::uint64_t repeated() const { return repeated_; }

 private:
  class Loop;

  int port_ = 0;
  std::atomic<std::int64_t> delay_ms_ = 0;
  std::atomic<bool> stalled_ = false;
  std::atomic<std::uint64_t> corrupt_ = 0;
  std::atomic<std::uint64_t> repeat_ = 0;
  std::atomic<std::uint64_t> repeated_ = 0;
  std::atomic<std::uint64_t> hang_ups_ = 0;
  std::atomic<std::uint64_t> connections_ = 0;
  std::atomic<std::uint64_t> corrupted_ = 0;
  std::atomic<bool> ended_ = false;
  std::thread thread_;
};

}  // namespace chaos
