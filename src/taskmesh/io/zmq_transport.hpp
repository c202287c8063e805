// ZmqTransport: links over ZeroMQ. One ROUTER takes what others dial, one DEALER per link that we dial.
// Spec: proto/01-frames.md; docs/decisions tells why each socket option is as it is.
//
// All that a turn has for one link is one zmq message: send() collects, flush() sends. Nothing here blocks.
// What a socket does not take is kept per link, in order, up to a bound in bytes; beyond it the link counts
// as down. A dialled link: LinkUp after each handshake, LinkDown when it is cut; between the two, what is
// sent to it is dropped (the protocol says it again). An inbound link exists by its first message and ends
// with the first send that finds nobody (LinkDown). Routing ids are those that the ROUTER invents; a peer
// that brings its own is ignored. Threads: opened anywhere, then driven by one thread. Errors: open() refuses
// what must not or cannot be bound.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/base/log.hpp"
#include "taskmesh/core/types.hpp"
#include "taskmesh/io/poller.hpp"

namespace taskmesh::io {

struct TransportOptions {
  std::string bind;            ///< As in address.hpp; empty: nobody can dial this node.
  bool insecure = false;       ///< Allows a bind beyond loopback.
  std::uint32_t mesh_tag = 0;  ///< wire::mesh_tag; 0: any (a callback listener).
  std::uint64_t link_queue_bytes = limits::link_queue_bytes;
};

/// They only grow.
struct TransportCounters {
  std::uint64_t frames_in = 0;
  std::uint64_t frames_out = 0;
  std::uint64_t oversized = 0;    ///< Messages with too many or too large parts, dropped.
  std::uint64_t foreign_ids = 0;  ///< Messages of peers that brought a routing id of their own, dropped.
  std::uint64_t failed_handshakes = 0;  ///< Whoever dialled did not speak ZMTP.
  std::uint64_t overflows = 0;          ///< Links cut because their queue was full.
  std::uint64_t unsent = 0;             ///< Messages for links that were not connected, dropped.
};

class ZmqTransport {
 public:
  /// `poller` outlives the transport. Error: invalid, refused (not allowed), unavailable (address in use).
  static Result<std::unique_ptr<ZmqTransport>> open(TransportOptions options, Poller& poller, Log log);
  ~ZmqTransport();
  ZmqTransport(const ZmqTransport&) = delete;
  ZmqTransport& operator=(const ZmqTransport&) = delete;

  /// Where it is bound, numeric; empty if it is not.
  const std::string& bound() const;
  /// What others should dial: bound(), or for all interfaces one endpoint per address.
  const std::vector<std::string>& endpoints() const;

  void dial(const core::Dial& dial);
  void send(core::LinkId link, const proto::Message& message);
  /// What is queued for the link is dropped.
  void close(core::LinkId link);
  /// The turn is over: sends what it collected, and what had to wait before.
  void flush();
  /// Appends what came in, at most a batch per socket.
  void receive(std::vector<core::Event>& out);
  /// Asked after flush(), which may take notice of more: receive() again, do not sleep.
  bool ready() const;
  /// When to call flush() again although nothing comes in; unset: no need.
  std::optional<Duration> retry_in() const;
  /// True while something is queued that a connected peer may still take.
  bool pending() const;
  /// Closes all sockets; what they hold may still go out for `linger`. Blocks up to that long.
  void shut_down(Duration linger);

  const TransportCounters& counters() const;

 private:
  struct Impl;
  explicit ZmqTransport(std::unique_ptr<Impl> impl);
  std::unique_ptr<Impl> impl_;
};

/// The version of libzmq that is loaded, and the one that this was built with: "4.3.4".
struct ZmqVersion {
  std::string loaded;
  std::string built;
};
ZmqVersion zmq_version();

}  // namespace taskmesh::io
