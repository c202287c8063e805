// CallbackOutbox and ListenerRole against each other: what the pair promises, whatever the connection does.
#include <map>

#include "core/callback_support.hpp"
#include "taskmesh/core/callbacks/listener_role.hpp"

namespace taskmesh::core::callback_test::callback_delivery_test {
namespace {

const std::string here = "tcp://127.0.0.1:6000";

/// Workers and one listener on one clock. Records take one round; `loss` is the part of them that is dropped.
class Mesh {
 public:
  Mesh(std::size_t workers, double loss, std::uint64_t seed) : loss_(loss), random_(seed) {
    for (std::size_t i = 0; i < workers; ++i) {
      auto config = Desk::worker_config();
      config.seed = seed + i;
      sides_.push_back(std::make_unique<Side>(config));
    }
    start_listener();
  }

  void tell(std::size_t worker, std::uint32_t from, std::uint32_t to) {
    sides_[worker]->desk.tell(from, to, here);
    collect(*sides_[worker]);
  }
  void kill_listener() {
    listener_.reset();
    hands_.clear();
    for (auto& side : sides_) disconnect(*side);
  }
  void start_listener() {
    NodeConfig config;
    config.kind = NodeKind::listener;
    listener_ = std::make_unique<ListenerRole>(config, listener_counters_);
  }
  void cut(std::size_t worker) { disconnect(*sides_[worker]); }

  /// Each round: connect, let time pass, hand over what is under way, let some handlers return.
  void rounds(int count, Duration each) {
    for (int i = 0; i < count; ++i) {
      elapsed_ += each;
      for (auto& side : sides_) step(*side);
      answer();
    }
  }
  std::size_t parked() const {
    std::size_t all = 0;
    for (const auto& side : sides_) all += side->desk.outbox.parked();
    return all;
  }
  std::size_t delivered() {
    std::size_t all = 0;
    for (const auto& side : sides_) {
      for (const auto& settled : side->desk.outbox.take_settled()) {
        CHECK(settled.state == CallbackState::delivered);
        CHECK(handled.contains(counter_of(settled.id)));  // Never "delivered" before a handler has returned.
        ++all;
      }
    }
    return all;
  }

  std::map<std::uint32_t, int> handled;  ///< Event -> how often a handler returned.

 private:
  struct Side {
    explicit Side(const NodeConfig& config) : desk(config) {}
    Desk desk;
    LinkId dialled;
    LinkId inbound;  // The same connection at the listener's end; none: not connected.
    std::vector<proto::Message> to_listener;
    std::vector<proto::Message> to_worker;
  };

  void collect(Side& side) {
    for (const LinkId link : side.desk.out.close) {
      if (link == side.dialled) close(side);
    }
    for (const Dial& dial : side.desk.out.dial) side.dialled = dial.link;
    for (const Send& send : side.desk.out.send) {
      if (side.inbound && random_.unit() >= loss_) side.to_listener.push_back(send.message);
    }
  }
  void disconnect(Side& side) {
    if (!side.inbound) return;
    const LinkId link = side.dialled;
    close(side);
    side.dialled = link;  // It connects again by itself.
    side.desk.link_down(link);
    collect(side);
  }
  void close(Side& side) {
    if (listener_ && side.inbound) listener_->on_link_down(side.inbound);
    side.dialled = {};
    side.inbound = {};
    side.to_listener.clear();
    side.to_worker.clear();
  }
  void step(Side& side) {
    side.desk.elapsed = elapsed_;
    if (!side.inbound && side.dialled && listener_) {
      side.inbound = LinkId{LinkId::inbound_bit | ++last_inbound_};
      side.desk.link_up(side.dialled);
      collect(side);
    }
    side.desk.turn([&] {
      CallbackOutbox& outbox = side.desk.outbox;
      outbox.on_tick(side.desk.now(), side.desk.out);
      for (const proto::Message& message : std::exchange(side.to_worker, {})) {
        if (const auto* welcome = std::get_if<proto::CbWelcome>(&message)) {
          outbox.on_cb_welcome(side.dialled, *welcome, side.desk.now(), side.desk.out);
        } else if (const auto* ack = std::get_if<proto::NotifyAck>(&message)) {
          outbox.on_ack(side.dialled, *ack, side.desk.now(), side.desk.out);
        } else if (const auto* nack = std::get_if<proto::NotifyNack>(&message)) {
          outbox.on_nack(side.dialled, *nack, side.desk.now(), side.desk.out);
        } else {
          outbox.on_bad_answer(side.dialled, side.desk.now(), side.desk.out);
        }
      }
    });
    collect(side);
    if (!listener_) return;
    for (proto::Message& message : side.to_listener) {
      if (const auto* hello = std::get_if<proto::CbHello>(&message)) {
        listener_->on_cb_hello(side.inbound, *hello, now(), out_);
      } else {
        listener_->on_notify(side.inbound, std::get<proto::Notify>(std::move(message)), now(), out_);
      }
    }
    side.to_listener.clear();
  }
  void answer() {
    if (!listener_) return;
    for (Notice& notice : out_.notify) hands_.push_back(std::get<EventArrived>(std::move(notice)));
    for (const EventArrived& event : std::exchange(hands_, {})) {
      if (random_.below(4) == 0) {
        hands_.push_back(event);  // Its handler takes its time.
        continue;
      }
      ++handled[counter_of(event.notify.report->id)];
      listener_->on_handled({event.link, event.seq, event.notify.report->id, {}}, now(), out_);
    }
    listener_->on_turn_end(now(), out_);
    for (const Send& send : out_.send) {
      for (auto& side : sides_) {
        if (side->inbound == send.link && random_.unit() >= loss_) side->to_worker.push_back(send.message);
      }
    }
    out_.clear();
  }
  Now now() const { return {TimePoint{} + elapsed_, {}}; }

