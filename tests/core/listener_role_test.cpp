#include "taskmesh/core/callbacks/listener_role.hpp"

#include "core/callback_support.hpp"

namespace taskmesh::core::callback_test::listener_role_test {
namespace {

constexpr LinkId worker{LinkId::inbound_bit | 1};
constexpr LinkId other_worker{LinkId::inbound_bit | 2};
const std::string nonce = "0123456789abcdef";

class Ear {
 public:
  static NodeConfig listener_config() {
    NodeConfig config;
    config.kind = NodeKind::listener;
    config.self.node = NodeId{{9}};
    return config;
  }
  explicit Ear(NodeConfig config = listener_config()) : role(config, counters) {}

  Now now() const { return {TimePoint{} + elapsed, {}}; }
  template <class What>
  const Effects& turn(What&& what) {
    out.clear();
    what();
    role.on_turn_end(now(), out);
    return out;
  }
  const Effects& hello(LinkId link) {
    proto::CbHello said;
    said.nonce = nonce;
    return hello(link, said);
  }
  const Effects& hello(LinkId link, const proto::CbHello& said) {
    return turn([&] { role.on_cb_hello(link, said, now(), out); });
  }
  static proto::Notify event(std::uint32_t number, std::uint64_t seq) {
    proto::Notify notify;
    notify.seq = seq;
    notify.report = make_end(number)->report;
    return notify;
  }
  const Effects& hear(LinkId link, std::uint32_t number, std::uint64_t seq) {
    return turn([&] { role.on_notify(link, event(number, seq), now(), out); });
  }
  const Effects& handled(LinkId link, std::uint32_t number, std::uint64_t seq,
                         std::optional<Duration> retry_after = {}) {
    return turn([&] { role.on_handled({link, seq, task_id(number), retry_after}, now(), out); });
  }

