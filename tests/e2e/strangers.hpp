// Peers that are none of ours, for tests of hostile input: plain TCP that speaks as much ZMTP as it likes, and zmq
// sockets that speak our records and keep none of our rules.
#pragma once

#include <algorithm>
#include <chrono>
#include <deque>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>
#include <zmq.hpp>

#include "e2e/mesh.hpp"
#include "support/raw_peer.hpp"
#include "support/records.hpp"
#include "taskmesh/wire/frame.hpp"

namespace e2e {

namespace proto = taskmesh::proto;

using support::port_of;
using support::RawPeer;

/// Sanitizers keep what is freed for a while, and take memory of their own.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr long memory_factor = 10;
#else
inline constexpr long memory_factor = 1;
#endif

/// A line of /proc/PID/status that is in kB, in MiB.
inline long status_mib(pid_t process, std::string_view name) {
  std::ifstream status("/proc/" + std::to_string(process) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with(name)) return std::stol(line.substr(name.size())) / 1024;
  }
  return -1;
}
/// Resident memory of a process, and the most that it ever was.
inline long resident_mib(pid_t process) { return status_mib(process, "VmRSS:"); }
inline long most_resident_mib(pid_t process) { return status_mib(process, "VmHWM:"); }

inline std::size_t open_files(pid_t process) {
  const std::filesystem::directory_iterator files("/proc/" + std::to_string(process) + "/fd");
  return static_cast<std::size_t>(std::distance(begin(files), end(files)));
}

/// The token of the make-believe host's mesh `default`.
inline std::string token_of(const support::Host& host) {
  std::ifstream file(host.folder() / "taskmesh" / "default" / "token", std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

/// As a worker's entry in the runtime directory says.
inline std::uint64_t incarnation_of(const support::Host& host, taskmesh::NodeId node) {
  std::ifstream file(host.folder() / "taskmesh" / "default" / (to_string(node) + ".json"));
  return nlohmann::json::parse(file)["incarnation"].get<std::uint64_t>();
}

inline std::string frame_of(const std::vector<proto::Message>& messages, std::string_view mesh = "default") {
  taskmesh::wire::FrameWriter writer(mesh.empty() ? 0 : taskmesh::wire::mesh_tag(mesh));
  for (const auto& message : messages) writer.add(message);
  return std::string(writer.take().head.view());
}

inline std::vector<proto::Message> messages_in(std::string_view frame) {
  std::vector<proto::Message> messages;
  auto reader = taskmesh::wire::FrameReader::open({taskmesh::Bytes::copy_of(frame), {}}, 0);
  if (!reader) return messages;
  while (auto next = support::next_record(*reader)) {
    if (auto* message = std::get_if<proto::Message>(&*next)) messages.push_back(std::move(*message));
  }
  return messages;
}

/// A zmq socket that keeps none of our rules.
class ZmqPeer {
 public:
  explicit ZmqPeer(zmq::socket_type type) : socket_(context_, type) {}
  virtual ~ZmqPeer() = default;
  ZmqPeer(const ZmqPeer&) = delete;
  ZmqPeer& operator=(const ZmqPeer&) = delete;

  /// The next record of this kind; others are passed over. Nullopt: none came in time.
  template <class Record>
  std::optional<Record> hear(std::chrono::milliseconds budget = 10s) {
    const auto until = std::chrono::steady_clock::now() + budget;
    for (;;) {
      while (!heard_.empty()) {
        proto::Message message = std::move(heard_.front());
        heard_.pop_front();
        if (auto* record = std::get_if<Record>(&message)) return std::move(*record);
      }
      const auto left =
          std::chrono::duration_cast<std::chrono::milliseconds>(until - std::chrono::steady_clock::now());
      socket_.set(zmq::sockopt::rcvtimeo, std::max(0, static_cast<int>(left.count())));
      zmq::message_t part;
      if (!socket_.recv(part)) return std::nullopt;
      take(std::move(part));
    }
  }

 protected:
  /// The first part of a message has come.
  virtual void take(zmq::message_t&& part) = 0;
  void read(const zmq::message_t& frame) {
    auto messages = messages_in(frame.to_string_view());
    std::move(messages.begin(), messages.end(), std::back_inserter(heard_));
  }

  zmq::context_t context_;
  zmq::socket_t socket_;

 private:
  std::deque<proto::Message> heard_;
};

/// A DEALER that says what it likes.
class Stranger : public ZmqPeer {
 public:
  explicit Stranger(const std::string& endpoint) : ZmqPeer(zmq::socket_type::dealer) {
    socket_.set(zmq::sockopt::linger, 1000);
    socket_.set(zmq::sockopt::sndtimeo, 1000);
    socket_.connect(endpoint);
  }
  /// False: nothing more is taken within a second.
  bool say(std::string_view frame) {
    return socket_.send(zmq::buffer(frame), zmq::send_flags::none).has_value();
  }
  bool say_part(std::string_view part) {
    return socket_.send(zmq::buffer(part), zmq::send_flags::sndmore).has_value();
  }
  bool say(const proto::Message& message) { return say(frame_of({message})); }

 private:
  void take(zmq::message_t&& part) override {
    if (!part.more()) read(part);  // A frame with payload parts behind it is of no interest here.
  }
};

/// A HELLO as client `number` would say it.
inline proto::Hello hello_of(const support::Host& host, std::uint8_t number) {
  proto::Hello hello;
  hello.role = proto::Role::client;
  hello.window_records = 1000;
  hello.window_bytes = 1 << 20;
  hello.token = token_of(host);
  hello.self.node.bytes.fill(number);
  hello.self.incarnation = 1;
  hello.self.name = "stranger";
  return hello;
}

/// A ROUTER that plays a worker or a listener, one answer at a time: to who spoke last.
class Impostor : public ZmqPeer {
 public:
  Impostor() : ZmqPeer(zmq::socket_type::router), port_(support::free_port()) {
    socket_.set(zmq::sockopt::linger, 0);
    socket_.bind(address());
  }
  std::string address() const { return "tcp://127.0.0.1:" + std::to_string(port_); }

  void say(const proto::Message& message, std::string_view mesh) {
    socket_.send(zmq::buffer(peer_), zmq::send_flags::sndmore);
    const std::string frame = frame_of({message}, mesh);
    socket_.send(zmq::buffer(frame), zmq::send_flags::none);
  }

 private:
  void take(zmq::message_t&& part) override {
    peer_ = part.to_string();
    while (part.more() && socket_.recv(part)) read(part);
  }

  int port_;
  std::string peer_;
};

}  // namespace e2e
