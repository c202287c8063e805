// What people see of undelivered events, and what they do about them; attempts; listeners that are slow, die or lie.
#include "core/callback_support.hpp"

namespace callback_asked_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::callback_test;

namespace {

const std::string here = "tcp://127.0.0.1:6000";
const std::string there = "tcp://127.0.0.1:6001";

using Listeners = std::vector<proto::ListenerRow>;
using Numbers = std::vector<std::uint32_t>;

/// All pages put together.
Listeners listed(Desk& desk, proto::ListCallbacks ask = {}) {
  Listeners all;
  for (int pages = 0; pages < 1'000; ++pages) {
    const proto::CallbackList page = desk.outbox.list(ask, desk.now());
    all.insert(all.end(), page.listeners.begin(), page.listeners.end());
    if (page.next_listener == 0) return all;
    ask.from_listener = page.next_listener;
    ask.from_event = page.next_event;
  }
  FAIL("the list has no end");
  return all;
}

Numbers numbers(const Listeners& listeners) {
  Numbers all;
  for (const proto::ListenerRow& listener : listeners) {
    for (const proto::CallbackRow& row : listener.events) all.push_back(counter_of(row.id));
  }
  return all;
}

proto::CallbacksRetried retry(Desk& desk, const proto::RetryCallbacks& ask) {
  proto::CallbacksRetried done;
  desk.turn([&] { done = desk.outbox.retry(ask, desk.now(), desk.out); });
  return done;
}

NodeConfig config_with(std::uint32_t attempts, Duration ttl = 24h) {
  NodeConfig config = Desk::worker_config();
  config.callback_attempts = attempts;
  config.callback_ttl = ttl;
  return config;
}

}  // namespace

