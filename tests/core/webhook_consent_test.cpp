// Whether an endpoint wants events: asked before the first one, remembered, refused; and how many a minute.
#include <array>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "core/callback_support.hpp"

namespace webhook_consent_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::callback_test;

namespace {

const std::string here = "https://one.example/hook";
const std::string there = "https://two.example/hook";

NodeConfig asking(WebhookConsent consent, std::uint32_t rate = 0) {
  NodeConfig config = Desk::worker_config();
  config.webhook_consent = consent;
  config.webhook_origin = "tasks.example.org";
  config.webhook_rate = rate;
  return config;
}

std::vector<Post> posts(const Desk& desk) { return desk.out.post; }

const Effects& answer(Desk& desk, PostAnswered said) {
  REQUIRE_FALSE(desk.out.post.empty());
  said.number = desk.out.post[0].number;
  return desk.turn([&] { desk.outbox.on_post_answered(said, desk.now(), desk.out); });
}

/// The answer of who allows that origin.
PostAnswered allows(const std::string& origin, std::optional<std::uint32_t> rate = {}) {
  return {.status = 200, .allowed_origin = origin, .allowed_rate = rate};
}

std::vector<CallbackState> settled(Desk& desk) {
  std::vector<CallbackState> states;
  for (const auto& one : desk.outbox.take_settled()) states.push_back(one.state);
  return states;
}

std::string trouble(const Desk& desk) {
  const auto list = desk.outbox.list({}, desk.now());
  REQUIRE(list.listeners.size() == 1);
  return list.listeners[0].trouble;
}

Duration until_posted(Desk& desk) {
  const Duration before = desk.elapsed;
  while (desk.out.post.empty()) desk.sleep_until_woken();
  return desk.elapsed - before;
}

constexpr CallbackState undelivered = CallbackState::undelivered;

}  // namespace

SCENARIO("an endpoint is asked before its first event, and gets it when it allows that", "[core][webhook]") {
  Desk desk(asking(GENERATE(WebhookConsent::if_supported, WebhookConsent::required)));
  desk.tell(1, 6, here);
  REQUIRE(posts(desk).size() == 1);
  CHECK(posts(desk)[0].asks);
  GIVEN("that its answer is not there yet") {
    THEN("nothing more goes there, and other endpoints are asked for themselves") {
      desk.tell(7, here);
      CHECK(posts(desk).empty());
      desk.tell(8, there);
      REQUIRE(posts(desk).size() == 1);
      CHECK(posts(desk)[0].asks);
      desk.pass(1h);
      CHECK(posts(desk).empty());
    }
  }
  GIVEN("that it allows our origin, in whatever letters, or any") {
    answer(desk, allows(GENERATE("tasks.example.org", "Tasks.Example.ORG", "*")));
    THEN("the events go, the first one as its first delivery, and nobody is asked again for a day") {
      REQUIRE(posts(desk).size() == limits::webhook_window);
      for (const Post& post : posts(desk)) {
        CHECK_FALSE(post.asks);
        CHECK(post.delivery == 1);
      }
      const auto open = posts(desk);
      desk.turn([&] {
        for (const Post& post : open)
          desk.outbox.on_post_answered({.number = post.number, .status = 200}, desk.now(), desk.out);
      });
      while (!desk.out.post.empty()) answer(desk, {.status = 200});
      desk.pass(23h);
      desk.tell(9, here);
      REQUIRE(posts(desk).size() == 1);
      CHECK_FALSE(posts(desk)[0].asks);
      answer(desk, {.status = 200});
      desk.pass(1h);
      desk.tell(10, here);
      REQUIRE(posts(desk).size() == 1);
      CHECK(posts(desk)[0].asks);
    }
    THEN("the log shows the question and what was answered") {
      const auto rows = desk.outbox.posts({}).rows;
      REQUIRE(rows.size() == 1);
      CHECK(rows[0].asked == 1);
      CHECK(rows[0].outcome == PostOutcome::allowed);
    }
  }
}

