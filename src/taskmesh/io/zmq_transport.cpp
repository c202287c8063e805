#include "taskmesh/io/zmq_transport.hpp"

#include <algorithm>
#include <array>
#include <unordered_map>
#include <unordered_set>
#include <zmq.hpp>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/frame_intake.hpp"
#include "taskmesh/io/link_outbox.hpp"

namespace taskmesh::io {

namespace {

constexpr int sockets_max = 8192;
constexpr int backlog = 1024;
constexpr int send_queue_messages = 1000;
constexpr Duration reconnect_first = 100ms;
constexpr Duration handshake_limit = 3s;
constexpr Duration connect_limit = 3s;
constexpr Duration blocked_retry = 5ms;
constexpr std::size_t routing_id_bytes = 5;  // A zero octet and a number: the ROUTER made it.
constexpr std::size_t copy_head_below = 4 * 1024;
constexpr std::uint64_t zmq_message_bytes_max = 2 * limits::message_bytes;
constexpr std::size_t sweep_every_turns = 100'000;
constexpr int monitored = ZMQ_EVENT_HANDSHAKE_SUCCEEDED | ZMQ_EVENT_DISCONNECTED |
                          ZMQ_EVENT_HANDSHAKE_FAILED_NO_DETAIL | ZMQ_EVENT_HANDSHAKE_FAILED_PROTOCOL |
                          ZMQ_EVENT_HANDSHAKE_FAILED_AUTH | ZMQ_EVENT_CONNECT_DELAYED | ZMQ_EVENT_CLOSED;
// An attempt that failed within this was refused. A shorter one than connect_limit, at which nobody has answered.
constexpr Duration refused_within = 2s;

int to_ms(Duration duration) {
  return static_cast<int>(std::chrono::duration_cast<std::chrono::milliseconds>(duration).count());
}

/// One zmq socket with its monitor.
struct Socket {
  zmq::socket_t socket;
  zmq::socket_t monitor;
  core::Dial dial;               // Of a dialled link.
  core::LinkId link;             // Nil: the ROUTER.
  bool up = false;               // A dialled link between LinkUp and LinkDown.
  bool readable = false;         // In Impl::readable.
  bool monitor_readable = true;  // Its monitor has something to tell, or was never asked.
  TimePoint attempt_since{};  // Not later than the start of the attempt to connect; zero: none is under way.
  bool sent = false;          // In this turn: a send may have eaten the edge of its descriptor.

