// What strangers may throw at a bound socket: raw bytes, raw ZMTP, and zmq peers that keep no rule of ours.
#include <fstream>
#include <random>
#include <zmq.hpp>

#include "support/raw_peer.hpp"
#include "transport_world.hpp"

namespace hostile_test {

using namespace taskmesh;
using support::port_of;
using support::RawPeer;
using test::Peer;
using test::turn_until;

namespace {

/// Greets as a ZMTP 3.0 DEALER, by name if it has one.
void greet(const RawPeer& peer, std::string_view identity = {}) {
  peer.say(RawPeer::greeting());
  std::string ready("\5READY\13Socket-Type\0\0\0\6DEALER", 6 + 12 + 4 + 6);
  ready += std::string("\10Identity\0\0\0", 12) + static_cast<char>(identity.size()) + std::string(identity);
  peer.say(std::string("\4", 1) + static_cast<char>(ready.size()) + ready);
  peer.hear(64);
}
/// One short ZMTP frame.
bool say_frame(const RawPeer& peer, std::string_view body, bool more) {
  return peer.say(std::string(1, more ? '\1' : '\0') + static_cast<char>(body.size()) + std::string(body));
}

/// An honest client that is heard: the node lives.
void check_lives(Peer& worker) {
  Peer client = Peer::dialling();
  client->dial({.link = {1}, .endpoint = worker->bound()});
  turn_until({&client, &worker}, [&] { return client.count<core::LinkUp>() == 1; });
  client->send({1}, proto::Bye{});
  turn_until({&client, &worker}, [&] { return worker.count<core::Received>() > 0; });
}

std::uint64_t resident_bytes() {
  std::ifstream file("/proc/self/statm");
  std::uint64_t total = 0;
  std::uint64_t resident = 0;
  file >> total >> resident;
  return resident * 4096;
}

}  // namespace

SCENARIO("raw bytes on the port hurt nobody", "[io][transport][hostile]") {
  GIVEN("a worker and 200 connections that send random bytes, or a greeting and then random bytes") {
    Peer worker = Peer::listening();
    std::mt19937_64 random(42);
    for (int i = 0; i < 200; ++i) {
      const RawPeer raw(port_of(worker->bound()));
      if (i % 2 == 0) greet(raw);
      std::string rubbish(1 + random() % 2'000, '\0');
      for (char& c : rubbish) c = static_cast<char>(random());
      raw.say(rubbish);
      worker.turn(0ms);
    }
    THEN("an honest peer is heard, and counters tell") {
      check_lives(worker);
      CHECK(worker->counters().failed_handshakes + worker.count<core::BadInput>() > 0);
    }
  }
}

SCENARIO("a raw peer's frames are told as bad input of its link", "[io][transport][hostile]") {
  GIVEN("a raw ZMTP peer") {
    Peer worker = Peer::listening();
    const RawPeer raw(port_of(worker->bound()));
    greet(raw);
    WHEN("it sends a frame of rubbish") {
      say_frame(raw, "this is no frame of ours", false);
      turn_until({&worker}, [&] { return worker.count<core::BadInput>() == 1; });
      THEN("the node is told which link, and lives") {
        const auto bad = worker.take<core::BadInput>().front();
        CHECK(bad.link.inbound());
        CHECK(bad.code == proto::Code::malformed);
        check_lives(worker);
      }
    }
    WHEN("it sends a message of 10,000 parts") {
      for (int i = 0; i < 9'999; ++i) say_frame(raw, "x", true);
      say_frame(raw, "x", false);
      turn_until({&worker}, [&] { return worker.count<core::BadInput>() == 1; });
      THEN("the message is dropped as too large") {
        CHECK(worker.take<core::BadInput>().front().code == proto::Code::too_large);
        CHECK(worker->counters().oversized == 1);
        check_lives(worker);
      }
    }
    WHEN("it announces a frame above the limit") {
      raw.say(std::string("\2\0\0\0\1\0\0\0\0", 9));  // A long frame of 4 GiB.
      raw.say(std::string(1000, 'x'));
      THEN("it is cut off, no memory is taken for it, and the node lives") {
        const std::uint64_t before = resident_bytes();
        check_lives(worker);
        CHECK(resident_bytes() < before + (64u << 20));
      }
    }
  }
}

SCENARIO("a peer that brings its own routing id is not served", "[io][transport][hostile]") {
  GIVEN("raw peers that call themselves something") {
    Peer worker = Peer::listening();
    const RawPeer named(port_of(worker->bound()));
    greet(named, "me");
    say_frame(named, "TM", false);
    turn_until({&worker}, [&] { return worker->counters().foreign_ids == 1; });
    THEN("it is counted, no event comes of it, and the node lives") {
      CHECK(worker.events.empty());
      check_lives(worker);
    }
  }
}

SCENARIO("a peer that reads nothing is cut when its queue is full", "[io][transport][hostile]") {
  GIVEN("a worker with a bound of 4 MiB per link and a raw peer that spoke once and reads nothing") {
    Peer worker({.bind = "tcp://127.0.0.1:*", .mesh_tag = 7, .link_queue_bytes = 4 << 20});
    const RawPeer raw(port_of(worker->bound()));
    greet(raw);
    say_frame(raw, "hello", false);
    turn_until({&worker}, [&] { return worker.count<core::BadInput>() == 1; });
    const core::LinkId link = worker.take<core::BadInput>().front().link;
    WHEN("more and more is sent to it") {
      proto::Notify notify;
      notify.report.edit().result = Bytes{std::string(64 << 10, 'r')};
      for (int i = 0; i < 20'000 && worker->counters().overflows == 0; ++i) {
        worker->send(link, notify);
        worker->flush();
      }
      THEN("the link is down, what waited is dropped, and the others are served") {
        CHECK(worker->counters().overflows == 1);
        CHECK_FALSE(worker->pending());
        turn_until({&worker}, [&] { return worker.count<core::LinkDown>() == 1; });
        check_lives(worker);
      }
    }
  }
}

SCENARIO("a zmq peer with frames of many records costs no more than the limits", "[io][transport][hostile]") {
  GIVEN("a peer that packs 60,000 unknown critical records into one frame") {
    Peer worker = Peer::listening();
    zmq::context_t context;
    zmq::socket_t socket(context, zmq::socket_type::dealer);
    socket.set(zmq::sockopt::linger, 0);
    socket.connect(worker->bound());
    std::string frame("TM\1\0\7\0\0\0\1\0\0\0\0\0\0\0", 16);
    for (int i = 0; i < 60'000; ++i) frame += std::string("\0\0\0\0\x77\x77\1\0", 8);
    socket.send(zmq::buffer(frame), zmq::send_flags::none);
    turn_until({&worker}, [&] { return worker.count<core::BadInput>() > 0; });
    THEN("a few bad records are told, then the frame is given up") {
      CHECK(worker.count<core::BadInput>() <= 8);
      check_lives(worker);
    }
  }
}

}  // namespace hostile_test