SCENARIO("an endpoint that refuses gets nothing, and its events say why", "[core][webhook]") {
  Desk desk(asking(GENERATE(WebhookConsent::if_supported, WebhookConsent::required)));
  desk.tell(1, 6, here);
  answer(desk, allows("other.example\x1b[31m"));
  CHECK(posts(desk).empty());
  CHECK(settled(desk) == std::vector<CallbackState>(6, undelivered));
  CHECK(trouble(desk).find("other.example?[31m") != std::string::npos);
  CHECK(trouble(desk).find("tasks.example.org") != std::string::npos);
  CHECK(notes(desk.out).size() == 1);
  CHECK(desk.outbox.posts({}).rows[0].outcome == PostOutcome::dead);
  WHEN("another event comes soon") {
    desk.pass(limits::webhook_refusal_for - 1s);
    desk.tell(7, here);
    THEN("nobody is asked for it, and it is given up too") {
      CHECK(posts(desk).empty());
      CHECK(settled(desk) == std::vector{undelivered});
    }
  }
  WHEN("one comes later") {
    desk.pass(limits::webhook_refusal_for);
    desk.tell(7, here);
    THEN("the endpoint is asked again") {
      REQUIRE(posts(desk).size() == 1);
      CHECK(posts(desk)[0].asks);
    }
  }
  WHEN("somebody replays") {
    desk.pass(1s);
    desk.turn([&] { CHECK(desk.outbox.retry({.address = here}, desk.now(), desk.out).revived == 6); });
    THEN("it is asked at once, and when it agrees all of them go") {
      REQUIRE(posts(desk).size() == 1);
      CHECK(posts(desk)[0].asks);
      settled(desk);
      answer(desk, allows("*"));
      int rounds = 0;
      while (!desk.out.post.empty() && ++rounds < 100) {
        const auto open = posts(desk);
        desk.turn([&] {
          for (const Post& post : open)
            desk.outbox.on_post_answered({.number = post.number, .status = 200}, desk.now(), desk.out);
        });
      }
      CHECK(settled(desk) == std::vector<CallbackState>(6, CallbackState::delivered));
    }
  }
}

SCENARIO("a refusal outlives what was on its way when it came", "[core][webhook]") {
  Desk desk(asking(WebhookConsent::required));
  desk.tell(1, here);
  answer(desk, allows("*"));
  const Post under_way = posts(desk).at(0);
  desk.pass(limits::webhook_consent_for);
  desk.tell(2, here);
  REQUIRE(posts(desk).at(0).asks);
  answer(desk, allows("other.example"));
  CHECK(settled(desk) == std::vector{undelivered});
  desk.turn([&] {
    desk.outbox.on_post_answered({.number = under_way.number, .status = 200}, desk.now(), desk.out);
  });
  CHECK(settled(desk) == std::vector{CallbackState::delivered});
  desk.tell(3, here);
  CHECK(posts(desk).empty());
  CHECK(settled(desk) == std::vector{undelivered});
}

SCENARIO("an endpoint that does not know the question", "[core][webhook]") {
  const int status = GENERATE(200, 204, 301, 400, 403, 404, 405, 501);
  GIVEN("a worker that asks where it is supported") {
    Desk desk(asking(WebhookConsent::if_supported));
    desk.tell(1, here);
    answer(desk, {.status = status});
    THEN("it gets its event") {
      REQUIRE(posts(desk).size() == 1);
      CHECK_FALSE(posts(desk)[0].asks);
      CHECK(posts(desk)[0].delivery == 1);
    }
  }
  GIVEN("a worker that needs consent") {
    Desk desk(asking(WebhookConsent::required));
    desk.tell(1, here);
    answer(desk, {.status = status});
    THEN("it gets nothing") {
      CHECK(posts(desk).empty());
      CHECK(settled(desk) == std::vector{undelivered});
      CHECK(trouble(desk).find("answered " + std::to_string(status) + " to OPTIONS") != std::string::npos);
    }
  }
}

SCENARIO("an endpoint that cannot be asked now is asked again as an event is posted again",
         "[core][webhook]") {
  GIVEN("one that lets the question hang") {
    const PostAnswered hangs{.trouble = "no answer in time", .failure = PostFailure::silent};
    THEN("who asks where it is supported goes on without, who needs consent tries again") {
      Desk supported(asking(WebhookConsent::if_supported));
      supported.tell(1, here);
      answer(supported, hangs);
      REQUIRE(posts(supported).size() == 1);
      CHECK_FALSE(posts(supported)[0].asks);
      Desk required(asking(WebhookConsent::required));
      required.tell(1, here);
      answer(required, hangs);
      CHECK(posts(required).empty());
      CHECK(until_posted(required) <= 5s);
      CHECK(posts(required)[0].asks);
    }
  }
  GIVEN("one that is away, in either mode") {
    Desk desk(asking(GENERATE(WebhookConsent::if_supported, WebhookConsent::required)));
    desk.tell(1, here, {.callback_attempts = 2});
    for (int attempt = 1; attempt <= 2; ++attempt) {
      REQUIRE(posts(desk).size() == 1);
      CHECK(posts(desk)[0].asks);
      CHECK(settled(desk).empty());
      answer(desk, {.trouble = "nobody answers", .failure = PostFailure::connect});
      if (attempt == 1) until_posted(desk);
    }
    THEN("each question that failed was an attempt, and in the end it is given up") {
      CHECK(settled(desk) == std::vector{undelivered});
      CHECK(trouble(desk).find("nobody answers") != std::string::npos);
    }
  }
  GIVEN("one that asks for patience") {
    Desk desk(asking(GENERATE(WebhookConsent::if_supported, WebhookConsent::required)));
    desk.tell(1, here, {.callback_attempts = 1});
    answer(desk, {.status = 503, .retry_after = 90s});
    THEN("it is asked again then, and that was no attempt") {
      CHECK(until_posted(desk) == 90s);
      CHECK(posts(desk)[0].asks);
      CHECK(posts(desk)[0].delivery == 1);
    }
  }
  GIVEN("one that is gone") {
    Desk desk(asking(WebhookConsent::required));
    desk.tell(1, here);
    answer(desk, {.status = 410});
    THEN("it is disabled") { CHECK(settled(desk) == std::vector{undelivered}); }
  }
}

