// Callbacks over HTTP in virtual time: schedule, Retry-After, 410, breaker, windows, what was given up.
#include <map>
#include <set>

#include "core/callback_support.hpp"

namespace webhook_outbox_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::callback_test;

namespace {

const std::string here = "https://one.example/hook";
const std::string there = "https://two.example/hook";

/// What the last turn posted.
std::vector<Post> posts(const Desk& desk) { return desk.out.post; }

const Effects& answer(Desk& desk, const PostAnswered& said) {
  return desk.turn([&] { desk.outbox.on_post_answered(said, desk.now(), desk.out); });
}
const Effects& answer(Desk& desk, const Post& post, int status, std::optional<Duration> retry_after = {}) {
  return answer(desk, {.number = post.number, .status = status, .retry_after = retry_after});
}

/// Sleeps until something is posted; how long that took.
Duration until_posted(Desk& desk) {
  const Duration before = desk.elapsed;
  while (desk.out.post.empty()) desk.sleep_until_woken();
  return desk.elapsed - before;
}

/// How this one event stands.
proto::CallbackRow row(Desk& desk) {
  const proto::CallbackList list = desk.outbox.list({}, desk.now());
  REQUIRE(list.listeners.size() == 1);
  REQUIRE(list.listeners[0].events.size() == 1);
  return list.listeners[0].events[0];
}

std::vector<CallbackState> settled(Desk& desk) {
  std::vector<CallbackState> states;
  for (const auto& one : desk.outbox.take_settled()) states.push_back(one.state);
  return states;
}

constexpr CallbackState delivered = CallbackState::delivered;
constexpr CallbackState undelivered = CallbackState::undelivered;

}  // namespace

SCENARIO("an event is posted at once, and is delivered when the answer is 2xx", "[core][webhook]") {
  Desk desk;
  desk.tell(1, here);
  REQUIRE(posts(desk).size() == 1);
  const Post post = posts(desk)[0];
  CHECK(post.delivery == 1);
  CHECK(counter_of(post.ended->report.id) == 1);
  CHECK(desk.out.dial.empty());
  CHECK(row(desk).stage == EventStage::in_flight);
  const int status = GENERATE(200, 202, 204, 299);
  answer(desk, post, status);
  CHECK(settled(desk) == std::vector{delivered});
  CHECK(desk.outbox.parked() == 0);
  CHECK(desk.outbox.list({}, desk.now()).listeners.empty());
  answer(desk, post, 500);  // Nobody waits for it any more.
  CHECK(settled(desk).empty());
}

SCENARIO("an event that fails is posted again by the schedule of the standard, then it is dead",
         "[core][webhook]") {
  Desk desk;
  desk.tell(1, here);
  const int status = GENERATE(0, 301, 302, 400, 404, 500);
  const std::vector<Duration> pauses{5s, 5min, 30min, 2h, 5h, 10h, 14h, 20h, 24h};
  for (const Duration pause : pauses) {
    REQUIRE(posts(desk).size() == 1);
    const Post post = posts(desk)[0];
    answer(desk, {.number = post.number, .status = status, .trouble = "nobody answers"});
    CHECK(row(desk).stage == EventStage::refused);
    const Duration waited = until_posted(desk);
    CHECK(waited <= pause);
    CHECK(waited >= pause * 3 / 4);
    CHECK(posts(desk)[0].delivery == post.delivery + 1);
  }
  CHECK(settled(desk).empty());
  answer(desk, {.number = posts(desk)[0].number, .status = status, .trouble = "nobody answers"});
  CHECK(settled(desk) == std::vector{undelivered});
  CHECK(row(desk).stage == EventStage::dead);
  CHECK(row(desk).deliveries == 10);
  const std::string why = desk.outbox.list({}, desk.now()).listeners[0].trouble;
  CHECK(why.find("10 attempts") != std::string::npos);
  CHECK(why.find(status == 0 ? "nobody answers" : "answered " + std::to_string(status)) != std::string::npos);
  CHECK(desk.outbox.parked() == 0);
}