  double loss_;
  Random random_;
  Duration elapsed_ = 0s;
  std::uint64_t last_inbound_ = 0;
  std::vector<std::unique_ptr<Side>> sides_;
  NodeCounters listener_counters_;
  std::unique_ptr<ListenerRole> listener_;
  std::vector<EventArrived> hands_;
  Effects out_;
};

}  // namespace

SCENARIO("1,000 callbacks at once from three workers arrive once each", "[core][callbacks]") {
  GIVEN("three workers and one listener") {
    Mesh mesh{3, 0, 1};
    WHEN("1,000 tasks with a callback end") {
      mesh.tell(0, 1, 333);
      mesh.tell(1, 334, 666);
      mesh.tell(2, 667, 1'000);
      mesh.rounds(30, 5ms);
      THEN("the handler has seen each exactly once, well within a second, and each is settled") {
        CHECK(mesh.handled.size() == 1'000);
        CHECK(
            std::all_of(mesh.handled.begin(), mesh.handled.end(), [](auto& one) { return one.second == 1; }));
        CHECK(mesh.delivered() == 1'000);
        CHECK(mesh.parked() == 0);
      }
    }
  }
}

SCENARIO("a listener that is killed in a burst and restarted gets every event at least once",
         "[core][callbacks]") {
  GIVEN("300 events under way") {
    Mesh mesh{1, 0, 2};
    mesh.tell(0, 1, 300);
    mesh.rounds(4, 5ms);
    const std::size_t before = mesh.handled.size();
    CHECK(before > 0);
    CHECK(before < 300);
    WHEN("the listener is killed, and another one is there three seconds later") {
      mesh.kill_listener();
      mesh.rounds(30, 100ms);
      CHECK(mesh.handled.size() == before);
      mesh.start_listener();
      mesh.rounds(40, 5ms);
      THEN("nothing is missing") {
        CHECK(mesh.handled.size() == 300);
        CHECK(mesh.delivered() == 300);
      }
    }
  }
}

TEST_CASE("whatever the connection loses, a living listener is told everything, once", "[core][callbacks]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 21));
  INFO("seed " << seed);
  Mesh mesh{2, 0.2, seed};
  mesh.tell(0, 1, 100);
  mesh.tell(1, 101, 200);
  Random random{seed};
  for (int i = 0; i < 20; ++i) {
    mesh.rounds(5, 200ms);
    if (random.below(4) == 0) mesh.cut(random.below(2));
  }
  mesh.rounds(1'200, 500ms);
  CHECK(mesh.handled.size() == 200);
  CHECK(std::all_of(mesh.handled.begin(), mesh.handled.end(), [](auto& one) { return one.second == 1; }));
  CHECK(mesh.delivered() == 200);
  CHECK(mesh.parked() == 0);
}

}  // namespace taskmesh::core::callback_test::callback_delivery_test