SCENARIO("no minute has more posts than the endpoint and the worker allow", "[core][webhook]") {
  const auto at_most = [](Desk& desk, std::uint32_t rate) {
    std::vector<Duration> times;
    desk.tell(1, 200, here);
    answer(desk, allows("*", rate));
    for (int i = 0; i < 150; ++i) {
      until_posted(desk);
      REQUIRE(posts(desk).size() == 1);
      times.push_back(desk.elapsed);
      answer(desk, {.status = 200});
    }
    return times;
  };
  const auto check = [](const std::vector<Duration>& times, std::size_t rate) {
    for (std::size_t i = 0; i + rate < times.size(); ++i) CHECK(times[i + rate] - times[i] >= 60s - 1us);
    CHECK(times.back() <= 60s * 150 / rate);
  };
  GIVEN("an endpoint that allows 30 a minute") {
    Desk desk(asking(WebhookConsent::required));
    check(at_most(desk, 30), 30);
  }
  GIVEN("a worker with 7 a minute, and an endpoint that would take 1,000") {
    Desk desk(asking(WebhookConsent::required, 7));
    check(at_most(desk, 1'000), 7);
  }
  GIVEN("a worker with 10 a minute that asks nobody") {
    Desk desk(asking(WebhookConsent::off, 10));
    desk.tell(1, 3, here);
    CHECK(posts(desk).size() == 1);
    answer(desk, {.status = 200});
    CHECK(posts(desk).empty());
    CHECK(until_posted(desk) == 6s);
  }
}

TEST_CASE("whatever endpoints answer to the question, nothing goes to one that has not agreed",
          "[core][webhook][swarm]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 31));
  INFO("seed " << seed);
  Random random(seed);
  Desk desk(asking(WebhookConsent::required));
  std::map<std::string, TimePoint> agreed;
  std::map<std::uint64_t, std::pair<Post, TimePoint>> open;
  std::set<TaskId> ended;
  constexpr std::uint32_t count = 200;
  std::uint32_t told = 0;
  const auto take = [&] {
    for (const Post& post : desk.out.post) {
      const std::string& address = post.ended->callback_address;
      if (!post.asks) {
        REQUIRE(agreed.contains(address));
        REQUIRE(desk.now().at - agreed.at(address) < limits::webhook_consent_for);
      }
      open[post.number] = {post, desk.now().at + std::chrono::milliseconds(random.next() % 10'000)};
    }
    for (const auto& one : desk.outbox.take_settled()) CHECK(ended.insert(one.id).second);
  };
  for (int step = 0; step < 100'000 && (told < count || desk.outbox.parked() > 0); ++step) {
    if (told < count && random.next() % 3 == 0) {
      ++told;
      desk.tell(told, "https://h" + std::to_string(random.next() % 4) + ".example/");
      take();
      continue;
    }
    TimePoint next = desk.out.wake_at.value_or(TimePoint::max());
    std::uint64_t number = 0;
    for (const auto& [post, one] : open) {
      if (one.second < next) std::tie(next, number) = std::pair(one.second, post);
    }
    if (next == TimePoint::max()) {
      REQUIRE(told < count);
      continue;
    }
    desk.elapsed = std::max(desk.elapsed, next.time_since_epoch());
    PostAnswered said{.number = number, .trouble = "away", .failure = PostFailure::connect};
    if (number != 0) {
      const Post post = open.at(number).first;
      constexpr std::array<int, 8> statuses{200, 200, 204, 405, 429, 500, 503, 0};
      said.status = statuses[random.next() % statuses.size()];
      if (random.next() % 2 == 0) said.retry_after = std::chrono::seconds(random.next() % 1'000);
      if (post.asks && random.next() % 4 != 0)
        said.allowed_origin = random.next() % 4 == 0 ? "other.example" : "*";
      if (post.asks && said.allowed_origin == "*" && said.status / 100 == 2) {
        agreed[post.ended->callback_address] = desk.now().at;
      } else if (post.asks) {
        agreed.erase(post.ended->callback_address);
      }
      open.erase(number);
    }
    desk.turn([&] {
      if (number != 0) desk.outbox.on_post_answered(said, desk.now(), desk.out);
      desk.outbox.on_tick(desk.now(), desk.out);
    });
    take();
  }
  CHECK(desk.outbox.parked() == 0);
  CHECK(ended.size() == count);
}

}  // namespace webhook_consent_test
