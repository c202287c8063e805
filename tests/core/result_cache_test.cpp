#include "taskmesh/core/tasks/result_cache.hpp"

#include <catch2/catch.hpp>
#include <map>
#include <string>

#include "taskmesh/base/random.hpp"

namespace result_cache_test {

using namespace taskmesh;
using namespace taskmesh::core;

namespace {

TaskId id(std::uint32_t counter) { return make_task_id(1'000, 0, 7, counter); }
TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

Ended make_ended(std::uint32_t counter, std::size_t bytes = 0, TaskState state = TaskState::success) {
  Ended ended;
  ended.report.id = id(counter);
  ended.report.state = state;
  ended.report.attempt = 1;
  ended.report.completed_at = {5};
  ended.report.result = Bytes{std::string(bytes, 'x')};
  if (state == TaskState::failure) ended.report.fault = proto::Fault{.kind = 7};
  return ended;
}

}  // namespace

SCENARIO("a result is readable for its ttl, then its state is still told", "[core][result_cache]") {
  GIVEN("two results with ttls of 10 s and 1 h") {
    ResultCache cache{100, 1'000'000, 100};
    cache.put(make_ended(1, 50), 1h, at(0s));
    cache.put(make_ended(2, 30, TaskState::failure), 10s, at(0s));
    CHECK(cache.size() == 2);
    CHECK(cache.bytes() == 80);
    CHECK(cache.expire(at(0s)) == at(10s));
    CHECK_FALSE(cache.remembered(id(2)));
    WHEN("just less than 10 s pass") {
      THEN("both can be read") {
        CHECK(cache.find(id(1), at(9'999ms)) != nullptr);
        CHECK(cache.find(id(2), at(9'999ms))->report.result.size() == 30);
      }
    }
    WHEN("10 s pass") {
      THEN("a look finds no value, even before expire() was called") {
        CHECK(cache.find(id(2), at(10s)) == nullptr);
        REQUIRE(cache.remembered(id(2)));
      }
      THEN("expire drops the value and keeps what is to be told") {
        CHECK(cache.expire(at(10s)) == at(3600s));
        CHECK(cache.size() == 1);
        CHECK(cache.bytes() == 50);
        const auto told = cache.remembered(id(2));
        REQUIRE(told);
        CHECK(told->id == id(2));
        CHECK(told->state == TaskState::failure);
        CHECK(told->flags == proto::TaskReport::value_gone_flag);
        CHECK(told->attempt == 1);
        CHECK(told->completed_at == WallTime{5});
        CHECK(told->fault->kind == 7);
        CHECK_FALSE(told->fault->why.empty());
        CHECK(told->result.empty());
      }
    }
    WHEN("everything is over") {
      CHECK(cache.expire(at(2h)) == std::nullopt);
      THEN("nothing is left but two states; an id never seen is not told of") {
        CHECK(cache.size() == 0);
        CHECK(cache.bytes() == 0);
        CHECK(cache.remembered_size() == 2);
        CHECK(cache.remembered(id(1))->fault->kind == 0);
        CHECK_FALSE(cache.remembered(id(3)));
        CHECK(cache.find(id(3), at(2h)) == nullptr);
        CHECK_FALSE(cache.callback(id(3)));
      }
    }
  }
}

SCENARIO("beyond its bounds the least recently used goes first", "[core][result_cache]") {
  GIVEN("room for three results") {
    ResultCache cache{3, 1'000'000, 2};
    for (std::uint32_t i = 1; i <= 3; ++i) cache.put(make_ended(i), 1h, at(0s));
    REQUIRE(cache.find(id(1), at(1s)) != nullptr);
    WHEN("a fourth comes") {
      cache.put(make_ended(4), 1h, at(2s));
      THEN("the one nobody looked at goes, not the oldest") {
        CHECK(cache.size() == 3);
        CHECK(cache.find(id(1), at(2s)) != nullptr);
        CHECK(cache.find(id(2), at(2s)) == nullptr);
        CHECK(cache.remembered(id(2))->state == TaskState::success);
      }
    }
    WHEN("three more come") {
      for (std::uint32_t i = 4; i <= 6; ++i) cache.put(make_ended(i), 1h, at(2s));
      THEN("only two states are remembered: the ones that went last") {
        CHECK(cache.remembered_size() == 2);
        CHECK_FALSE(cache.remembered(id(2)));
        CHECK(cache.remembered(id(3)));
        CHECK(cache.remembered(id(1)));
      }
    }
  }
  GIVEN("room for 100 octets") {
    ResultCache cache{1'000, 100, 10};
    cache.put(make_ended(1, 60), 1h, at(0s));
    cache.put(make_ended(2, 40), 1h, at(0s));
    CHECK(cache.size() == 2);
    WHEN("one octet more comes") {
      cache.put(make_ended(3, 1), 1h, at(0s));
      THEN("the oldest makes room") {
        CHECK(cache.bytes() == 41);
        CHECK(cache.find(id(1), at(0s)) == nullptr);
      }
    }
    WHEN("a result comes that alone is larger than all room") {
      cache.put(make_ended(3, 500), 1h, at(0s));
      THEN("it alone is kept, until the next one comes") {
        CHECK(cache.find(id(3), at(0s)) != nullptr);
        CHECK(cache.size() == 1);
        cache.put(make_ended(4, 1), 1h, at(0s));
        CHECK(cache.find(id(3), at(0s)) == nullptr);
        CHECK(cache.bytes() == 1);
      }
    }
  }
}

SCENARIO("what is read back is what was put, the callback's address apart", "[core][result_cache]") {
  GIVEN("ends of two names and workers, one with all that few have") {
    Ended rich = make_ended(1, 10, TaskState::failure);
    rich.report.callback = CallbackState::pending;
    rich.report.flags = proto::TaskReport::stopping_flag;
    rich.report.attempt = 3;
    rich.report.submitted_at = {1'000'000};  // As the id says.
    rich.report.started_at = {4};
    rich.report.worker.bytes[0] = 9;
    rich.report.worker_name = "w9";
    rich.report.name = "render";
    rich.report.fault = proto::Fault{7, "what", "why", "fix"};
    rich.report.codec = Codec::cereal;
    rich.report.joined = proto::Joined{id(77)};
    rich.json = Bytes::copy_of("[1]");
    Ended plain = make_ended(2, 5);
    plain.report.submitted_at = {1'000'000};
    plain.report.name = "add";
    ResultCache cache{10, 1'000'000, 10};
    cache.put(rich, 1h, at(0s));
    cache.put(plain, 1h, at(0s));
    WHEN("they are looked up") {
      const EndedPtr first = cache.find(id(1), at(1s));
      const EndedPtr second = cache.find(id(2), at(1s));
      THEN("nothing is missing and nothing is mixed up") {
        REQUIRE(first);
        CHECK(first->report == rich.report);
        CHECK(first->json == rich.json);
        REQUIRE(second);
        CHECK(second->report == plain.report);
        CHECK(second->json.empty());
      }
    }
  }
}

SCENARIO("the callback's fate is told as long as the task is known", "[core][result_cache]") {
  GIVEN("an ended task whose callback is pending") {
    ResultCache cache{10, 1'000'000, 10};
    Ended ended = make_ended(1);
    ended.report.callback = CallbackState::pending;
    cache.put(ended, 10s, at(0s));
    CHECK(cache.callback(id(1)) == CallbackState::pending);
    WHEN("it is delivered, and the value goes later") {
      cache.set_callback(id(1), CallbackState::delivered);
      cache.set_callback(id(2), CallbackState::delivered);
      CHECK(cache.callback(id(1)) == CallbackState::delivered);
      cache.expire(at(10s));
      THEN("that is still told") {
        CHECK(cache.callback(id(1)) == CallbackState::delivered);
        CHECK(cache.remembered(id(1))->callback == CallbackState::delivered);
        CHECK_FALSE(cache.callback(id(2)));
      }
    }
  }
  GIVEN("an id that ends twice, as one may that was taken again after all was forgotten") {
    ResultCache cache{10, 1'000'000, 10};
    cache.put(make_ended(1, 10), 1h, at(0s));
    cache.put(make_ended(1, 20), 1h, at(1s));
    THEN("the second end stands, counted once") {
      CHECK(cache.size() == 1);
      CHECK(cache.bytes() == 20);
      CHECK(cache.find(id(1), at(1s))->report.result.size() == 20);
    }
  }
}

TEST_CASE("the cache agrees with a plain map, whatever is put and asked", "[core][result_cache]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 11));
  INFO("seed " << seed);
  Random random{seed};
  ResultCache cache{1'000'000, 1ULL << 40, 1'000'000};
  std::map<std::uint32_t, std::pair<TimePoint, std::size_t>> truth;
  TimePoint now = at(0s);
  for (std::uint32_t step = 0; step < 5'000; ++step) {
    now += Duration{static_cast<std::int64_t>(random.below(50'000'000))};
    const Duration ttl{static_cast<std::int64_t>(1ULL << random.below(38))};
    const std::size_t bytes = random.below(100);
    cache.put(make_ended(step, bytes), ttl, now);
    truth[step] = {now + ttl, bytes};
    if (random.below(4) == 0) {
      const auto next = cache.expire(now);
      REQUIRE((!next || *next > now));
    }
    const auto asked = static_cast<std::uint32_t>(random.below(step + 1));
    const bool readable = truth.at(asked).first > now;
    REQUIRE((cache.find(id(asked), now) != nullptr) == readable);
    REQUIRE(cache.remembered(id(asked)).has_value() == !readable);
  }
  while (const auto next = cache.expire(now)) now = *next;
  CHECK(cache.size() == 0);
  CHECK(cache.bytes() == 0);
  CHECK(cache.remembered_size() == truth.size());
}

}  // namespace result_cache_test