  bool router() const { return !link; }
};

void set_common_options(zmq::socket_t& socket) {
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvhwm,
             0);  // A full queue plus a ZMTP ping aborts libzmq; credit bounds us instead.
  socket.set(zmq::sockopt::sndhwm, send_queue_messages);
  socket.set(zmq::sockopt::heartbeat_ivl,
             0);  // Theirs lose messages when the receiver stalls; ours are records.
  socket.set(zmq::sockopt::immediate, true);
  socket.set(zmq::sockopt::handshake_ivl, to_ms(handshake_limit));
  socket.set(zmq::sockopt::maxmsgsize, static_cast<std::int64_t>(limits::message_bytes));
  socket.set(zmq::sockopt::tcp_keepalive, 1);
  socket.set(zmq::sockopt::tcp_keepalive_idle, 30);
  socket.set(zmq::sockopt::tcp_keepalive_intvl, 10);
  socket.set(zmq::sockopt::tcp_keepalive_cnt, 3);
}

/// A message that keeps `bytes` alive until it has been sent; small ones are copied instead.
void fill(zmq::message_t& message, const Bytes& bytes, std::size_t copy_below) {
  if (bytes.size() < copy_below || !bytes.owner()) {
    message.rebuild(bytes.data(), bytes.size());
    return;
  }
  auto owner = std::make_unique<std::shared_ptr<const void>>(bytes.owner());
  // libzmq asks for a pointer to mutable octets and does not write to them.
  message.rebuild(
      const_cast<char*>(bytes.data()), bytes.size(),
      [](void*, void* hint) { delete static_cast<std::shared_ptr<const void>*>(hint); }, owner.get());
  owner.release();
}

/// The received octets, kept alive by the message itself where copying would cost more.
Bytes to_bytes(zmq::message_t&& message) {
  const std::string_view view(static_cast<const char*>(message.data()), message.size());
  if (view.size() < copy_head_below) return Bytes::copy_of(view);
  auto owner = std::make_shared<zmq::message_t>(std::move(message));
  const std::string_view kept(static_cast<const char*>(owner->data()), owner->size());
  return {std::move(owner), kept};
}

core::LinkId to_link(const zmq::message_t& id) {
  if (id.size() != routing_id_bytes || *static_cast<const char*>(id.data()) != 0) return {};
  const auto* octets = static_cast<const std::uint8_t*>(id.data());
  std::uint64_t value = 0;
  for (std::size_t i = 1; i < routing_id_bytes; ++i) value = value << 8 | octets[i];
  return {value | core::LinkId::inbound_bit};
}

std::array<char, routing_id_bytes> to_routing_id(core::LinkId link) {
  std::array<char, routing_id_bytes> id{};
  for (std::size_t i = 1; i < routing_id_bytes; ++i) {
    id[i] = static_cast<char>(link.value >> (8 * (routing_id_bytes - 1 - i)) & 0xFF);
  }
  return id;
}

Error cannot_bind(const std::string& endpoint, const zmq::error_t& error) {
  const bool taken = error.num() == EADDRINUSE;
  return {taken ? ErrorKind::unavailable : ErrorKind::refused, endpoint + " cannot be bound", error.what(),
          taken ? "choose another port, or tcp://HOST:* for a free one"
                : "choose an address of this machine and a port from 1024 on"};
}

enum class Sent { yes, full, nobody };

}  // namespace

struct ZmqTransport::Impl {
  Impl(TransportOptions with, Poller& sleeps_on, Log writes_to)
      : options(std::move(with)), poller(sleeps_on), log(std::move(writes_to)) {
    context.set(zmq::ctxopt::io_threads, 1);
    context.set(zmq::ctxopt::max_sockets, sockets_max);
  }
  ~Impl() { shut_down(Duration::zero()); }

  Result<void> bind();
  std::unique_ptr<Socket> make_socket(zmq::socket_type type, core::LinkId link);
  void destroy(Socket& socket);
  void mark_readable(Socket& socket);
  bool read(Socket& socket, std::vector<core::Event>& out);
  bool read_message(Socket& socket, std::vector<core::Event>& out);
  bool read_parts(Socket& socket, core::LinkId link, std::vector<core::Event>& out);
  void read_monitor(Socket& socket, std::vector<core::Event>& out);
  void on_attempt(Socket& socket, bool failed, std::vector<core::Event>& out);
  Socket* socket_of(core::LinkId link);
  LinkOutbox& outbox_of(core::LinkId link);
  void dial(const core::Dial& dial);
  void go_down(core::LinkId link);
  void overflow(core::LinkId link);
  void send_queued(core::LinkId link);
  Sent send_frame(Socket& socket, core::LinkId link, const wire::Frame& frame);
  void sweep_outboxes();
  void shut_down(Duration linger);

  TransportOptions options;
  Poller& poller;
  Log log;
  zmq::context_t context;
  std::unique_ptr<Socket> router;
  std::string bound;
  std::vector<std::string> endpoints;
  std::unordered_map<core::LinkId, std::unique_ptr<Socket>> dialled;
  std::unordered_map<core::LinkId, LinkOutbox> outboxes;
  std::vector<core::LinkId> dirty;           // Got records in this turn.
  std::unordered_set<core::LinkId> blocked;  // Hold frames that their socket did not take.
  std::unordered_set<core::LinkId> quiet;    // Inbound, not sent to since the last sweep.
  std::vector<Socket*> readable;
  std::vector<core::Event> pending;  // LinkDowns found while sending.
  std::shared_ptr<wire::BufferPool> pool = wire::make_buffer_pool();
  TransportCounters counters;
  std::uint64_t monitors = 0;
  TimePoint looked_at{};      // The present look at the sockets...
  TimePoint looked_before{};  // ...and the one before.
  std::size_t turns = 0;
  std::uint64_t read_bytes = 0;  // From one socket in this turn.
};

