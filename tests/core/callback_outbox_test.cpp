#include "taskmesh/core/callbacks/callback_outbox.hpp"

#include "core/callback_support.hpp"

namespace taskmesh::core::callback_test::callback_outbox_test {
namespace {

const std::string here = "tcp://127.0.0.1:6000";
const std::string there = "tcp://127.0.0.1:6001";
constexpr LinkId guest{LinkId::inbound_bit | 9};

}  // namespace

// ---- Waiting clients ------------------------------------------------------------------------------------

SCENARIO("a client that waits is told the end on its own link", "[core][callbacks]") {
  GIVEN("a client's link with a window of 3 records") {
    Desk desk;
    desk.turn([&] { desk.outbox.open_link(guest, 3, 1'000); });
    WHEN("five tasks end") {
      const auto events = sent<proto::Notify>(desk.tell_link(1, 5, guest), guest);
      THEN("three NOTIFYs go out at once, numbered from 1, with the worker's load") {
        CHECK(seqs(events) == std::vector<std::uint64_t>{1, 2, 3});
        CHECK(task_numbers(events) == std::vector<std::uint32_t>{1, 2, 3});
        CHECK(events[0].load == desk.load);
        CHECK(events[0].delivery == 1);
        CHECK(desk.outbox.waiting_on_links() == 5);
      }
      THEN("an acknowledged range lets as many others follow, and the end is not a settled callback") {
        CHECK(seqs(sent<proto::Notify>(desk.ack(guest, 1, 2))) == std::vector<std::uint64_t>{4, 5});
        CHECK(desk.outbox.waiting_on_links() == 3);
        CHECK(desk.counters.events_acked == 2);
        CHECK(desk.outbox.take_settled().empty());
      }
      THEN("without an acknowledgement each is repeated with its number after the timeout") {
        CHECK(desk.sleep_until_woken() == limits::event_ack_timeout);
        const auto again = sent<proto::Notify>(desk.out, guest);
        CHECK(seqs(again) == std::vector<std::uint64_t>{1, 2, 3});
        CHECK(again[2].delivery == 2);
      }
      THEN("everything is dropped when the link goes down") {
        CHECK(desk.link_down(guest).send.empty());
        CHECK(desk.outbox.waiting_on_links() == 0);
        CHECK(desk.tell_link(6, 6, guest).send.empty());
        CHECK(desk.after(1h).send.empty());
      }
    }
  }
  GIVEN("a client that takes 10 bytes") {
    Desk desk;
    desk.turn([&] { desk.outbox.open_link(guest, 100, 10); });
    WHEN("results of 6, 40 and 6 bytes end") {
      desk.turn([&] {
        for (const std::uint32_t size : {6U, 40U, 6U}) {
          auto ended = make_end(size);
          ended->report.result = Bytes::copy_of(std::string(size, 'x'));
          desk.outbox.to_link(guest, ended, desk.now());
        }
      });
      THEN("each goes alone, the one that is larger than the window too") {
        CHECK(seqs(sent<proto::Notify>(desk.out)) == std::vector<std::uint64_t>{1});
        CHECK(seqs(sent<proto::Notify>(desk.ack(guest, 1, 1))) == std::vector<std::uint64_t>{2});
        CHECK(seqs(sent<proto::Notify>(desk.ack(guest, 2, 2))) == std::vector<std::uint64_t>{3});
      }
    }
  }
}

SCENARIO("acknowledgements that make no sense cost nothing", "[core][callbacks]") {
  GIVEN("ten events in flight to a client") {
    Desk desk;
    desk.turn([&] { desk.outbox.open_link(guest, 100, 1'000); });
    desk.tell_link(1, 10, guest);
    WHEN("unknown and backward ranges, and one of 2^64 numbers, are acknowledged") {
      desk.ack(guest, {{11, 90}, {0, 0}, {9, 3}, {~0ULL, ~0ULL}});
      CHECK(desk.outbox.waiting_on_links() == 10);
      desk.ack(guest, 0, ~0ULL);
      THEN("all ten are done, once") {
        CHECK(desk.counters.events_acked == 10);
        desk.ack(guest, 0, ~0ULL);
        CHECK(desk.counters.events_acked == 10);
        CHECK(desk.outbox.waiting_on_links() == 0);
      }
    }
    WHEN("a million ranges overlap") {
      desk.ack(guest, std::vector<proto::Range>(1'000'000, {2, ~0ULL}));
      THEN("what they name is done") { CHECK(desk.outbox.waiting_on_links() == 1); }
    }
    WHEN("a stranger's link acknowledges or refuses") {
      desk.ack(LinkId{LinkId::inbound_bit | 77}, 1, 10);
      desk.nack(LinkId{LinkId::inbound_bit | 77}, 1, 10);
      THEN("nothing happens") { CHECK(desk.outbox.waiting_on_links() == 10); }
    }
  }
}

// ---- Greeting a listener --------------------------------------------------------------------------------

SCENARIO("a listener proves its consent before it gets an event", "[core][callbacks]") {
  GIVEN("a task with a callback that has ended") {
    Desk desk;
    auto ended = make_end(1, here);
    ended->callback_data = R"({"request_id":123})";
    CHECK(desk.outbox.reserve(here));
    desk.turn([&] { desk.outbox.to_address(ended, desk.now()); });
    THEN("its address is dialled, and nothing is sent yet") {
      CHECK(desk.out.dial == std::vector<Dial>{{LinkId{1}, here, 1s}});
      CHECK(desk.out.send.empty());
      CHECK(desk.outbox.owns(LinkId{1}));
      CHECK(desk.outbox.parked() == 1);
      CHECK(desk.outbox.listeners() == 1);
    }
    WHEN("the link comes up") {
      const auto hello = sent<proto::CbHello>(desk.link_up(LinkId{1})).at(0);
      THEN("CB_HELLO names the worker and carries a nonce") {
        CHECK(hello.name == "w1");
        CHECK(hello.node == NodeId{{1, 2, 3}});
        CHECK(hello.incarnation == 42);
        CHECK(hello.nonce.size() == 16);
      }
      THEN("it is said again, the same, until it is answered") {
        CHECK(desk.sleep_until_woken() == limits::hello_retry);
        CHECK(sent<proto::CbHello>(desk.out).at(0).nonce == hello.nonce);
      }
      THEN("CB_WELCOME with that nonce lets the event go, with its data") {
        const auto events = sent<proto::Notify>(desk.welcome(LinkId{1}));
        REQUIRE(events.size() == 1);
        CHECK(events[0].seq == 1);
        CHECK(events[0].delivery == 1);
        CHECK(events[0].load == desk.load);
        CHECK(events[0].report == ended->report);
        CHECK(events[0].callback_data == ended->callback_data);
        AND_THEN("its acknowledgement settles the callback as delivered") {
          desk.ack(LinkId{1}, 1, 1);
          const std::vector<CallbackOutbox::Settled> settled{{task_id(1), CallbackState::delivered}};
          CHECK(desk.outbox.take_settled() == settled);
          CHECK(desk.outbox.take_settled().empty());
          CHECK(desk.outbox.parked() == 0);
        }
        AND_THEN("a second CB_WELCOME changes nothing") { CHECK(desk.welcome(LinkId{1}).send.empty()); }
      }
      THEN("another nonce is no consent") {
        CHECK(desk.welcome(LinkId{1}, Desk::welcome_with(std::string(16, 'x'))).send.empty());
        CHECK(desk.welcome(LinkId{1}, Desk::welcome_with("")).send.empty());
      }
      THEN("another version is none either") {
        auto welcome = Desk::welcome_with(desk.nonce);
        welcome.major = 2;
        CHECK(desk.welcome(LinkId{1}, welcome).send.empty());
      }
    }
  }
}

SCENARIO("a listener gets the result in the form that it takes", "[core][callbacks]") {
  Desk desk;
  const auto tell_with_json = [&](std::uint32_t number, Codec codec, const std::string& json) {
    auto ended = make_end(number, here);
    ended->report.codec = codec;
    ended->json = Bytes::copy_of(json);
    CHECK(desk.outbox.reserve(here));
    desk.turn([&] { desk.outbox.to_address(ended, desk.now()); });
    return sent<proto::Notify>(desk.out);
  };
  CHECK_FALSE(desk.outbox.takes_cereal(here));
  const LinkId link = desk.greeted(here);
  WHEN("it takes cereal bytes") {
    CHECK(desk.outbox.takes_cereal(here));
    THEN("it gets the result as it is") {
      const auto event = tell_with_json(2, Codec::cereal, "8").at(0);
      CHECK(event.report->codec == Codec::cereal);
      CHECK(event.report->result.view() == "\x08");
    }
  }
  WHEN("it does not") {
    desk.link_down(link);
    desk.link_up(link);
    auto welcome = Desk::welcome_with(desk.nonce);
    welcome.takes_cereal = 0;
    desk.welcome(link, welcome);
    CHECK_FALSE(desk.outbox.takes_cereal(here));
    THEN("it gets JSON where that was made, else what there is") {
      const auto event = tell_with_json(2, Codec::cereal, "8").at(0);
      CHECK(event.report->codec == Codec::json);
      CHECK(event.report->result.view() == "8");
      CHECK(tell_with_json(3, Codec::json, "").at(0).report->codec == Codec::json);
      CHECK(tell_with_json(4, Codec::cereal, "").at(0).report->result.view() == "\x08");
    }
  }
}

// ---- Window, refusals, repetition -----------------------------------------------------------------------

SCENARIO("a burst of 1,000 events keeps within the listener's window", "[core][callbacks]") {
  GIVEN("1,000 events for one listener") {
    Desk desk;
    desk.tell(1, 1'000, here);
    const LinkId link = desk.dialled();
    desk.link_up(link);
    WHEN("it takes them one window at a time") {
      std::vector<proto::Notify> events = sent<proto::Notify>(desk.welcome(link));
      for (std::size_t acked = 0; acked < events.size();) {
        const std::size_t batch = events.size() - acked;
        REQUIRE(batch <= limits::events_window);
        acked = events.size();
        const auto more = sent<proto::Notify>(desk.ack(link, acked - batch + 1, acked));
        events.insert(events.end(), more.begin(), more.end());
      }
      THEN("each came once, oldest first, and all are settled") {
        CHECK(task_numbers(events) == counting<std::uint32_t>(1, 1'000));
        CHECK(desk.outbox.take_settled().size() == 1'000);
        CHECK(desk.outbox.parked() == 0);
        CHECK(desk.counters.events_sent == 1'000);
      }
    }
  }
  GIVEN("a listener that grants 2 records") {
    Desk desk;
    desk.tell(1, 10, here);
    desk.link_up(LinkId{1});
    auto welcome = Desk::welcome_with(desk.nonce);
    welcome.window_records = 2;
    THEN("two are in flight") { CHECK(desk.welcome(LinkId{1}, welcome).send.size() == 2); }
  }
  GIVEN("a listener that grants the moon") {
    Desk desk;
    desk.tell(1, 200, here);
    desk.link_up(LinkId{1});
    auto welcome = Desk::welcome_with(desk.nonce);
    welcome.window_records = ~0U;
    welcome.window_bytes = ~0ULL;
    THEN("our own limit holds") {
      CHECK(desk.welcome(LinkId{1}, welcome).send.size() == limits::events_window);
    }
  }
}

SCENARIO("a slow listener gets a smaller window, which grows again", "[core][callbacks]") {
  GIVEN("64 of 400 events in flight") {
    Desk desk;
    desk.tell(1, 400, here);
    const LinkId link = desk.dialled();
    desk.link_up(link);
    CHECK(desk.welcome(link).send.size() == 64);
    WHEN("it refuses one") {
      desk.nack(link, 1, 1'000);
      THEN("32 may be in flight: nothing goes until more than half are acknowledged") {
        CHECK(desk.ack(link, 2, 32).send.empty());
        AND_THEN("each window's worth of acknowledgements adds one") {
          CHECK(desk.ack(link, 33, 33).send.size() == 2);
          CHECK(desk.ack(link, 34, 65).send.size() == 32);
          CHECK(desk.ack(link, 66, 66).send.size() == 2);
        }
      }
      THEN("that one comes again after the pause, before others, with its number") {
        desk.ack(link, 2, 64);
        CHECK(desk.after(999ms).send.empty());
        CHECK(desk.after(1ms).send.empty());  // Due, but others fill the window.
        CHECK(desk.out.wake_at > desk.now().at);
        const auto again = sent<proto::Notify>(desk.ack(link, 65, 65)).at(0);
        CHECK(again.seq == 1);
        CHECK(again.delivery == 2);
        CHECK(again.report->id == task_id(1));
      }
    }
    WHEN("it is silent until the acknowledgement is overdue") {
      CHECK(desk.sleep_until_woken() == limits::event_ack_timeout);
      THEN("all in flight are repeated, and the window is halved once") {
        CHECK(seqs(sent<proto::Notify>(desk.out)) == counting<std::uint64_t>(1, 64));
        CHECK(desk.ack(link, 1, 31).send.empty());
        CHECK(desk.ack(link, 32, 32).send.size() == 1);  // A window's worth: 33.
      }
    }
  }
}

SCENARIO("a refused event comes again after its pause", "[core][callbacks]") {
  GIVEN("one event in flight") {
    Desk desk;
    const LinkId link = desk.greeted(here);
    WHEN("it is refused for a century") {
      desk.nack(link, 1, ~0ULL);
      THEN("it comes again after the longest back-off") {
        CHECK(desk.sleep_until_woken() == limits::listener_retry_max);
        CHECK(sent<proto::Notify>(desk.out).at(0).delivery == 2);
      }
    }
    WHEN("it is refused without a pause") {
      THEN("there is one nevertheless") {
        CHECK(desk.nack(link, 1, 0).send.empty());
        CHECK(desk.after(limits::busy_retry - 1ms).send.empty());
        CHECK(desk.after(1ms).send.size() == 1);
      }
    }
    WHEN("a number that is not in flight is refused, or the same one twice") {
      desk.nack(link, 5, 1'000);
      desk.nack(link, 0, 1'000);
      desk.nack(link, 1, 1'000);
      desk.nack(link, 1, 60'000);
      THEN("the first refusal of the known one counts") { CHECK(desk.after(1s).send.size() == 1); }
    }
    WHEN("a refused event is acknowledged after all") {
      desk.nack(link, 1, 1'000);
      desk.ack(link, 1, 1);
      THEN("it is delivered") {
        CHECK(desk.outbox.take_settled().size() == 1);
        CHECK(desk.after(2s).send.empty());
      }
    }
  }
}

}  // namespace taskmesh::core::callback_test::callback_outbox_test
