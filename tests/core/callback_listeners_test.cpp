// CallbackOutbox: listeners that are away, answer badly, never come, or are no longer needed.
#include "core/callback_support.hpp"

namespace taskmesh::core::callback_test::callback_listeners_test {
namespace {

const std::string here = "tcp://127.0.0.1:6000";
const std::string there = "tcp://127.0.0.1:6001";

}  // namespace

// ---- Away and back --------------------------------------------------------------------------------------

SCENARIO("a listener that is never there does not hold back another", "[core][callbacks]") {
  GIVEN("events for two listeners, of which one answers") {
    Desk desk;
    desk.tell(1, 100, there);
    const LinkId link = desk.greeted(here);
    CHECK(task_numbers(sent<proto::Notify>(desk.out, link)) == std::vector<std::uint32_t>{1});
    WHEN("more come for both") {
      desk.ack(link, 1, 1);
      desk.tell(101, 110, there);
      const auto events = sent<proto::Notify>(desk.tell(201, 210, here));
      THEN("the one that is there gets its own at once") {
        CHECK(task_numbers(events) == counting<std::uint32_t>(201, 210));
        CHECK(desk.outbox.parked() == 110 + 10);
      }
    }
    WHEN("time passes") {
      THEN("one line tells that the other cannot be reached") {
        CHECK(notes(desk.pass(limits::listener_welcome_timeout - 1ns)).empty());
        const auto lines = notes(desk.pass(1ns));
        REQUIRE(lines.size() == 1);
        CHECK(lines[0] == "listener " + there + " cannot be reached: 100 events wait for it");
        CHECK(notes(desk.tell(101, 200, there)).empty());
        CHECK(notes(desk.pass(1h)).empty());
      }
    }
  }
}

SCENARIO("a listener that returns gets what waits, oldest first", "[core][callbacks]") {
  GIVEN("a listener killed in the middle of a burst") {
    Desk desk;
    desk.tell(1, 100, here);
    const LinkId link = desk.dialled();
    desk.link_up(link);
    desk.welcome(link);
    desk.ack(link, {{3, 10}, {12, 12}});
    CHECK(desk.outbox.take_settled().size() == 9);
    WHEN("its link goes down") {
      CHECK(desk.link_down(link).send.empty());
      THEN("nothing goes out, and nothing is dialled: the link comes back by itself") {
        CHECK(desk.pass(1min).dial.empty());
        CHECK(desk.counters.events_sent == 73);
      }
      THEN("a late acknowledgement of the old connection settles nothing") {
        desk.ack(link, 1, 64);
        desk.link_up(link);
        desk.ack(link, 1, 64);
        CHECK(desk.outbox.take_settled().empty());
      }
      AND_WHEN("it returns") {
        desk.after(10s);
        CHECK(desk.link_up(link).send.size() == 1);
        const auto events = sent<proto::Notify>(desk.welcome(link));
        THEN("redelivery starts with its CB_WELCOME, oldest first, numbers from 1, deliveries counted on") {
          REQUIRE(events.size() == limits::events_window);
          CHECK(seqs(events) == counting<std::uint64_t>(1, 64));
          std::vector<std::uint32_t> expected{1, 2, 11};
          for (const auto number : counting<std::uint32_t>(13, 73)) expected.push_back(number);
          CHECK(task_numbers(events) == expected);
          CHECK(events.front().delivery == 2);
          CHECK(notes(desk.out).size() == 1);
        }
      }
    }
  }
}

SCENARIO("every connection to a listener begins anew", "[core][callbacks]") {
  GIVEN("a listener whose nonce changes with every connection") {
    Desk desk;
    desk.tell(1, here);
    desk.link_up(LinkId{1});
    const std::string first = desk.nonce;
    desk.link_down(LinkId{1});
    desk.link_up(LinkId{1});
    THEN("the old one is no longer consent") {
      CHECK(first != desk.nonce);
      CHECK(desk.welcome(LinkId{1}, Desk::welcome_with(first)).send.empty());
      CHECK(desk.welcome(LinkId{1}).send.size() == 1);
    }
  }
  GIVEN("a listener that was away for ten minutes") {
    Desk desk;
    desk.tell(1, here);
    const LinkId link = desk.dialled();
    CHECK(desk.pass(10min - 1ns).dial.empty());
    WHEN("the ten minutes are over") {
      const Effects all = desk.pass(1ns);
      THEN("it is dialled less often, on a new link") {
        REQUIRE(all.dial.size() == 1);
        CHECK(all.dial[0].retry_max == 10s);
        CHECK(all.close == std::vector<LinkId>{link});
        CHECK_FALSE(desk.outbox.owns(link));
        AND_THEN("once it was there, its next absence is looked at closely again") {
          desk.link_up(all.dial[0].link);
          CHECK(desk.welcome(all.dial[0].link).send.size() == 1);
          CHECK(desk.link_down(all.dial[0].link).dial == std::vector<Dial>{{LinkId{3}, here, 1s}});
        }
      }
    }
  }
}

// ---- The breaker ----------------------------------------------------------------------------------------

SCENARIO("an address that answers badly is left alone for a while", "[core][callbacks]") {
  Desk desk;
  GIVEN("something that connects and never says CB_WELCOME") {
    desk.tell(1, here);
    const LinkId link = desk.dialled();
    desk.link_up(link);
    WHEN("five times the time for an answer has passed") {
      const Effects all = desk.pass(5 * limits::listener_welcome_timeout);
      THEN("the link is closed, one line tells it, and nobody is dialled for a while") {
        CHECK(all.dial.empty());
        CHECK(all.close == std::vector<LinkId>{link});
        REQUIRE(notes(all).size() == 1);
        CHECK(notes(all)[0].find("does not answer the greeting") != std::string::npos);
        CHECK_FALSE(desk.outbox.owns(link));
        CHECK(desk.outbox.parked() == 1);
      }
      THEN("it is probed after a pause that doubles up to a minute, with jitter") {
        Duration expected = limits::listener_retry;
        for (int probe = 0; probe < 9; ++probe) {
          const Duration pause = desk.sleep_until_woken();
          CHECK(pause <= expected);
          CHECK(pause >= expected * 3 / 4);
          desk.link_up(desk.dialled());
          const Effects probed = desk.pass(limits::listener_welcome_timeout);
          CHECK(probed.close.size() == 1);  // One bad answer ends a probe.
          CHECK(notes(probed).empty());
          expected = std::min(expected * 2, limits::listener_retry_max);
        }
        CHECK(expected == limits::listener_retry_max);
      }
      THEN("a successful greeting closes the breaker") {
        desk.sleep_until_woken();
        const LinkId next = desk.dialled();
        desk.link_up(next);
        CHECK(sent<proto::Notify>(desk.welcome(next)).size() == 1);
        CHECK(notes(desk.out).size() == 1);
        desk.link_down(next);
        desk.link_up(next);
        for (int i = 0; i < limits::listener_failures_max - 1; ++i)
          CHECK(desk.bad_answer(next).close.empty());
        CHECK(desk.bad_answer(next).close.size() == 1);
        CHECK(desk.sleep_until_woken() <= limits::listener_retry);
      }
    }
  }
}

SCENARIO("bad answers in a row are counted", "[core][callbacks]") {
  Desk desk;
  GIVEN("something that answers CB_HELLO with another nonce") {
    desk.tell(1, here);
    const LinkId link = desk.dialled();
    desk.link_up(link);
    for (int i = 1; i < limits::listener_failures_max; ++i) {
      CHECK(desk.welcome(link, Desk::welcome_with("0123456789abcdef")).close.empty());
    }
    THEN("the fifth one opens the breaker") {
      CHECK(desk.welcome(link, Desk::welcome_with("0123456789abcdef")).close.size() == 1);
    }
    THEN("the right one is still welcome") { CHECK(sent<proto::Notify>(desk.welcome(link)).size() == 1); }
  }
  GIVEN("something that welcomes everybody and answers each event with an error") {
    LinkId link = desk.greeted(here);
    int rounds = 0;
    WHEN("it goes on so") {
      while (desk.bad_answer(link).close.empty()) {
        REQUIRE(++rounds < limits::listener_failures_max);
        CHECK(desk.sleep_until_woken() == limits::hello_retry);  // It is greeted again, not at once.
        desk.welcome(link);
      }
      THEN("the breaker opens all the same, and its pauses grow") {
        CHECK(rounds == limits::listener_failures_max - 1);
        CHECK(desk.sleep_until_woken() <= limits::listener_retry);
        link = desk.dialled();
        desk.link_up(link);
        CHECK(sent<proto::Notify>(desk.welcome(link)).size() == 1);
        CHECK(desk.bad_answer(link).close.size() == 1);
        CHECK(desk.sleep_until_woken() > limits::listener_retry);
      }
    }
    WHEN("it acknowledges in between") {
      desk.tell(2, 9, here);
      for (std::uint64_t seq = 1; seq <= 9; ++seq) {
        CHECK(desk.bad_answer(link).close.empty());
        desk.after(limits::hello_retry);
        desk.welcome(link);
        desk.ack(link, seq, seq);
      }
      THEN("it stays trusted") { CHECK(desk.outbox.parked() == 0); }
    }
  }
  GIVEN("a listener that is ready") {
    const LinkId link = desk.greeted(here);
    WHEN("it goes away and comes back a hundred times") {
      for (int i = 0; i < 100; ++i) {
        desk.link_down(link);
        desk.link_up(link);
        desk.welcome(link);
      }
      THEN("that is no bad answer, and the deliveries are counted") {
        CHECK(desk.outbox.owns(link));
        CHECK(sent<proto::Notify>(desk.out).at(0).delivery == 101);
      }
    }
  }
}

// ---- The end of a delivery ------------------------------------------------------------------------------

SCENARIO("an event that nobody takes ends as undelivered", "[core][callbacks]") {
  auto config = Desk::worker_config();
  config.callback_ttl = 1h;
  Desk desk{config};
  GIVEN("two events of different age for an address where nobody listens") {
    desk.tell(1, here);
    desk.after(1min);
    desk.tell(2, here);
    WHEN("the first one's time is over") {
      const Effects all = desk.pass(59min);
      THEN("it alone is undelivered, and one line tells it") {
        const std::vector<CallbackOutbox::Settled> settled{{task_id(1), CallbackState::undelivered}};
        CHECK(desk.outbox.take_settled() == settled);
        CHECK(desk.counters.events_undelivered == 1);
        CHECK(desk.outbox.parked() == 1);
        CHECK(notes(all).size() == 1);
        AND_WHEN("the second one's is over too") {
          CHECK(notes(desk.pass(1min)).empty());
          CHECK(desk.outbox.take_settled().size() == 1);
          THEN("nothing of the address remains after a while: no link, no memory, no timer") {
            CHECK(desk.outbox.parked() == 0);
            CHECK(desk.pass(limits::listener_idle - 1ns).close.empty());
            CHECK(desk.pass(1ns).close.size() == 1);
            CHECK(desk.outbox.listeners() == 0);
            CHECK_FALSE(desk.out.wake_at);
          }
        }
      }
    }
  }
  GIVEN("an event that was sent and is never acknowledged") {
    const LinkId link = desk.greeted(here);
    desk.pass(1h);
    THEN("it ends too, and a late acknowledgement changes nothing") {
      CHECK(desk.outbox.take_settled().at(0).state == CallbackState::undelivered);
      desk.ack(link, 1, 1);
      CHECK(desk.outbox.take_settled().empty());
      CHECK(desk.counters.events_acked == 0);
    }
  }
}

SCENARIO("a callback link that is no longer used is closed", "[core][callbacks]") {
  GIVEN("a listener that has got everything") {
    Desk desk;
    const LinkId link = desk.greeted(here);
    desk.ack(link, 1, 1);
    WHEN("nothing more comes for a minute") {
      const Effects all = desk.pass(limits::listener_idle);
      THEN("the link is closed and forgotten") {
        CHECK(all.close == std::vector<LinkId>{link});
        CHECK(desk.outbox.listeners() == 0);
        CHECK_FALSE(desk.out.wake_at);
        AND_THEN("the next event dials anew") { CHECK(desk.tell(2, here).dial.size() == 1); }
      }
    }
    WHEN("a running task has reserved room") {
      CHECK(desk.outbox.reserve(here));
      desk.pass(1h);
      THEN("the link stays, for its end goes out at once") {
        CHECK(desk.outbox.owns(link));
        desk.turn([&] { desk.outbox.to_address(make_end(2, here), desk.now()); });
        CHECK(sent<proto::Notify>(desk.out, link).size() == 1);
      }
    }
  }
}

SCENARIO("room for callbacks is bounded and given back", "[core][callbacks]") {
  Desk desk;
  GIVEN("an address with as many callbacks as it may have") {
    for (std::size_t i = 0; i < limits::callbacks_per_listener_max; ++i) REQUIRE(desk.outbox.reserve(here));
    THEN("one more is refused, elsewhere there is room") {
      CHECK_FALSE(desk.outbox.reserve(here));
      CHECK(desk.outbox.reserve(there));
    }
    WHEN("one of them ends and is delivered") {
      desk.turn([&] { desk.outbox.to_address(make_end(1, here), desk.now()); });
      CHECK_FALSE(desk.outbox.reserve(here));
      const LinkId link = desk.dialled();
      desk.link_up(link);
      desk.welcome(link);
      desk.ack(link, 1, 1);
      THEN("there is room for one") {
        CHECK(desk.outbox.reserve(here));
        CHECK_FALSE(desk.outbox.reserve(here));
      }
    }
  }
  GIVEN("as many addresses as a worker knows, one of them without use") {
    const LinkId link = desk.greeted(here);
    for (std::size_t i = 1; i < limits::listeners_max; ++i) {
      REQUIRE(desk.outbox.reserve("tcp://127.0.0.1:1/" + std::to_string(i)));
    }
    CHECK_FALSE(desk.outbox.reserve(there));
    desk.ack(link, 1, 1);
    THEN("the unused one makes room for a new one") {
      CHECK(desk.outbox.reserve(there));
      CHECK(desk.turn_end().close == std::vector<LinkId>{link});
      CHECK(desk.outbox.listeners() == limits::listeners_max);
      CHECK_FALSE(desk.outbox.reserve(here));
    }
  }
}

}  // namespace taskmesh::core::callback_test::callback_listeners_test