// ---- Sockets --------------------------------------------------------------------------------------------

std::unique_ptr<Socket> ZmqTransport::Impl::make_socket(zmq::socket_type type, core::LinkId link) {
  auto made = std::make_unique<Socket>();
  made->link = link;
  made->socket = zmq::socket_t(context, type);
  set_common_options(made->socket);
  const std::string name = "inproc://monitor-" + std::to_string(++monitors);
  if (zmq_socket_monitor(made->socket.handle(), name.c_str(), monitored) != 0) throw zmq::error_t();
  made->monitor = zmq::socket_t(context, zmq::socket_type::pair);
  made->monitor.set(zmq::sockopt::linger, 0);
  made->monitor.set(zmq::sockopt::rcvhwm, 0);  // A full monitor would block libzmq's own thread.
  made->monitor.connect(name);
  Socket* const raw = made.get();
  poller.add(raw->socket.get(zmq::sockopt::fd), [this, raw] { mark_readable(*raw); });
  poller.add(raw->monitor.get(zmq::sockopt::fd), [this, raw] {
    raw->monitor_readable = true;
    mark_readable(*raw);
  });
  mark_readable(*raw);
  return made;
}

void ZmqTransport::Impl::destroy(Socket& socket) {
  std::erase(readable, &socket);
  poller.remove(socket.socket.get(zmq::sockopt::fd));
  poller.remove(socket.monitor.get(zmq::sockopt::fd));
  zmq_socket_monitor(socket.socket.handle(), nullptr, 0);
  socket.monitor.close();
  socket.socket.close();
}

void ZmqTransport::Impl::mark_readable(Socket& socket) {
  if (!std::exchange(socket.readable, true)) readable.push_back(&socket);
}

Result<void> ZmqTransport::Impl::bind() {
  const auto address = bind_address(options.bind, options.insecure);
  if (!address) return fail(address.error());
  router = make_socket(zmq::socket_type::router, {});
  router->socket.set(zmq::sockopt::router_mandatory, true);
  router->socket.set(zmq::sockopt::backlog, backlog);
  router->socket.set(zmq::sockopt::ipv6, address->ipv6());
  for (std::uint32_t port = address->port_first; port <= address->port_last; ++port) {
    const auto endpoint = address->endpoint(static_cast<std::uint16_t>(port));
    try {
      router->socket.bind(endpoint);
    } catch (const zmq::error_t& error) {
      if (error.num() == EADDRINUSE && port < address->port_last) continue;
      return fail(cannot_bind(endpoint, error));
    }
    bound = endpoint;
    endpoints = reachable_endpoints(*address, static_cast<std::uint16_t>(port));
    break;
  }
  return {};
}

void ZmqTransport::Impl::dial(const core::Dial& dial) {
  TASKMESH_CHECK(!dial.link.inbound() && !dialled.contains(dial.link));
  std::unique_ptr<Socket> made;
  try {
    made = make_socket(zmq::socket_type::dealer, dial.link);
    made->dial = dial;
    made->socket.set(zmq::sockopt::reconnect_ivl, to_ms(reconnect_first));
    made->socket.set(zmq::sockopt::reconnect_ivl_max,
                     std::max(to_ms(dial.retry_max), to_ms(reconnect_first)));
    made->socket.set(zmq::sockopt::connect_timeout, to_ms(connect_limit));
    made->socket.set(zmq::sockopt::ipv6, dial.endpoint.find('[') != std::string::npos);
    made->socket.connect(dial.endpoint);
    dialled.emplace(dial.link, std::move(made));
  } catch (const zmq::error_t& error) {
    log.warning("cannot dial " + dial.endpoint + ": " + error.what());
    if (made) destroy(*made);
    pending.emplace_back(core::LinkDown{dial.link});
  }
}

void ZmqTransport::close(core::LinkId link) {
  Impl& my = *impl_;
  my.outboxes.erase(link);
  my.blocked.erase(link);
  my.quiet.erase(link);
  const auto found = my.dialled.find(link);
  if (found == my.dialled.end()) return;
  my.destroy(*found->second);
  my.dialled.erase(found);
}