  NodeCounters counters;
  ListenerRole role;
  Duration elapsed = 0s;
  Effects out;
};

std::vector<std::uint32_t> arrived(const Effects& out) {
  std::vector<std::uint32_t> numbers;
  for (const Notice& notice : out.notify) {
    if (const auto* event = std::get_if<EventArrived>(&notice)) {
      numbers.push_back(counter_of(event->notify.report->id));
    }
  }
  return numbers;
}

std::vector<proto::Range> acked(const Effects& out, LinkId link) {
  const auto acks = sent<proto::NotifyAck>(out, link);
  return acks.empty() ? std::vector<proto::Range>{} : acks.at(0).seqs;
}

std::vector<std::uint16_t> errors(const Effects& out) {
  std::vector<std::uint16_t> codes;
  for (const auto& error : sent<proto::ErrorReport>(out)) codes.push_back(error.code);
  return codes;
}

constexpr auto code(proto::Code value) { return static_cast<std::uint16_t>(value); }

using Ranges = std::vector<proto::Range>;

}  // namespace

SCENARIO("a listener consents by giving the nonce back", "[core][callbacks]") {
  GIVEN("a listener") {
    Ear ear;
    WHEN("a worker says CB_HELLO") {
      const auto welcome = sent<proto::CbWelcome>(ear.hello(worker), worker).at(0);
      THEN("CB_WELCOME carries the nonce, the window and what it takes") {
        CHECK(welcome.nonce == nonce);
        CHECK(welcome.major == proto::version_major);
        CHECK(welcome.takes_cereal == 1);
        CHECK(welcome.window_records == limits::events_window);
        CHECK(welcome.window_bytes == limits::events_window_bytes);
        CHECK(welcome.node == NodeId{{9}});
      }
      THEN("said twice, it is answered twice") {
        CHECK(sent<proto::CbWelcome>(ear.hello(worker)).size() == 1);
      }
    }
    WHEN("the worker speaks only later versions") {
      proto::CbHello said;
      said.nonce = nonce;
      said.major_min = 2;
      said.major_max = 3;
      THEN("it is told so, and its events are refused") {
        CHECK(errors(ear.hello(worker, said)) == std::vector{code(proto::Code::version)});
        CHECK(ear.counters.refused_greetings == 1);
        CHECK(errors(ear.hear(worker, 1, 1)) == std::vector{code(proto::Code::auth)});
      }
    }
    WHEN("the nonce is too long to be one") {
      proto::CbHello said;
      said.nonce = std::string(1'000, 'x');
      THEN("it is not reflected") {
        CHECK(errors(ear.hello(worker, said)) == std::vector{code(proto::Code::malformed)});
        CHECK(sent<proto::CbWelcome>(ear.out).empty());
      }
    }
    WHEN("an event comes before the greeting, or after its link went down") {
      CHECK(errors(ear.hear(worker, 1, 1)) == std::vector{code(proto::Code::auth)});
      ear.hello(worker);
      ear.role.on_link_down(worker);
      CHECK(errors(ear.hear(worker, 1, 1)) == std::vector{code(proto::Code::auth)});
      THEN("nobody is called") {
        CHECK(ear.role.waiting() == 0);
        CHECK(ear.counters.ungreeted == 2);
      }
    }
  }
  GIVEN("a listener that wants JSON") {
    auto config = Ear::listener_config();
    config.takes_cereal = false;
    Ear ear{config};
    THEN("it says so") { CHECK(sent<proto::CbWelcome>(ear.hello(worker)).at(0).takes_cereal == 0); }
  }
}

SCENARIO("an event is acknowledged when its handler has returned, not before", "[core][callbacks]") {
  GIVEN("events from two workers") {
    Ear ear;
    ear.hello(worker);
    ear.hello(other_worker);
    CHECK(arrived(ear.hear(worker, 1, 1)) == std::vector<std::uint32_t>{1});
    CHECK(ear.out.send.empty());
    ear.hear(worker, 2, 2);
    ear.hear(worker, 3, 3);
    ear.hear(other_worker, 4, 1);
    CHECK(ear.role.waiting() == 4);
    WHEN("the handlers return in one turn, in some order") {
      ear.turn([&] {
        ear.role.on_handled({worker, 3, task_id(3), {}}, ear.now(), ear.out);
        ear.role.on_handled({other_worker, 1, task_id(4), {}}, ear.now(), ear.out);
        ear.role.on_handled({worker, 1, task_id(1), {}}, ear.now(), ear.out);
        ear.role.on_handled({worker, 2, task_id(2), {}}, ear.now(), ear.out);
      });
      THEN("one NOTIFY_ACK per link names them all, as ranges") {
        CHECK(ear.out.send.size() == 2);
        CHECK(acked(ear.out, worker) == Ranges{{1, 3}});
        CHECK(acked(ear.out, other_worker) == Ranges{{1, 1}});
        CHECK(ear.role.waiting() == 0);
      }
    }
    WHEN("a handler returns twice, or one nobody called") {
      ear.handled(worker, 1, 1);
      THEN("that says nothing") {
        CHECK(ear.handled(worker, 1, 1).send.empty());
        CHECK(ear.handled(worker, 99, 9).send.empty());
        CHECK(ear.role.waiting() == 3);
      }
    }
    WHEN("a handler asks for another delivery") {
      const auto nacks = sent<proto::NotifyNack>(ear.handled(worker, 2, 2, 1'500ms), worker);
      THEN("NACK names the pause, and the repetition is a new event") {
        CHECK(nacks == std::vector<proto::NotifyNack>{{2, 1'500}});
        CHECK(ear.role.waiting() == 3);
        CHECK(arrived(ear.hear(worker, 2, 2)) == std::vector<std::uint32_t>{2});
        CHECK(acked(ear.handled(worker, 2, 2), worker) == Ranges{{2, 2}});
      }
    }
  }
}

SCENARIO("a repeated event is handed over once", "[core][callbacks]") {
  GIVEN("an event with the handler") {
    Ear ear;
    ear.hello(worker);
    ear.hello(other_worker);
    ear.hear(worker, 1, 1);
    WHEN("it comes again on the same link") {
      CHECK(arrived(ear.hear(worker, 1, 1)).empty());
      THEN("it is acknowledged once, when the handler returns") {
        CHECK(ear.out.send.empty());
        CHECK(ear.counters.events_repeated == 1);
        CHECK(acked(ear.handled(worker, 1, 1), worker) == Ranges{{1, 1}});
      }
    }
    WHEN("it comes again on another link") {
      CHECK(arrived(ear.hear(other_worker, 1, 7)).empty());
      THEN("the handler's return is told to both") {
        ear.handled(worker, 1, 1);
        CHECK(acked(ear.out, worker) == Ranges{{1, 1}});
        CHECK(acked(ear.out, other_worker) == Ranges{{7, 7}});
      }
      THEN("a wish for another delivery too") {
        ear.handled(worker, 1, 1, 100ms);
        CHECK(sent<proto::NotifyNack>(ear.out).size() == 2);
      }
    }
    WHEN("the link breaks, and the event comes again on its successor before the handler returns") {
      ear.role.on_link_down(worker);
      constexpr LinkId successor{LinkId::inbound_bit | 3};
      ear.hello(successor);
      CHECK(arrived(ear.hear(successor, 1, 1)).empty());
      THEN("the acknowledgement goes there") {
        ear.handled(worker, 1, 1);
        CHECK(ear.out.send.size() == 1);
        CHECK(acked(ear.out, successor) == Ranges{{1, 1}});
      }
    }
    WHEN("the link breaks and the handler returns meanwhile") {
      ear.role.on_link_down(worker);
      CHECK(ear.handled(worker, 1, 1).send.empty());
      THEN("its repetition is acknowledged at once") {
        ear.hello(worker);
        CHECK(acked(ear.hear(worker, 1, 1), worker) == Ranges{{1, 1}});
        CHECK(arrived(ear.out).empty());
        CHECK(ear.counters.events_repeated == 1);
      }
    }
    WHEN("a thousand numbers claim to be the same event") {
      for (std::uint64_t seq = 2; seq <= 1'000; ++seq) ear.hear(worker, 1, seq);
      THEN("only the newest few are remembered") {
        CHECK(acked(ear.handled(worker, 1, 1), worker) == Ranges{{993, 1'000}});
      }
    }
  }
}

SCENARIO("a listener remembers handled events for a while, and not for ever", "[core][callbacks]") {
  Ear ear;
  ear.hello(worker);
  GIVEN("an event that was handled") {
    ear.hear(worker, 1, 1);
    ear.handled(worker, 1, 1);
    THEN("the next thing to do is to forget it") {
      CHECK(ear.out.wake_at == TimePoint{} + limits::heard_events_for);
    }
    WHEN("it comes again just before that") {
      ear.elapsed = limits::heard_events_for - 1ns;
      THEN("it is a repetition") { CHECK(arrived(ear.hear(worker, 1, 1)).empty()); }
    }
    WHEN("it comes again after that") {
      ear.elapsed = limits::heard_events_for;
      ear.turn([&] { ear.role.on_tick(ear.now(), ear.out); });
      CHECK_FALSE(ear.out.wake_at);
      THEN("it is a new event") { CHECK(arrived(ear.hear(worker, 1, 1)).size() == 1); }
    }
  }
  GIVEN("more handled events than are remembered") {
    const auto count = static_cast<std::uint32_t>(limits::heard_events_max + 1);
    for (std::uint32_t number = 1; number <= count; ++number) {
      ear.hear(worker, number, number);
      ear.handled(worker, number, number);
    }
    THEN("the oldest is forgotten first") {
      CHECK(arrived(ear.hear(worker, 2, 2)).empty());
      CHECK(arrived(ear.hear(worker, 1, 1)).size() == 1);
    }
  }
}

SCENARIO("a listener with too much to do says so", "[core][callbacks]") {
  Ear ear;
  GIVEN("as many events with the handler as may be, from many workers") {
    std::uint32_t number = 0;
    std::uint64_t link = 100;
    while (ear.role.waiting() < limits::listener_queue_max) {
      ear.hello(LinkId{LinkId::inbound_bit | ++link});
      for (std::uint64_t seq = 1; seq <= 50; ++seq)
        ear.hear(LinkId{LinkId::inbound_bit | link}, ++number, seq);
    }
    ear.hello(worker);
    WHEN("one more comes") {
      ear.hear(worker, 20'000, 1);
      THEN("it is refused for a second and handed over when it comes again") {
        CHECK(sent<proto::NotifyNack>(ear.out, worker) == std::vector<proto::NotifyNack>{{1, 1'000}});
        CHECK(arrived(ear.out).empty());
        ear.handled(LinkId{LinkId::inbound_bit | link}, number, 50);
        CHECK(arrived(ear.hear(worker, 20'000, 1)).size() == 1);
      }
    }
  }
  GIVEN("a worker that does not care for its window") {
    ear.hello(worker);
    ear.hello(other_worker);
    for (std::uint32_t number = 1; number <= 2 * limits::events_window; ++number) {
      CHECK(arrived(ear.hear(worker, number, number)).size() == 1);
    }
    THEN("it is refused beyond twice that, and others are not") {
      CHECK(sent<proto::NotifyNack>(ear.hear(worker, 500, 500)).size() == 1);
      CHECK(arrived(ear.hear(other_worker, 501, 1)).size() == 1);
      ear.handled(worker, 1, 1);
      CHECK(arrived(ear.hear(worker, 500, 500)).size() == 1);
    }
  }
  GIVEN("a worker whose link was forgotten while an event was with the handler, and that greeted again") {
    ear.hello(worker);
    ear.hear(worker, 1, 1);
    ear.role.on_link_down(worker);
    ear.hello(worker);
    WHEN("the handler returns") {
      ear.handled(worker, 1, 1);
      THEN("what comes next is taken") { CHECK(arrived(ear.hear(worker, 2, 1)).size() == 1); }
    }
  }
  GIVEN("a worker that sends more bytes than its window") {
    ear.hello(worker);
    const auto hear_large = [&](std::uint32_t number, std::size_t size) {
      auto notify = Ear::event(number, number);
      notify.report.edit().result = Bytes::copy_of(std::string(size, 'x'));
      ear.turn([&] { ear.role.on_notify(worker, std::move(notify), ear.now(), ear.out); });
      return arrived(ear.out).size();
    };
    THEN("one large event alone is taken, and the next one when that is done") {
      CHECK(hear_large(1, 3 * limits::events_window_bytes) == 1);
      CHECK(hear_large(2, 1) == 0);
      ear.handled(worker, 1, 1);
      CHECK(hear_large(2, 1) == 1);
    }
  }
}

SCENARIO("a NOTIFY that cannot be true is answered with an error", "[core][callbacks]") {
  Ear ear;
  ear.hello(worker);
  const auto answer = [&](proto::Notify notify) {
    ear.turn([&] { ear.role.on_notify(worker, std::move(notify), ear.now(), ear.out); });
    CHECK(arrived(ear.out).empty());
    return errors(ear.out);
  };
  const std::vector malformed{code(proto::Code::malformed)};
  auto running = Ear::event(1, 1);
  running.report.edit().state = TaskState::running;
  auto nameless = Ear::event(1, 1);
  nameless.report.edit().id = {};
  CHECK(answer(running) == malformed);
  CHECK(answer(nameless) == malformed);
  CHECK(answer(Ear::event(1, 0)) == malformed);
  CHECK(ear.counters.bad_input == 3);
  THEN("numbers may jump, up to the last one there is") {
    CHECK(arrived(ear.hear(worker, 1, ~0ULL)).size() == 1);
    CHECK(arrived(ear.hear(worker, 2, 5)).size() == 1);
    CHECK(acked(ear.handled(worker, 1, ~0ULL), worker) == Ranges{{~0ULL, ~0ULL}});
  }
}

}  // namespace taskmesh::core::callback_test::listener_role_test
