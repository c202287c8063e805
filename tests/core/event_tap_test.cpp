// A worker tells what happens to its tasks to those who watch.  Spec: proto/07-events.md section 3.
#include "taskmesh/core/events/event_tap.hpp"

#include <array>

#include "core/executor_support.hpp"

namespace event_tap_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

proto::Watch watch(std::uint64_t taken = 0) {
  return {.watch = 5, .taken = taken, .window = 100, .lease_ms = 10'000, .name = {}};
}

struct Told {
  std::vector<std::string> steps;  // "running 1"
  std::vector<proto::Events> said;
};

/// All that was told on that link in this turn.
Told told(const Effects& out, LinkId link = Desk::a) {
  constexpr std::array<const char*, 11> words{"pending",  "scheduled", "queued",  "running",
                                              "retrying", "success",   "failure", "cancelled",
                                              "expired",  "lost",      "unknown"};
  Told all{.steps = {}, .said = records<proto::Events>(out, link)};
  for (const proto::Events& record : all.said) {
    for (const proto::TaskEvent& event : record.events) {
      all.steps.push_back(words[static_cast<std::size_t>(event.state)] +
                          (" " + std::to_string(event.attempt)));
    }
  }
  return all;
}

using Steps = std::vector<std::string>;

}  // namespace

SCENARIO("nobody watches: nothing is noted and nothing is said", "[core][events]") {
  Desk desk;
  CHECK_FALSE(desk.tap.watched());
  desk.turn_with(desk.submit(1));
  desk.finish(1);
  CHECK(told(desk.turn()).said.empty());
}

SCENARIO("who watches is told each step of each task, with numbers", "[core][events]") {
  Desk desk;
  desk.tap.on_watch(Desk::a, watch(), desk.now);
  Effects out = desk.turn();
  REQUIRE(told(out).said.size() == 1);
  CHECK(told(out).said[0].first == 1);
  CHECK(told(out).said[0].events.empty());
  THEN("accepted, started, ended") {
    out = desk.turn_with(desk.submit(1));
    CHECK(told(out).steps == Steps{"queued 0", "running 1"});
    CHECK(told(out).said[0].first == 1);
    desk.finish(1);
    out = desk.turn();
    CHECK(told(out).steps == Steps{"success 1"});
    CHECK(told(out).said[0].first == 3);
    const proto::TaskEvent end = told(out).said[0].events[0];
    CHECK(end.id == id(1));
    CHECK(end.name == "add");
    CHECK(end.completed_at);
  }
  THEN("a failed attempt says why, and what follows") {
    proto::Submit submit = desk.submit(1);
    submit.terms.edit().retries = 1;
    submit.terms.edit().retry_delay_ms = 100;
    submit.terms.edit().jitter_percent = 0;
    desk.turn_with(submit);
    desk.fail(1);
    out = desk.turn();
    CHECK(told(out).steps == Steps{"retrying 1"});
    CHECK(told(out).said[0].events[0].fault->why == "on purpose");
    out = desk.turn_after(100ms);
    CHECK(told(out).steps == Steps{"queued 1", "running 2"});
    desk.fail(1, 2);
    CHECK(told(desk.turn()).steps == Steps{"failure 2"});
  }
  THEN("scheduled, and cancelled before its time") {
    proto::Submit submit = desk.submit(1);
    submit.terms.edit().delay_ms = 1'000;
    CHECK(told(desk.turn_with(submit)).steps == Steps{"scheduled 0"});
    desk.cancel(1);
    CHECK(told(desk.turn()).steps == Steps{"cancelled 0"});
  }
  THEN("the trace that the task belongs to, with each step, and none that is not valid") {
    const std::string parent = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    const bool valid = GENERATE(true, false);
    proto::Submit submit = desk.submit(1);
    submit.terms.edit().headers = {{"traceparent", valid ? parent : "yes"}, {"tracestate", "vendor=7"}};
    std::vector<proto::TaskEvent> all = told(desk.turn_with(submit)).said.at(0).events;
    desk.finish(1);
    const proto::Events end = told(desk.turn()).said.at(0);
    all.insert(all.end(), end.events.begin(), end.events.end());
    REQUIRE(all.size() == 3);
    for (const proto::TaskEvent& event : all) {
      CHECK(event.trace->parent == (valid ? parent : ""));
      CHECK(event.trace->state == (valid ? "vendor=7" : ""));
    }
  }
  THEN("a deadline") {
    proto::Submit submit = desk.submit(1);
    submit.deadline_ms = 50;
    desk.turn_with(submit);
    CHECK(told(desk.turn_after(50ms)).steps == Steps{"expired 1"});
  }
}