SCENARIO("an event that nobody takes is given up after its own time to live", "[core][webhook]") {
  Desk desk;
  desk.tell(1, here, {.callback_ttl_ms = 60'000});
  answer(desk, posts(desk)[0], 500);
  until_posted(desk);
  answer(desk, posts(desk)[0], 500);
  desk.pass(60s - desk.elapsed);
  CHECK(settled(desk) == std::vector{undelivered});
  CHECK(row(desk).stage == EventStage::dead);
}

SCENARIO("an event with limited attempts has that many and no more", "[core][webhook]") {
  Desk desk;
  desk.tell(1, here, {.callback_attempts = 2});
  answer(desk, posts(desk)[0], 500);
  until_posted(desk);
  answer(desk, posts(desk)[0], 500);
  CHECK(settled(desk) == std::vector{undelivered});
  CHECK(row(desk).deliveries == 2);
}

SCENARIO("Retry-After with 429 or 503 holds the whole endpoint, costs no attempt and is bounded",
         "[core][webhook]") {
  const int status = GENERATE(429, 503);
  Desk desk;
  desk.tell(1, here);
  GIVEN("an endpoint that asks for 90 seconds") {
    answer(desk, posts(desk)[0], status, 90s);
    THEN("nothing is posted there before, and then the first event again") {
      desk.tell(2, here);
      CHECK(posts(desk).empty());
      desk.tell(3, there);
      CHECK(posts(desk).size() == 1);
      desk.out.post.clear();
      CHECK(until_posted(desk) == 90s);
      CHECK(counter_of(posts(desk)[0].ended->report.id) == 2);
      CHECK(posts(desk).size() == 2);
    }
  }
  GIVEN("one that says so twenty times") {
    for (int i = 0; i < 20; ++i) {
      answer(desk, posts(desk)[0], status, 10s);
      CHECK(until_posted(desk) == 10s);
    }
    THEN("the event is still delivered") {
      answer(desk, posts(desk)[0], 200);
      CHECK(settled(desk) == std::vector{delivered});
    }
  }
  GIVEN("one that asks for a hundred years, or for nothing") {
    answer(desk, posts(desk)[0], status, GENERATE(0s, 24h * 36'500));
    const Duration waited = until_posted(desk);
    CHECK((waited == limits::webhook_retry_after_min || waited == limits::webhook_retry_after_max));
  }
  GIVEN("one that does not say when") {
    answer(desk, posts(desk)[0], status);
    CHECK(until_posted(desk) <= 5s);
  }
}

SCENARIO("410 disables the endpoint: its events are dead until somebody tries them again",
         "[core][webhook]") {
  Desk desk;
  desk.tell(1, 6, here);
  REQUIRE(posts(desk).size() == limits::webhook_window);
  const std::vector<Post> first = posts(desk);
  answer(desk, first[0], 410);
  CHECK(notes(desk.out).size() == 1);
  for (std::size_t i = 1; i < first.size(); ++i) answer(desk, first[i], 500);
  CHECK(settled(desk) == std::vector<CallbackState>(6, undelivered));
  desk.tell(7, here);
  CHECK(posts(desk).empty());
  CHECK(settled(desk) == std::vector{undelivered});
  WHEN("they are tried again and the endpoint is back") {
    proto::CallbacksRetried done;
    desk.turn([&] { done = desk.outbox.retry({.address = here}, desk.now(), desk.out); });
    CHECK(done.revived == 7);
    int rounds = 0;
    while (!posts(desk).empty() && ++rounds < 100) {
      const auto open = posts(desk);
      desk.turn([&] {
        for (const Post& post : open) {
          desk.outbox.on_post_answered({.number = post.number, .status = 200}, desk.now(), desk.out);
        }
      });
    }
    const auto states = settled(desk);
    CHECK(std::count(states.begin(), states.end(), delivered) == 7);
    CHECK(std::count(states.begin(), states.end(), CallbackState::pending) == 7);
    CHECK(desk.outbox.dead().size() == 0);
  }
}

SCENARIO("an endpoint that does not answer holds no other one back", "[core][webhook]") {
  Desk desk;
  desk.tell(1, 1'000, here);
  CHECK(posts(desk).size() == limits::webhook_window);
  desk.tell(1'001, there);
  REQUIRE(posts(desk).size() == 1);
  answer(desk, posts(desk)[0], 200);
  CHECK(settled(desk) == std::vector{delivered});
}

SCENARIO("more endpoints than posts may be open take turns, and each gets one", "[core][webhook]") {
  Desk desk;
  std::vector<Post> open;
  constexpr std::uint32_t count = 400;
  desk.turn([&] {
    for (std::uint32_t i = 1; i <= count; ++i) {
      desk.outbox.to_address(make_end(i, "https://h" + std::to_string(i) + ".example/"), desk.now());
    }
  });
  open = posts(desk);
  CHECK(open.size() == limits::webhook_posts_max);
  std::set<std::uint32_t> told;
  for (std::size_t i = 0; i < open.size(); ++i) {
    told.insert(counter_of(open[i].ended->report.id));
    answer(desk, Post(open[i]), 200);
    for (const Post& post : posts(desk)) open.push_back(post);
  }
  CHECK(told.size() == count);
  CHECK(desk.outbox.parked() == 0);
}

SCENARIO("five failures in a row open the breaker, and one good answer sends all that waits",
         "[core][webhook]") {
  Desk desk;
  desk.tell(1, 40, here);
  std::vector<Post> open = posts(desk);
  int failures = 0;
  while (failures < 5) {
    REQUIRE_FALSE(open.empty());
    const Post post = open.back();
    open.pop_back();
    answer(desk, post, 500);
    ++failures;
    for (const Post& more : posts(desk)) open.push_back(more);
  }
  for (const Post& post : open) answer(desk, post, 500);
  CHECK(posts(desk).empty());
  const auto listener = desk.outbox.list({}, desk.now()).listeners.at(0);
  CHECK(listener.state == ListenerState::broken);
  CHECK(listener.retry_ms > 0);
  WHEN("its pause is over") {
    CHECK(until_posted(desk) <= limits::listener_retry_max);
    THEN("one event goes as a probe, and a bad answer makes the next pause longer") {
      CHECK(posts(desk).size() == 1);
      answer(desk, posts(desk)[0], 500);
      CHECK(until_posted(desk) <= limits::listener_retry_max);
      CHECK(posts(desk).size() == 1);
    }
    THEN("a good answer closes it, and nothing waits for its own pause any more") {
      answer(desk, posts(desk)[0], 200);
      int rounds = 0;
      while (!posts(desk).empty() && ++rounds < 1'000) {
        const auto all = posts(desk);
        desk.turn([&] {
          for (const Post& post : all) {
            desk.outbox.on_post_answered({.number = post.number, .status = 204}, desk.now(), desk.out);
          }
        });
      }
      CHECK(desk.outbox.parked() == 0);
    }
  }
}

SCENARIO("the log names where a webhook went and nothing of what may be a secret in its address",
         "[core][webhook]") {
  Desk desk;
  desk.tell(1, "https://one.example/T0/hunter2?key=hunter2");
  answer(desk, posts(desk)[0], 410);
  REQUIRE(notes(desk.out).size() == 1);
  CHECK(notes(desk.out)[0].find("https://one.example") != std::string::npos);
  CHECK(notes(desk.out)[0].find("hunter2") == std::string::npos);
}

SCENARIO("undelivered webhooks are listed page by page, behind listeners and before the dead",
         "[core][webhook]") {
  Desk desk;
  desk.tell(1, "tcp://127.0.0.1:6000");
  desk.tell(2, 6, here);
  desk.tell(7, there);
  std::multiset<std::uint32_t> seen;
  proto::ListCallbacks ask{.rows_max = 2};
  for (int pages = 0; pages < 100; ++pages) {
    const proto::CallbackList page = desk.outbox.list(ask, desk.now());
    for (const auto& listener : page.listeners) {
      for (const auto& one : listener.events) seen.insert(counter_of(one.id));
    }
    if (page.next_listener == 0) break;
    ask.from_listener = page.next_listener;
    ask.from_event = page.next_event;
  }
  CHECK(seen == std::multiset<std::uint32_t>{1, 2, 3, 4, 5, 6, 7});
  const auto one = desk.outbox.list({.address = there}, desk.now());
  REQUIRE(one.listeners.size() == 1);
  CHECK(one.listeners[0].address == there);
}

SCENARIO("an endpoint that nobody needs any more is forgotten", "[core][webhook]") {
  Desk desk;
  desk.tell(1, here);
  answer(desk, posts(desk)[0], 200);
  CHECK(desk.outbox.listeners() == 1);
  desk.pass(limits::listener_idle);
  CHECK(desk.outbox.listeners() == 0);
  CHECK(desk.outbox.reserve(there));
  desk.turn([&] { desk.outbox.unreserve(there, desk.now()); });
  desk.pass(limits::listener_idle);
  CHECK(desk.outbox.listeners() == 0);
}

TEST_CASE("whatever endpoints answer, each event is delivered or dead by the end of its time, and never both",
          "[core][webhook][swarm]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 41));
  INFO("seed " << seed);
  Random random(seed);
  Desk desk;
  std::map<std::uint64_t, TimePoint> open;  // Posts, and when they are answered.
  std::map<TaskId, std::vector<CallbackState>> ends;
  std::map<TaskId, Duration> began;
  constexpr std::uint32_t count = 300;
  std::uint32_t told = 0;
  const auto take = [&] {
    for (const Post& post : desk.out.post) {
      open[post.number] = desk.now().at + std::chrono::milliseconds(random.next() % 10'000);
    }
    for (const auto& one : desk.outbox.take_settled()) {
      ends[one.id].push_back(one.state);
      CHECK(desk.elapsed - began.at(one.id) <= limits::webhook_ttl + 10s);
    }
    REQUIRE(open.size() <= limits::webhook_posts_max);
  };
  const bool healed = random.next() % 2 == 0;
  for (int step = 0; step < 100'000 && (told < count || desk.outbox.parked() > 0); ++step) {
    if (told < count && random.next() % 4 == 0) {
      const std::string address = "https://h" + std::to_string(random.next() % 5) + ".example/";
      began[task_id(++told)] = desk.elapsed;
      desk.tell(told, address);
      take();
      continue;
    }
    TimePoint next = desk.out.wake_at.value_or(TimePoint::max());
    std::uint64_t number = 0;
    for (const auto& [post, at] : open) {
      if (at < next) std::tie(next, number) = std::pair(at, post);
    }
    if (next == TimePoint::max()) {
      REQUIRE(told < count);
      continue;
    }
    desk.elapsed = std::max(desk.elapsed, next.time_since_epoch());
    if (number == 0) {
      desk.after(0s);
    } else {
      open.erase(number);
      constexpr std::array<int, 9> statuses{200, 204, 301, 404, 429, 500, 503, 0, 410};
      const bool well = healed && desk.elapsed > 1h;
      const int status = well ? 200 : statuses[random.next() % (seed % 4 == 0 ? 9 : 8)];
      PostAnswered said{.number = number, .status = status, .trouble = "away"};
      if (random.next() % 2 == 0) said.retry_after = std::chrono::seconds(random.next() % 1'000);
      answer(desk, said);
    }
    take();
  }
  CHECK(desk.outbox.parked() == 0);
  CHECK(ends.size() == count);
  for (const auto& [id, states] : ends) CHECK(states.size() == 1);
}

}  // namespace webhook_outbox_test
