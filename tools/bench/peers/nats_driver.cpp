// NATS request and reply with a queue group, by its C client.
//
//   taskmesh_peer_nats worker|client URL
//
// The client library either sends each message at once or lets a thread of its own gather what is to be sent. The
// first is better for one task and few, the second for many, so each has a connection and a subject, and a window
// goes over the one that is faster with it: NATS is measured at its best.
#include <nats/nats.h>
#include <unistd.h>

#include <memory>

#include "bench/peers/driver.hpp"

namespace {

using namespace taskmesh::bench;
using peers::expect;

constexpr std::int64_t patience_ms = 10'000;
constexpr std::uint64_t few_max = 64;  // Measured.

void good(natsStatus status) { expect(status == NATS_OK, natsStatus_GetText(status)); }

struct Destroy {
  void operator()(natsConnection* connection) const { natsConnection_Destroy(connection); }
  void operator()(natsSubscription* subscription) const { natsSubscription_Destroy(subscription); }
  void operator()(natsOptions* options) const { natsOptions_Destroy(options); }
  void operator()(natsMsg* message) const { natsMsg_Destroy(message); }
};
template <class T>
using Owned = std::unique_ptr<T, Destroy>;

Owned<natsConnection> connect(const char* url, bool send_asap) {
  natsOptions* options = nullptr;
  good(natsOptions_Create(&options));
  const Owned<natsOptions> owned(options);
  good(natsOptions_SetURL(options, url));
  good(natsOptions_SetSendAsap(options, send_asap));
  natsConnection* connection = nullptr;
  good(natsConnection_Connect(&connection, options));
  return Owned<natsConnection>(connection);
}

// ---- Worker ---------------------------------------------------------------------------------------------

void echo(natsConnection* connection, natsSubscription*, natsMsg* message, void*) {
  const Owned<natsMsg> owned(message);
  natsConnection_Publish(connection, natsMsg_GetReply(message), natsMsg_GetData(message),
                         natsMsg_GetDataLength(message));
}

Owned<natsSubscription> serve(natsConnection* connection, const char* subject) {
  natsSubscription* subscription = nullptr;
  good(natsConnection_QueueSubscribe(&subscription, connection, subject, "workers", echo, nullptr));
  good(natsSubscription_SetPendingLimits(subscription, -1, -1));
  return Owned<natsSubscription>(subscription);
}

int work(const char* url) {
  const auto prompt = connect(url, true);
  const auto gathering = connect(url, false);
  const auto few = serve(prompt.get(), "few");
  const auto many = serve(gathering.get(), "many");
  good(natsConnection_Flush(prompt.get()));
  good(natsConnection_Flush(gathering.get()));
  std::cout << "serving" << std::endl;
  for (;;) ::pause();
}

// ---- Client ---------------------------------------------------------------------------------------------

/// A connection, what is asked over it, and where its answers arrive.
class Way {
 public:
  Way(const char* url, bool send_asap, const char* subject)
      : subject_(subject), connection_(connect(url, send_asap)) {
    natsInbox* inbox = nullptr;
    good(natsInbox_Create(&inbox));
    inbox_ = inbox;
    natsInbox_Destroy(inbox);
    natsSubscription* subscription = nullptr;
    good(natsConnection_SubscribeSync(&subscription, connection_.get(), inbox_.c_str()));
    answers_.reset(subscription);
    good(natsSubscription_SetPendingLimits(subscription, -1, -1));
  }

  std::string request(const std::string& payload) {
    natsMsg* reply = nullptr;
    good(natsConnection_Request(&reply, connection_.get(), subject_, payload.data(),
                                static_cast<int>(payload.size()), patience_ms));
    const Owned<natsMsg> owned(reply);
    return std::string(text_of(reply));
  }
  void send(const std::string& payload) {
    good(natsConnection_PublishRequest(connection_.get(), subject_, inbox_.c_str(), payload.data(),
                                       static_cast<int>(payload.size())));
  }
  /// True if the next answer is this one.
  bool next_is(const std::string& payload) {
    natsMsg* reply = nullptr;
    good(natsSubscription_NextMsg(&reply, answers_.get(), patience_ms));
    const Owned<natsMsg> owned(reply);
    return text_of(reply) == payload;
  }

 private:
  static std::string_view text_of(natsMsg* message) {
    return {natsMsg_GetData(message), static_cast<std::size_t>(natsMsg_GetDataLength(message))};
  }

  const char* subject_;
  Owned<natsConnection> connection_;
  Owned<natsSubscription> answers_;
  std::string inbox_;
};

class NatsLoad {
 public:
  explicit NatsLoad(const char* url) : few_(url, true, "few"), many_(url, false, "many") {}

  Latency lone(std::chrono::milliseconds length) {
    return peers::lone_slice(length, numbers_,
                             [&](const std::string& payload) { return few_.request(payload); });
  }

  /// One worker and one connection: answers come in the order of the requests.
  double flood(std::uint64_t window, std::chrono::milliseconds length) {
    Way& way = window <= few_max ? few_ : many_;
    const std::uint64_t first = numbers_;
    std::uint64_t answered = 0;
    Slice slice(length, 0);
    for (;;) {
      while (slice.items() - answered < window && slice.more()) way.send(peers::payload_of(numbers_++));
      if (slice.items() == answered) return slice.rate();
      expect(way.next_is(peers::payload_of(first + answered)), "an answer is not what was sent");
      ++answered;
    }
  }

 private:
  std::uint64_t numbers_ = 0;
  Way few_;
  Way many_;
};

int load(const char* url) {
  NatsLoad nats(url);
  return peers::drive([&](auto length) { return nats.lone(length); },
                      [&](auto window, auto length) { return nats.flood(window, length); });
}

}  // namespace

int main(int argc, char** argv) {
  return peers::run_driver([&] {
    expect(argc == 3, "usage: taskmesh_peer_nats worker|client URL");
    return std::string_view(argv[1]) == "worker" ? work(argv[2]) : load(argv[2]);
  });
}