SCENARIO("a watch is told what it wants, and nothing else", "[core][events]") {
  Desk desk;
  proto::Watch wish = watch();
  WHEN("it wants ends alone") {
    wish.events = 1U << static_cast<unsigned>(TaskState::success);
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    CHECK(told(desk.turn_with(desk.submit(1))).said.empty());
    desk.finish(1);
    const Told end = told(desk.turn());
    CHECK(end.steps == Steps{"success 1"});
    CHECK(end.said[0].first == 1);
  }
  WHEN("it wants tasks of one name") {
    wish.name = "echo";
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    CHECK(told(desk.turn_with(desk.submit(1))).said.empty());
    proto::Submit echo = desk.submit(2);
    echo.name = "echo";
    CHECK(told(desk.turn_with(echo)).steps == Steps{"queued 0"});
  }
  WHEN("it wants some tasks, and then others") {
    wish.ids = {id(7), id(2), id(5)};
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    CHECK(told(desk.turn_with(desk.submit(1))).said.empty());
    CHECK(told(desk.turn_with(desk.submit(2))).steps == Steps{"queued 0"});
    wish.ids = {id(1)};
    wish.taken = 1;
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    CHECK(told(desk.turn_with(desk.submit(5))).said.empty());
    desk.finish(1);
    const Told end = told(desk.turn());
    CHECK(end.steps == Steps{"success 1"});
    CHECK(end.said.at(0).first == 2);
  }
  WHEN("another link watches too") {
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    desk.turn_with(desk.submit(1));
    desk.tap.on_watch(Desk::b, wish, desk.now);
    desk.turn();
    desk.finish(1);
    const Effects out = desk.turn();
    CHECK(told(out).said[0].first == 3);
    CHECK(told(out, Desk::b).said[0].first == 1);
    CHECK(told(out).said[0].feed != told(out, Desk::b).said[0].feed);
  }
}

SCENARIO("what a watcher has no room for is left out, and it knows at once", "[core][events]") {
  Desk desk{Desk::plain(50)};
  proto::Watch wish = watch();
  wish.window = 3;
  desk.tap.on_watch(Desk::a, wish, desk.now);
  desk.turn();
  desk.say(desk.submit(1));
  desk.say(desk.submit(2));
  const Told first = told(desk.turn());  // queued, queued, running, running
  REQUIRE(first.said.size() == 2);
  CHECK(first.said[0].first == 1);
  CHECK(first.steps == Steps{"queued 0", "queued 0", "running 1"});
  CHECK(first.said[1].first == 5);
  CHECK(first.said[1].events.empty());
  CHECK(desk.counters.events_left_out == 1);
  THEN("with room it goes on, with the next number") {
    wish.taken = 4;
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    desk.finish(1);
    const Told next = told(desk.turn());
    CHECK(next.steps == Steps{"success 1"});
    CHECK(next.said[0].first == 5);
  }
  THEN("without, each turn says how far it is") {
    desk.finish(1);
    const Told next = told(desk.turn());
    CHECK(next.steps.empty());
    REQUIRE(next.said.size() == 1);
    CHECK(next.said[0].first == 6);
  }
  THEN("who claims to have taken what was never told gets no more room by it") {
    wish.taken = 1'000'000;
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.turn();
    for (std::uint32_t i = 3; i < 10; ++i) desk.say(desk.submit(i));
    CHECK(told(desk.turn()).steps.size() == 3);
  }
}

SCENARIO("a turn is bounded, and so is a record", "[core][events]") {
  Desk desk;
  proto::Watch wish = watch();
  wish.window = 1'000'000;
  desk.tap.on_watch(Desk::a, wish, desk.now);
  desk.turn();
  const std::uint32_t tasks = limits::events_per_turn_max + 5;
  for (std::uint32_t i = 1; i <= tasks; ++i) desk.say(desk.submit(i));
  const Told all = told(desk.turn());
  CHECK(all.steps.size() == limits::events_per_turn_max);
  std::uint64_t next = 1;
  for (const proto::Events& record : all.said) {
    CHECK(record.events.size() <= limits::events_in_record_max);
    if (!record.events.empty()) CHECK(record.first == next);
    next = record.first + record.events.size();
  }
  CHECK(next == tasks + 2);  // One of them has started.
  CHECK(desk.counters.events_left_out == tasks + 1 - limits::events_per_turn_max);
}

