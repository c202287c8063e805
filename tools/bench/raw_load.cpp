#include "bench/raw_load.hpp"

#include <stdexcept>
#include <vector>
#include <zmq.hpp>

#include "bench/statistics.hpp"

namespace taskmesh::bench {

namespace {

constexpr int patience_ms = 10'000;

zmq::socket_t dealer(zmq::context_t& context, const std::string& endpoint) {
  zmq::socket_t socket(context, zmq::socket_type::dealer);
  socket.set(zmq::sockopt::sndhwm, 0);
  socket.set(zmq::sockopt::rcvhwm, 0);
  socket.set(zmq::sockopt::linger, 0);
  socket.set(zmq::sockopt::rcvtimeo, patience_ms);
  socket.connect(endpoint);
  return socket;
}

void send(zmq::socket_t& socket, const std::string& payload) {
  socket.send(zmq::buffer(payload), zmq::send_flags::none);
}

void receive(zmq::socket_t& socket, zmq::message_t& message, std::size_t bytes) {
  if (!socket.recv(message)) throw std::runtime_error("the raw libzmq peer does not answer");
  if (message.size() != bytes) throw std::runtime_error("the raw libzmq peer answers something else");
}

}  // namespace

struct RawLoad::Sockets {
  zmq::context_t context;
  zmq::socket_t echo;
  zmq::socket_t sink;
};

RawLoad::RawLoad(const RawPeer& peer, const Load& load) : load_(load), sockets_(std::make_unique<Sockets>()) {
  sockets_->echo = dealer(sockets_->context, peer.echo_endpoint());
  sockets_->sink = dealer(sockets_->context, peer.sink_endpoint());
}

RawLoad::~RawLoad() = default;

Latency RawLoad::round_trips() {
  const std::string payload(load_.payload_bytes, 'x');
  zmq::message_t answer;
  std::vector<double> samples_us;
  for (Slice slice(load_.latency_slice, load_.tasks_max); slice.more();) {
    const auto start = Clock::now();
    send(sockets_->echo, payload);
    receive(sockets_->echo, answer, payload.size());
    samples_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
  }
  return {.p50_us = percentile(samples_us, 0.50),
          .p99_us = percentile(samples_us, 0.99),
          .count = samples_us.size()};
}

double RawLoad::echo() {
  const std::string payload(load_.payload_bytes, 'x');
  zmq::message_t answer;
  std::uint64_t answered = 0;
  Slice slice(load_.throughput_slice, load_.tasks_max);
  do {
    while (slice.items() - answered < load_.window && slice.more(clock_stride)) {
      send(sockets_->echo, payload);
    }
    if (slice.items() == answered) break;
    receive(sockets_->echo, answer, payload.size());
    ++answered;
    while (answered < slice.items() && sockets_->echo.recv(answer, zmq::recv_flags::dontwait)) ++answered;
  } while (true);
  return slice.rate();
}

double RawLoad::one_way() {
  const std::string payload(load_.payload_bytes, 'x');
  Slice slice(load_.throughput_slice, load_.tasks_max);
  while (slice.more(clock_stride)) send(sockets_->sink, payload);
  send(sockets_->sink, {});
  zmq::message_t mark;
  receive(sockets_->sink, mark, 0);
  return slice.rate();
}

}  // namespace taskmesh::bench