// ---- Receiving ------------------------------------------------------------------------------------------

void ZmqTransport::receive(std::vector<core::Event>& out) {
  Impl& my = *impl_;
  my.looked_before = std::exchange(my.looked_at, steady_now());
  std::move(my.pending.begin(), my.pending.end(), std::back_inserter(out));
  my.pending.clear();
  const std::vector<Socket*> now = std::exchange(my.readable, {});
  for (Socket* socket : now) {
    socket->readable = false;
    if (my.read(*socket, out)) my.mark_readable(*socket);
  }
}

/// True: the batch was used up and there may be more.
bool ZmqTransport::Impl::read(Socket& socket, std::vector<core::Event>& out) {
  const std::size_t events_max = out.size() + limits::reactor_events_max;
  read_bytes = 0;
  for (std::size_t i = 0; i < limits::reactor_batch && out.size() < events_max; ++i) {
    if (read_bytes >= limits::reactor_bytes_max) return true;
    if (read_message(socket, out)) continue;
    // Only now: what came before a cut is read before the cut is told.
    if (std::exchange(socket.monitor_readable, false)) read_monitor(socket, out);
    return false;
  }
  return true;
}

/// False: nothing is there.
bool ZmqTransport::Impl::read_message(Socket& socket, std::vector<core::Event>& out) {
  if (!socket.router()) return read_parts(socket, socket.link, out);
  zmq::message_t id;
  if (zmq_msg_recv(id.handle(), socket.socket.handle(), ZMQ_DONTWAIT) < 0) return false;
  const core::LinkId link = to_link(id);
  if (!link) ++counters.foreign_ids;
  read_parts(socket, link, out);
  return true;
}

bool ZmqTransport::Impl::read_parts(Socket& socket, core::LinkId link, std::vector<core::Event>& out) {
  wire::Frame frame;
  std::uint64_t bytes = 0;
  std::size_t parts = 0;
  bool oversized = false;
  for (bool more = true; more; ++parts) {
    zmq::message_t part;
    if (zmq_msg_recv(part.handle(), socket.socket.handle(), ZMQ_DONTWAIT) < 0) return parts > 0;
    more = part.more();
    bytes += part.size();
    oversized = oversized || bytes > zmq_message_bytes_max || parts > limits::frame_parts_max;
    if (oversized || !link) {
      frame = {};
    } else if (parts == 0) {
      frame.head = to_bytes(std::move(part));
    } else {
      frame.parts.push_back(to_bytes(std::move(part)));
    }
  }
  read_bytes += bytes;
  if (!link) return true;
  if (oversized) {
    ++counters.oversized;
    out.emplace_back(
        core::BadInput{link, proto::Code::too_large, 0, "a message with too many or too large parts"});
    return true;
  }
  ++counters.frames_in;
  read_frame(link, frame, options.mesh_tag, out);
  return true;
}

void ZmqTransport::Impl::read_monitor(Socket& socket, std::vector<core::Event>& out) {
  zmq::message_t part;
  while (zmq_msg_recv(part.handle(), socket.monitor.handle(), ZMQ_DONTWAIT) >= 0) {
    std::uint16_t event = 0;
    if (part.size() >= sizeof event) std::memcpy(&event, part.data(), sizeof event);
    if (part.more()) zmq_msg_recv(part.handle(), socket.monitor.handle(), ZMQ_DONTWAIT);
    if (event == ZMQ_EVENT_CONNECT_DELAYED || event == ZMQ_EVENT_CLOSED) {
      on_attempt(socket, event == ZMQ_EVENT_CLOSED, out);
      continue;
    }
    const bool connected = event == ZMQ_EVENT_HANDSHAKE_SUCCEEDED;
    const bool cut = event == ZMQ_EVENT_DISCONNECTED;
    if (!connected && !cut) ++counters.failed_handshakes;
    if (socket.router() || (!connected && !cut)) continue;
    if (socket.up) {
      while (read_message(socket, out)) {
      }  // The rest of the old connection.
      out.emplace_back(core::LinkDown{socket.link});
    }
    socket.up = connected;
    outbox_of(socket.link).restart();
    blocked.erase(socket.link);
    if (connected) out.emplace_back(core::LinkUp{socket.link});
  }
}