SCENARIO("a node that logs events notes each of them for its log, whoever watches", "[core][events]") {
  NodeConfig config = Desk::plain();
  config.logs_events = true;
  Desk desk{config};
  const auto logged = [](const Effects& out) {
    std::vector<EventsTold> all;
    for (const Notice& notice : out.notify) {
      if (const auto* told = std::get_if<EventsTold>(&notice)) all.push_back(*told);
    }
    return all;
  };
  const bool watched = GENERATE(false, true);
  if (watched) desk.tap.on_watch(Desk::a, watch(), desk.now);
  CHECK(logged(desk.turn()).empty());
  Effects out = desk.turn_with(desk.submit(1));
  REQUIRE(logged(out).size() == 1);
  const EventsTold first = logged(out)[0];
  CHECK(first.token == 0);
  CHECK(first.worker == config.self.node);
  CHECK_FALSE(first.missed);
  REQUIRE(first.events.size() == 2);
  CHECK(first.events[0].state == TaskState::queued);
  CHECK(first.events[1].state == TaskState::running);
  CHECK(told(out).steps == (watched ? Steps{"queued 0", "running 1"} : Steps{}));
  THEN("what is beyond one turn's bound is counted") {
    for (std::uint32_t i = 2; i <= limits::events_per_turn_max + 6; ++i) desk.say(desk.submit(i));
    const auto flood = logged(desk.turn());
    REQUIRE(flood.size() == 1);
    CHECK(flood[0].events.size() == limits::events_per_turn_max);
    CHECK(flood[0].missed == 5U);
  }
}

SCENARIO("a watch ends by its own word, with its link, or when it is not renewed", "[core][events]") {
  Desk desk;
  proto::Watch wish = watch();
  desk.tap.on_watch(Desk::a, wish, desk.now);
  desk.turn();
  SECTION("its word") {
    wish.lease_ms = 0;
    desk.tap.on_watch(Desk::a, wish, desk.now);
  }
  SECTION("its link") { desk.tap.on_link_down(Desk::a); }
  SECTION("its lease, which nobody can make longer than it is") {
    wish.lease_ms = 0xFFFFFFFF;
    desk.tap.on_watch(Desk::a, wish, desk.now);
    desk.pass(limits::watch_lease - 1ns);
    CHECK(desk.tap.watched());
    desk.pass(1ns);
  }
  CHECK_FALSE(desk.tap.watched());
  CHECK(told(desk.turn_with(desk.submit(1))).said.empty());
}

SCENARIO("who comes back gets another feed, and hears that there was something before", "[core][events]") {
  Desk desk;
  desk.tap.on_watch(Desk::a, watch(), desk.now);
  const Told first = told(desk.turn());
  CHECK(first.said[0].before == 0);
  desk.tap.on_link_down(Desk::a);
  desk.turn_with(desk.submit(1));
  desk.finish(1);
  desk.turn();
  desk.tap.on_watch(Desk::a, watch(7), desk.now);
  const Told again = told(desk.turn());
  REQUIRE(again.said.size() == 1);
  CHECK(again.said[0].feed > first.said[0].feed);
  CHECK(again.said[0].first == 1);
  CHECK(again.said[0].before == 1);
}

SCENARIO("a worker has so many watches and no more", "[core][events]") {
  Desk desk;
  for (std::uint64_t i = 0; i < limits::watches_max + 10; ++i) {
    proto::Watch wish = watch();
    wish.watch = i;
    desk.tap.on_watch(Desk::a, wish, desk.now);
  }
  CHECK(desk.tap.watches() == limits::watches_max);
}

SCENARIO("times are counted, whether somebody watches or not", "[core][events]") {
  Desk desk;
  desk.turn_with(desk.submit(1));
  desk.say(desk.submit(2));
  desk.turn();
  CHECK(desk.role.oldest_queued_ms(desk.now.at) == 0);
  desk.pass(3s);
  CHECK(desk.role.oldest_queued_ms(desk.now.at) == 3'000);
  desk.finish(1, 3s);
  desk.turn();
  CHECK(desk.role.oldest_queued_ms(desk.now.at) == 0);
  CHECK(desk.counters.queue_wait.count() == 2);
  CHECK(desk.counters.queue_wait.sum_ns == 3'000'000'000);
  CHECK(desk.counters.run_time.count() == 1);
  CHECK(desk.counters.run_time.sum_ns == 3'000'000'000);
  CHECK(desk.counters.end_to_end.count() == 1);
}

}  // namespace event_tap_test
