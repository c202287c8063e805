// Two honest peers over real sockets on loopback.
#include "transport_world.hpp"

namespace transport_test {

using namespace taskmesh;
using test::Peer;
using test::turn_until;

namespace {

constexpr core::LinkId dialled{1};

proto::Submit submit(std::uint64_t seq, Bytes args = {}) {
  return {.seq = seq, .id = make_task_id(1, 0, 2, 3), .name = "add", .args = std::move(args)};
}

/// Dials `worker` from `client` and waits for the handshake.
void connect(Peer& client, Peer& worker) {
  client->dial({.link = dialled, .endpoint = worker->bound(), .retry_max = 1s});
  turn_until({&client, &worker}, [&] { return client.count<core::LinkUp>() == 1; });
}

/// The inbound link of the only client, learnt from one message.
core::LinkId inbound_link(Peer& client, Peer& worker) {
  client->send(dialled, submit(1));
  turn_until({&client, &worker}, [&] { return worker.count<core::Received>() == 1; });
  return worker.take<core::Received>().front().link;
}

std::string pattern(std::size_t bytes) {
  std::string text(bytes, '\0');
  for (std::size_t i = 0; i < bytes; ++i) text[i] = static_cast<char>(i * 131 >> 3);
  return text;
}

}  // namespace

SCENARIO("records travel both ways on the connection that the client opened", "[io][transport]") {
  GIVEN("a client connected to a worker") {
    Peer worker = Peer::listening();
    Peer client = Peer::dialling();
    CHECK(worker->bound().starts_with("tcp://127.0.0.1:"));
    connect(client, worker);
    WHEN("the client says 1,000 records in one turn") {
      for (std::uint64_t i = 1; i <= 1'000; ++i) client->send(dialled, submit(i));
      turn_until({&client, &worker}, [&] { return worker.count<core::Received>() == 1'000; });
      THEN("they come in order, on one inbound link, in few messages") {
        const auto got = worker.take<core::Received>();
        CHECK(got.front().link.inbound());
        bool ordered = true;
        for (std::size_t i = 0; i < got.size(); ++i) {
          ordered =
              ordered && got[i].link == got[0].link && std::get<proto::Submit>(got[i].message).seq == i + 1;
        }
        CHECK(ordered);
        CHECK(worker->counters().frames_in <= 3);
      }
      AND_WHEN("the worker answers each in a turn of its own") {
        const core::LinkId back = worker.take<core::Received>().front().link;
        for (std::uint64_t i = 1; i <= 1'000; ++i) {
          worker->send(back, proto::Accepted{.seqs = {{i, i}}});
          worker->flush();
        }
        turn_until({&client, &worker}, [&] { return client.count<core::Received>() == 1'000; });
        THEN("1,000 messages come back in order") {
          const auto got = client.take<core::Received>();
          bool ordered = true;
          for (std::size_t i = 0; i < got.size(); ++i) {
            ordered = ordered && got[i].link == dialled &&
                      std::get<proto::Accepted>(got[i].message).seqs.front().first == i + 1;
          }
          CHECK(ordered);
          CHECK(client->counters().frames_in == 1'000);
        }
      }
    }
  }
}

SCENARIO("a payload of 32 MiB is not copied on its way out", "[io][transport]") {
  GIVEN("a client connected to a worker, and a big payload") {
    Peer worker = Peer::listening();
    Peer client = Peer::dialling();
    connect(client, worker);
    Bytes payload{pattern(32u << 20)};
    const std::weak_ptr<const void> alive = payload.owner();
    WHEN("it is sent and the sender lets go of it") {
      const std::string expected(payload.view());
      client->send(dialled, submit(1, std::move(payload)));
      payload = {};
      client->flush();
      THEN("the socket keeps the storage itself alive, and it arrives whole") {
        CHECK_FALSE(alive.expired());
        turn_until({&client, &worker}, [&] { return worker.count<core::Received>() == 1; });
        const auto got = worker.take<core::Received>();
        CHECK(std::get<proto::Submit>(got.front().message).args.view() == expected);
        turn_until({&client}, [&] { return alive.expired(); });
      }
    }
  }
}

SCENARIO("a peer that dies is told at once and found again when it is back", "[io][transport]") {
  GIVEN("a client connected to a worker on a fixed port") {
    Peer worker = Peer::listening();
    const std::string endpoint = worker->bound();
    Peer client = Peer::dialling();
    connect(client, worker);
    WHEN("the worker is gone") {
      worker.kill();
      turn_until({&client}, [&] { return client.count<core::LinkDown>() == 1; });
      THEN("what is sent meanwhile is dropped, not kept for later") {
        client->send(dialled, submit(1));
        CHECK(client->counters().unsent == 1);
        CHECK_FALSE(client->pending());
        AND_WHEN("another worker takes its place") {
          Peer heir({.bind = endpoint, .mesh_tag = 7}, test::patience);
          turn_until({&client, &heir}, [&] { return client.count<core::LinkUp>() == 2; });
          client->send(dialled, submit(2));
          turn_until({&client, &heir}, [&] { return heir.count<core::Received>() == 1; });
          THEN("it hears only what was said to it") {
            CHECK(std::get<proto::Submit>(heir.take<core::Received>().front().message).seq == 2);
          }
        }
      }
    }
    WHEN("the client is gone and the worker says something to it") {
      const core::LinkId back = inbound_link(client, worker);
      client.kill();
      turn_until({&worker}, [&] {
        worker->send(back, proto::Bye{});
        return worker.count<core::LinkDown>() > 0;
      });
      THEN("the inbound link is down") { CHECK(worker.take<core::LinkDown>().front().link == back); }
    }
    WHEN("the link is closed while records wait") {
      client->send(dialled, submit(9));
      client->close(dialled);
      client->flush();
      THEN("sending to it is harmless and it can be dialled again under a new number") {
        client->send(dialled, submit(10));
        client.events.clear();
        const core::LinkId other{2};
        client->dial({.link = other, .endpoint = endpoint});
        turn_until({&client, &worker}, [&] { return client.count<core::LinkUp>() == 1; });
        client->send(other, submit(11));
        turn_until({&client, &worker}, [&] { return worker.count<core::Received>() == 1; });
        CHECK(std::get<proto::Submit>(worker.take<core::Received>().front().message).seq == 11);
      }
    }
  }
}

SCENARIO("two transports never share a port, and beyond loopback nothing is bound unasked",
         "[io][transport]") {
  GIVEN("a bound transport") {
    Peer first = Peer::listening();
    THEN("another finds the next free port") {
      Peer second = Peer::listening();
      CHECK(first->bound() != second->bound());
      CHECK(first->endpoints() == std::vector<std::string>{first->bound()});
    }
    THEN("its own port is refused with a reason") {
      io::Poller poller;
      const auto taken = io::ZmqTransport::open({.bind = first->bound()}, poller, Log(LogLevel::off));
      REQUIRE_FALSE(taken);
      CHECK(taken.error().kind == ErrorKind::unavailable);
      CHECK_FALSE(taken.error().fix.empty());
    }
    THEN("all interfaces are refused without insecure") {
      io::Poller poller;
      const auto open = io::ZmqTransport::open({.bind = "tcp://*:*"}, poller, Log(LogLevel::off));
      REQUIRE_FALSE(open);
      CHECK(open.error().kind == ErrorKind::refused);
      CHECK(open.error().fix.find("insecure") != std::string::npos);
    }
    THEN("IPv6 loopback and abstract local sockets carry links too") {
      for (const std::string bind : {"tcp://[::1]:*", "ipc://@taskmesh-transport-test"}) {
        INFO(bind);
        Peer worker({.bind = bind, .mesh_tag = 7});
        Peer client = Peer::dialling();
        connect(client, worker);
        CHECK(inbound_link(client, worker).inbound());
      }
    }
  }
}

SCENARIO("a frame of another mesh is bad input, one of no mesh is not", "[io][transport]") {
  GIVEN("a worker of mesh 7") {
    Peer worker = Peer::listening(7);
    WHEN("a client of mesh 8 speaks to it") {
      Peer stranger = Peer::dialling(8);
      connect(stranger, worker);
      stranger->send(dialled, submit(1));
      turn_until({&stranger, &worker}, [&] { return worker.count<core::BadInput>() == 1; });
      THEN("it is told as such") { CHECK(worker.take<core::BadInput>().front().code == proto::Code::auth); }
    }
    WHEN("a callback listener answers it") {
      Peer listener = Peer::dialling(0);
      connect(listener, worker);
      THEN("it is heard") { CHECK(inbound_link(listener, worker).inbound()); }
    }
  }
}

}  // namespace transport_test