SCENARIO("undelivered events are listed with what is known of their listener", "[core][callbacks][listing]") {
  Desk desk;
  CHECK(listed(desk).empty());
  const LinkId link = desk.greeted(here);
  desk.tell(2, 3, here);
  desk.tell(4, there);
  desk.nack(link, 2, 60'000);
  desk.after(1s);
  const Listeners all = listed(desk);
  REQUIRE(all.size() == 2);
  CHECK(all[0].address == here);
  CHECK(all[0].state == ListenerState::ready);
  CHECK(all[0].undelivered == 3);
  CHECK(all[0].in_flight == 2);
  CHECK(all[0].window_records == limits::events_window / 2);  // Halved by the refusal.
  CHECK(all[0].window_bytes == limits::events_window_bytes);
  CHECK(all[0].trouble == "it refused an event");
  REQUIRE(numbers(all) == Numbers{1, 2, 3, 4});
  CHECK(all[0].events[0].stage == EventStage::in_flight);
  CHECK(all[0].events[0].deliveries == 1);
  CHECK(all[0].events[0].age_ms == 1'000);
  CHECK(all[0].events[0].left_ms == 24 * 3'600'000 - 1'000);
  CHECK(all[0].events[1].stage == EventStage::refused);
  CHECK(all[1].state == ListenerState::away);
  CHECK(all[1].events[0].stage == EventStage::waiting);
  CHECK(all[1].events[0].deliveries == 0);
  THEN("of one address, of one task") {
    CHECK(numbers(listed(desk, {.address = there})) == Numbers{4});
    CHECK(numbers(listed(desk, {.id = task_id(3)})) == Numbers{3});
    CHECK(listed(desk, {.address = "tcp://127.0.0.1:1"}).empty());
  }
  THEN("in pages of any size, each once") {
    for (std::uint32_t size = 1; size <= 5; ++size) {
      CHECK(numbers(listed(desk, {.rows_max = size})) == Numbers{1, 2, 3, 4});
    }
  }
  THEN("what is acknowledged is not listed any more") {
    desk.ack(link, 1, 3);
    CHECK(numbers(listed(desk)) == Numbers{4});
  }
}

SCENARIO("a page of callbacks is bounded in size and in work, whatever is asked",
         "[core][callbacks][listing]") {
  Desk desk;
  desk.tell(1, 10'000, here);
  const proto::CallbackList page = desk.outbox.list({.rows_max = ~std::uint32_t{0}}, desk.now());
  REQUIRE(page.listeners.size() == 1);
  CHECK(page.listeners[0].events.size() <= limits::list_rows_max);
  CHECK(page.listeners[0].events.size() >= 200);
  CHECK(numbers(listed(desk)) == counting<std::uint32_t>(1, 10'000));
  CHECK(desk.outbox.list({.id = task_id(9'999)}, desk.now()).listeners.empty());  // Not found yet...
  CHECK(numbers(listed(desk, {.id = task_id(9'999)})) == Numbers{9'999});         // ...but further on.
  for (const std::uint64_t edge : {std::uint64_t{1}, std::uint64_t{99}, ~std::uint64_t{0}}) {
    const auto beyond =
        desk.outbox.list({.from_listener = edge, .from_event = ~std::uint64_t{0}}, desk.now());
    CHECK(beyond.listeners.empty());
    CHECK(beyond.next_listener == 0);
  }
}

SCENARIO("a submit may say how long and how often its event is tried", "[core][callbacks][listing]") {
  Desk desk{config_with(4, 1h)};
  desk.tell(1, here);
  const LinkId link = desk.dialled();
  desk.tell(2, here, {.callback_ttl_ms = 60'000});
  desk.tell(3, here, {.callback_ttl_ms = 7'200'000, .callback_attempts = 1});
  WHEN("nobody is there") {
    desk.pass(1min);
    THEN("the one with little time ends first, and each says its own time") {
      CHECK(numbers(listed(desk)) == Numbers{1, 3, 2});
      CHECK_THAT(listed(desk)[1].trouble, Catch::Matchers::StartsWith("callback_ttl (1m) has passed"));
      desk.pass(59min);
      CHECK(numbers(listed(desk)) == Numbers{3, 2, 1});
      desk.pass(1h);
      CHECK(desk.outbox.parked() == 0);
    }
  }
  WHEN("the listener acknowledges nothing") {
    desk.link_up(link);
    desk.welcome(link);
    desk.pass(limits::event_ack_timeout);
    THEN("the one with a single attempt is given up, the others are said again") {
      const Listeners rows = listed(desk);
      CHECK(numbers(rows) == Numbers{1, 2, 3});
      CHECK(rows.back().events.back().stage == EventStage::dead);
      CHECK_THAT(rows.back().trouble, Catch::Matchers::StartsWith("1 attempt"));
    }
  }
  WHEN("one that was given up is tried again") {
    desk.pass(1min);
    REQUIRE(retry(desk, {.id = task_id(2)}).revived == 1);
    THEN("it has its own time again") {
      desk.pass(1min);
      CHECK(numbers(listed(desk)) == Numbers{1, 3, 2});
    }
  }
}

SCENARIO("an event that was given up can be seen and tried again", "[core][callbacks][listing]") {
  Desk desk{config_with(0, 1h)};
  desk.tell(1, 2, here);
  desk.pass(1h);
  CHECK(desk.outbox.parked() == 0);
  const Listeners dead = listed(desk);
  REQUIRE(numbers(dead) == Numbers{1, 2});
  CHECK(dead[0].events[0].stage == EventStage::dead);
  CHECK(dead[0].events[0].left_ms == 3'600'000);
  CHECK_THAT(dead[0].trouble, Catch::Matchers::StartsWith("callback_ttl (1h) has passed"));
  desk.outbox.take_settled();
  WHEN("one of them is tried again") {
    const auto done = retry(desk, {.id = task_id(2)});
    CHECK(done.revived == 1);
    CHECK(done.hurried == 1);
    CHECK(desk.outbox.take_settled() ==
          std::vector<CallbackOutbox::Settled>{{task_id(2), CallbackState::pending}});
    THEN("it has a new time to live, and the other one stays as it was") {
      CHECK(desk.outbox.parked() == 1);
      CHECK(desk.counters.events_revived == 1);
      CHECK(numbers(listed(desk)) == Numbers{2, 1});
    }
    THEN("a listener that is there now gets it") {
      REQUIRE(desk.out.dial.size() == 1);  // At once, whatever the old link would have waited for.
      const LinkId link = desk.dialled();
      desk.link_up(link);
      desk.welcome(link);
      CHECK(task_numbers(sent<proto::Notify>(desk.out)) == Numbers{2});
      desk.ack(link, 1, 1);
      CHECK(numbers(listed(desk)) == Numbers{1});
    }
  }
  WHEN("all of its address are") {
    CHECK(retry(desk, {.address = here}).revived == 2);
    CHECK(desk.outbox.dead().size() == 0);
  }
  WHEN("another address or task is named") {
    CHECK(retry(desk, {.address = there}) == proto::CallbacksRetried{});
    CHECK(retry(desk, {.id = task_id(9)}) == proto::CallbacksRetried{});
    CHECK(desk.outbox.dead().size() == 2);
  }
  WHEN("result_ttl is over") {
    desk.pass(limits::result_ttl);
    desk.after(1s);
    THEN("nothing remains") {
      CHECK(desk.outbox.dead().size() == 0);
      CHECK(desk.outbox.dead().bytes() == 0);
      CHECK(listed(desk).empty());
    }
  }
}

SCENARIO("what was given up is kept within bounds, the oldest goes first", "[core][callbacks][listing]") {
  DeadCallbacks dead(3, 10'000);
  const auto add = [&](std::uint32_t number, std::size_t bytes) {
    auto ended = make_end(number, here);
    ended->report.result = Bytes(std::string(bytes, 'x'));
    dead.add({.ended = std::move(ended), .until = TimePoint{} + 1h});
  };
  for (std::uint32_t number = 1; number <= 5; ++number) add(number, 1);
  CHECK(dead.ids("") == std::vector<TaskId>{task_id(3), task_id(4), task_id(5)});
  add(6, 9'000);
  CHECK(dead.bytes() <= 10'000);
  CHECK(dead.ids(here).back() == task_id(6));
  add(7, 20'000);  // Larger than all that may be kept.
  CHECK(dead.size() == 0);
  CHECK(dead.bytes() == 0);
}

SCENARIO("attempts can be limited", "[core][callbacks][listing]") {
  Desk desk{config_with(2)};
  GIVEN("a slow listener that never acknowledges the first event") {
    const LinkId link = desk.greeted(here);
    desk.tell(2, here);
    desk.ack(link, 2, 2);
    desk.after(limits::event_ack_timeout);
    CHECK(sent<proto::Notify>(desk.out, link).at(0).delivery == 2);
    desk.after(limits::event_ack_timeout);
    THEN("it is given up, and the next event is not held up") {
      CHECK(sent<proto::Notify>(desk.out, link).empty());
      REQUIRE(numbers(listed(desk)) == Numbers{1});
      CHECK(listed(desk)[0].events[0].stage == EventStage::dead);
      CHECK(listed(desk)[0].events[0].deliveries == 2);
      CHECK_THAT(listed(desk)[0].trouble,
                 Catch::Matchers::StartsWith("2 attempts; last: it has not acknowledged"));
      CHECK(notes(desk.out).size() == 1);
      desk.tell(3, here);
      CHECK(task_numbers(sent<proto::Notify>(desk.out, link)) == Numbers{3});
    }
    THEN("tried again it has all its attempts again, and its deliveries are counted on") {
      CHECK(retry(desk, {}).revived == 1);
      CHECK(sent<proto::Notify>(desk.out, link).at(0).delivery == 3);
      desk.after(limits::event_ack_timeout);
      CHECK(sent<proto::Notify>(desk.out, link).at(0).delivery == 4);
      desk.after(limits::event_ack_timeout);
      CHECK(listed(desk)[0].events[0].stage == EventStage::dead);
    }
  }
  GIVEN("a listener that dies of an event, each time") {
    LinkId link = desk.greeted(here);
    for (int death = 0; death < 2; ++death) {
      desk.link_down(link);
      desk.link_up(link);
      desk.welcome(link);
    }
    THEN("that event is given up, and what comes behind it is delivered") {
      CHECK(sent<proto::Notify>(desk.out, link).empty());
      desk.tell(2, here);
      CHECK(task_numbers(sent<proto::Notify>(desk.out, link)) == Numbers{2});
    }
  }
  GIVEN("a listener that refuses for ever") {
    const LinkId link = desk.greeted(here);
    desk.nack(link, 1, 50);
    desk.after(60ms);
    desk.nack(link, 1, 50);
    desk.after(60ms);
    THEN("that is given up too") { CHECK(listed(desk).at(0).events.at(0).stage == EventStage::dead); }
  }
  GIVEN("one that is never there") {
    desk.tell(1, here);
    desk.pass(23h);
    THEN("no attempt was made, so none is used up") {
      CHECK(listed(desk).at(0).events.at(0).stage == EventStage::waiting);
    }
  }
}

SCENARIO("who is left alone or refused is tried at once on request, but not more than once a second",
         "[core][callbacks][listing]") {
  Desk desk;
  GIVEN("a breaker that is open") {
    const LinkId link = desk.greeted(here);
    for (int i = 0; i < limits::listener_failures_max; ++i) {
      desk.bad_answer(link);
      if (desk.outbox.owns(link)) desk.welcome(link);
    }
    REQUIRE_FALSE(desk.outbox.owns(link));
    const Listeners broken = listed(desk);
    REQUIRE(broken.size() == 1);
    CHECK(broken[0].state == ListenerState::broken);
    CHECK(broken[0].retry_ms > 0);
    CHECK(broken[0].trouble == "it answers with errors");
    CHECK(retry(desk, {.address = here}).hurried == 1);
    const LinkId again = desk.dialled();
    CHECK(retry(desk, {}).hurried == 1);
    CHECK(desk.out.dial.empty());  // Once a second.
    THEN("one more bad answer opens it again") {
      desk.link_up(again);
      desk.welcome(again);
      desk.bad_answer(again);
      CHECK_FALSE(desk.outbox.owns(again));
    }
  }
  GIVEN("an event that is to come again in a minute") {
    const LinkId link = desk.greeted(here);
    desk.nack(link, 1, 60'000);
    CHECK(retry(desk, {}).hurried == 1);
    THEN("it goes now") { CHECK(seqs(sent<proto::Notify>(desk.out, link)) == std::vector<std::uint64_t>{1}); }
  }
  GIVEN("a link that connects slowly, as its listener was away for long") {
    desk.tell(1, here);
    desk.pass(11min);
    desk.after(1s);
    CHECK(retry(desk, {}).hurried == 1);
    THEN("it is dialled anew") { CHECK(desk.out.dial.size() == 1); }
  }
}

SCENARIO("windows of nothing and of everything are taken as one event and as our own limit",
         "[core][callbacks][listing]") {
  Desk desk;
  desk.tell(1, 200, here);
  const LinkId link = desk.dialled();
  desk.link_up(link);
  auto said = Desk::welcome_with(desk.nonce);
  GIVEN("a window of 0") {
    said.window_records = 0;
    said.window_bytes = 0;
    desk.welcome(link, said);
    CHECK(listed(desk)[0].in_flight == 1);
    CHECK(listed(desk)[0].window_records == 1);
    desk.ack(link, 1, 1);
    THEN("events go one by one") { CHECK(task_numbers(sent<proto::Notify>(desk.out)) == Numbers{2}); }
  }
  GIVEN("a window of 2^32 - 1") {
    said.window_records = ~std::uint32_t{0};
    said.window_bytes = ~std::uint64_t{0};
    desk.welcome(link, said);
    CHECK(listed(desk)[0].in_flight == limits::events_window);
    CHECK(listed(desk)[0].window_bytes == limits::events_window_bytes);
    WHEN("it acknowledges everything there is and is not, twice") {
      desk.ack(link, {{0, ~std::uint64_t{0}}, {0, ~std::uint64_t{0}}});
      THEN("only what was sent is delivered, and the next window goes out") {
        CHECK(desk.outbox.parked() == 200 - limits::events_window);
        CHECK(sent<proto::Notify>(desk.out).size() == limits::events_window);
      }
    }
  }
}

}  // namespace callback_asked_test