/// libzmq does not say why an attempt failed; how soon it failed tells. One that was under way began after the look
/// before it was seen, at the earliest: what is read late is taken for slow. One that was never under way failed at once.
void ZmqTransport::Impl::on_attempt(Socket& socket, bool failed, std::vector<core::Event>& out) {
  if (socket.router()) return;
  const TimePoint since = std::exchange(socket.attempt_since, failed ? TimePoint{} : looked_before);
  const bool refused = since == TimePoint{} || looked_at - since < refused_within;
  if (failed && refused && !socket.up) out.emplace_back(core::NobodyThere{socket.link});
}

// ---- Sending --------------------------------------------------------------------------------------------

Socket* ZmqTransport::Impl::socket_of(core::LinkId link) {
  if (link.inbound()) return router.get();
  const auto found = dialled.find(link);
  return found != dialled.end() && found->second->up ? found->second.get() : nullptr;
}

LinkOutbox& ZmqTransport::Impl::outbox_of(core::LinkId link) {
  return outboxes.try_emplace(link, options.mesh_tag, pool).first->second;
}

void ZmqTransport::send(core::LinkId link, const proto::Message& message) {
  Impl& my = *impl_;
  if (my.socket_of(link) == nullptr) {
    ++my.counters.unsent;
    return;
  }
  LinkOutbox& outbox = my.outbox_of(link);
  outbox.add(message);
  if (my.dirty.empty() || my.dirty.back() != link) my.dirty.push_back(link);
  if (outbox.bytes() > my.options.link_queue_bytes) {
    my.send_queued(link);  // Perhaps the socket takes it; if not, memory comes first.
    const auto found = my.outboxes.find(link);
    if (found != my.outboxes.end() && found->second.bytes() > my.options.link_queue_bytes) my.overflow(link);
  }
}

void ZmqTransport::Impl::overflow(core::LinkId link) {
  ++counters.overflows;
  log.warning("a peer takes nothing more: its link is cut with " + std::to_string(options.link_queue_bytes) +
              " bytes unsent");
  go_down(link);
}

/// What is unsent is of no use any more. A dialled link starts over with a new connection.
void ZmqTransport::Impl::go_down(core::LinkId link) {
  outboxes.erase(link);
  blocked.erase(link);
  quiet.erase(link);
  pending.emplace_back(core::LinkDown{link});
  const auto found = dialled.find(link);
  if (found == dialled.end()) return;
  const core::Dial again = found->second->dial;
  destroy(*found->second);
  dialled.erase(found);
  dial(again);
}

void ZmqTransport::flush() {
  Impl& my = *impl_;
  std::vector<core::LinkId> links = std::exchange(my.dirty, {});
  links.insert(links.end(), my.blocked.begin(), my.blocked.end());
  for (const core::LinkId link : links) my.send_queued(link);
  for (const core::LinkId link : links) {
    Socket* const socket = my.socket_of(link);
    if (socket == nullptr || !std::exchange(socket->sent, false)) continue;
    if ((socket->socket.get(zmq::sockopt::events) & ZMQ_POLLIN) != 0) my.mark_readable(*socket);
  }
  links.clear();
  my.dirty.swap(links);  // Storage kept.
  if (++my.turns % sweep_every_turns == 0) my.sweep_outboxes();
}

void ZmqTransport::Impl::send_queued(core::LinkId link) {
  const auto found = outboxes.find(link);
  Socket* const socket = socket_of(link);
  if (found == outboxes.end() || socket == nullptr) return;
  LinkOutbox& outbox = found->second;
  outbox.close_frame();
  quiet.erase(link);
  while (!outbox.empty()) {
    const Sent sent = send_frame(*socket, link, outbox.front());
    if (sent == Sent::nobody) return go_down(link);
    if (sent == Sent::full) {
      blocked.insert(link);
      return;
    }
    outbox.pop();
    ++counters.frames_out;
  }
  blocked.erase(link);
}

Sent ZmqTransport::Impl::send_frame(Socket& socket, core::LinkId link, const wire::Frame& frame) {
  void* const handle = socket.socket.handle();
  socket.sent = true;
  const auto outcome = [] { return zmq_errno() == EHOSTUNREACH ? Sent::nobody : Sent::full; };
  if (link.inbound()) {
    const auto id = to_routing_id(link);
    if (zmq_send(handle, id.data(), id.size(), ZMQ_DONTWAIT | ZMQ_SNDMORE) < 0) return outcome();
  }
  zmq::message_t head;
  fill(head, frame.head, copy_head_below);
  const int more = frame.parts.empty() ? 0 : ZMQ_SNDMORE;
  if (zmq_msg_send(head.handle(), handle, ZMQ_DONTWAIT | more) < 0) return outcome();
  for (std::size_t i = 0; i < frame.parts.size(); ++i) {
    zmq::message_t part;
    fill(part, frame.parts[i], limits::attach_bytes);
    const int flags = ZMQ_DONTWAIT | (i + 1 < frame.parts.size() ? ZMQ_SNDMORE : 0);
    if (zmq_msg_send(part.handle(), handle, flags) < 0) return outcome();
  }
  return Sent::yes;
}

/// Inbound links end silently where nothing is sent to them any more: forget those that stayed quiet.
void ZmqTransport::Impl::sweep_outboxes() {
  for (const core::LinkId link : quiet) outboxes.erase(link);
  quiet.clear();
  for (const auto& [link, outbox] : outboxes) {
    if (link.inbound() && outbox.bytes() == 0) quiet.insert(link);
  }
}

// ---- The rest -------------------------------------------------------------------------------------------

void ZmqTransport::Impl::shut_down(Duration linger) {
  const auto end = [&](Socket& socket) {
    socket.socket.set(zmq::sockopt::linger, to_ms(linger));
    destroy(socket);
  };
  if (router) end(*router);
  for (const auto& [link, socket] : dialled) end(*socket);
  router.reset();
  dialled.clear();
  outboxes.clear();
  blocked.clear();
  context.close();
}

ZmqTransport::ZmqTransport(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
ZmqTransport::~ZmqTransport() = default;

Result<std::unique_ptr<ZmqTransport>> ZmqTransport::open(TransportOptions options, Poller& poller, Log log) {
  try {
    auto impl = std::make_unique<Impl>(std::move(options), poller, std::move(log));
    if (!impl->options.bind.empty()) {
      if (const auto done = impl->bind(); !done) return fail(done.error());
    }
    return std::unique_ptr<ZmqTransport>(new ZmqTransport(std::move(impl)));
  } catch (const zmq::error_t& error) {
    return fail({ErrorKind::unavailable, "no sockets can be opened", error.what(),
                 "raise the limit of open files (ulimit -n)"});
  }
}

const std::string& ZmqTransport::bound() const { return impl_->bound; }
const std::vector<std::string>& ZmqTransport::endpoints() const { return impl_->endpoints; }
const TransportCounters& ZmqTransport::counters() const { return impl_->counters; }
void ZmqTransport::dial(const core::Dial& dial) { impl_->dial(dial); }
void ZmqTransport::shut_down(Duration linger) { impl_->shut_down(linger); }
bool ZmqTransport::ready() const { return !impl_->readable.empty() || !impl_->pending.empty(); }
bool ZmqTransport::pending() const { return !impl_->blocked.empty() || !impl_->dirty.empty(); }

std::optional<Duration> ZmqTransport::retry_in() const {
  return impl_->blocked.empty() ? std::nullopt : std::optional<Duration>(blocked_retry);
}

ZmqVersion zmq_version() {
  const auto text = [](int major, int minor, int patch) {
    return std::to_string(major) + "." + std::to_string(minor) + "." + std::to_string(patch);
  };
  const auto [major, minor, patch] = zmq::version();
  return {text(major, minor, patch), text(ZMQ_VERSION_MAJOR, ZMQ_VERSION_MINOR, ZMQ_VERSION_PATCH)};
}

}  // namespace taskmesh::io
