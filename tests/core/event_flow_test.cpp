#include "taskmesh/core/callbacks/event_flow.hpp"

#include <map>
#include <set>

#include "core/callback_support.hpp"
#include "taskmesh/base/random.hpp"

namespace taskmesh::core::callback_test::event_flow_test {
namespace {

struct Sent {
  std::uint64_t seq = 0;
  std::uint32_t delivery = 0;
  std::uint32_t number = 0;
  bool operator==(const Sent&) const = default;
};

constexpr TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

std::vector<Sent> send(EventFlow& flow, TimePoint now) {
  std::vector<Sent> all;
  flow.send(now, [&](std::uint64_t seq, std::uint32_t delivery, const EndedPtr& ended) {
    all.push_back({seq, delivery, counter_of(ended->report.id)});
  });
  return all;
}

std::vector<std::uint32_t> acknowledge(EventFlow& flow, const std::vector<proto::Range>& ranges) {
  std::vector<std::uint32_t> numbers;
  flow.acknowledge(ranges, [&](const Ended& ended) { numbers.push_back(counter_of(ended.report.id)); });
  return numbers;
}

}  // namespace

SCENARIO("a flow repeats what is not acknowledged, and only that", "[core][callbacks]") {
  GIVEN("three events sent at different times") {
    EventFlow flow;
    flow.set_window(10, 1'000);
    for (const std::uint32_t number : {1U, 2U, 3U}) {
      flow.push(make_end(number), 1, EventFlow::never);
      CHECK(send(flow, at(number * 1s)) == std::vector<Sent>{{number, 1, number}});
    }
    THEN("each has its own timer") {
      CHECK(flow.next_repeat() == at(6s));
      CHECK(acknowledge(flow, {{1, 1}}) == std::vector<std::uint32_t>{1});
      CHECK(flow.next_repeat() == at(7s));
      CHECK(send(flow, at(7s)) == std::vector<Sent>{{2, 2, 2}});
      CHECK(flow.next_repeat() == at(8s));
      CHECK(send(flow, at(8s)) == std::vector<Sent>{{3, 2, 3}});
      CHECK(flow.next_repeat() == at(12s));
      CHECK(acknowledge(flow, {{2, 3}}) == std::vector<std::uint32_t>{2, 3});
      CHECK(flow.next_repeat() == EventFlow::never);
      CHECK(flow.empty());
    }
    THEN("a refused one waits outside the window, and comes before what has never been sent") {
      flow.set_window(3, 1'000);
      CHECK(flow.pause(2, at(4s)));
      CHECK(flow.in_flight() == 2);
      flow.push(make_end(4), 1, EventFlow::never);
      flow.push(make_end(5), 1, EventFlow::never);
      CHECK(send(flow, at(3s)) == std::vector<Sent>{{4, 1, 4}});
      CHECK(flow.next_repeat() == at(6s));  // The refused one waits for room, not for a time.
      CHECK(send(flow, at(4s)).empty());
      acknowledge(flow, {{1, 1}});
      CHECK(flow.next_repeat() == at(4s));
      CHECK(send(flow, at(5s)) == std::vector<Sent>{{2, 2, 2}});
    }
    THEN("after a rewind all wait again in order, numbered from 1") {
      acknowledge(flow, {{2, 2}});
      flow.push(make_end(4), 1, EventFlow::never);
      flow.rewind();
      CHECK(flow.next_repeat() == EventFlow::never);
      CHECK(acknowledge(flow, {{1, 9}}).empty());
      CHECK(send(flow, at(4s)) == std::vector<Sent>{{1, 2, 1}, {2, 2, 3}, {3, 1, 4}});
    }
  }
  GIVEN("one event of a long stream that is never acknowledged") {
    EventFlow flow;
    flow.set_window(1'000, 1ULL << 40);
    std::size_t sent_count = 0;
    for (std::uint32_t number = 1; number <= 100'000; ++number) {
      flow.push(make_end(number), 1, EventFlow::never);
      sent_count += send(flow, at(0s)).size();
      acknowledge(flow, {{2, number}});
    }
    THEN("the stream stops at a bounded distance, and goes on when it is done") {
      CHECK(sent_count == EventFlow::span_max);
      acknowledge(flow, {{1, 1}});
      CHECK(send(flow, at(0s)).size() == 1'000);
    }
  }
}

SCENARIO("each event has its own time to live, whatever waits before it", "[core][callbacks]") {
  EventFlow flow;
  flow.set_window(1, 1'000);
  const auto expire = [&](TimePoint now) {
    std::vector<std::uint32_t> numbers;
    flow.expire(now,
                [&](const EndedPtr& one, std::uint32_t) { numbers.push_back(counter_of(one->report.id)); });
    return numbers;
  };
  GIVEN("four events of which the first lives longest, one of them sent") {
    flow.push(make_end(1), 1, at(10s));
    flow.push(make_end(2), 1, at(3s));
    flow.push(make_end(3), 1, at(2s));
    flow.push(make_end(4), 1, at(3s));
    CHECK(send(flow, at(0s)) == std::vector<Sent>{{1, 1, 1}});
    CHECK(flow.next_expiry() == at(2s));
    CHECK(expire(at(1s)).empty());
    THEN("they end when it is their time, the older one first, and the rest goes on") {
      CHECK(expire(at(2s)) == std::vector<std::uint32_t>{3});
      acknowledge(flow, {{1, 1}});
      CHECK(flow.next_expiry() == at(3s));
      CHECK(send(flow, at(2s)) == std::vector<Sent>{{2, 1, 2}});
      CHECK(expire(at(3s)) == std::vector<std::uint32_t>{2, 4});
      CHECK(flow.empty());
      CHECK(flow.next_expiry() == EventFlow::never);
    }
    THEN("one that ended where it waited leaves a number unsaid, and a rewind forgets it") {
      CHECK(expire(at(2s)) == std::vector<std::uint32_t>{3});
      flow.set_window(9, 1'000);
      CHECK(send(flow, at(2s)) == std::vector<Sent>{{2, 1, 2}, {4, 1, 4}});
      CHECK(acknowledge(flow, {{1, 9}}) == std::vector<std::uint32_t>{1, 2, 4});
      flow.rewind();
      CHECK(flow.next_expiry() == EventFlow::never);
      CHECK(flow.entries() == 0);
    }
  }
  GIVEN("one that nobody takes, and a hundred thousand of short life behind it") {
    flow.push(make_end(1), 1, at(24h));
    for (std::uint32_t number = 2; number <= 100'000; ++number) {
      const TimePoint now = at(number * 1ms);
      flow.push(make_end(number), 1, now + 5ms);
      expire(now);
      REQUIRE(flow.size() <= 7);
      REQUIRE(flow.entries() <= 300);
    }
  }
}

TEST_CASE("whatever is said, a flow tells each event until it is acknowledged, and ends it once",
          "[core][callbacks]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 51));
  INFO("seed " << seed);
  Random random{seed};
  EventFlow flow;
  flow.set_window(8, 100);
  std::map<std::uint32_t, std::uint32_t> deliveries;  // Open events, and how often each was sent.
  std::map<std::uint64_t, std::uint32_t> on_link;     // Number -> event, on this connection.
  std::set<std::uint32_t> ended;
  std::map<std::uint32_t, TimePoint> expires;
  std::uint32_t pushed = 0;
  TimePoint now{};
  const auto done = [&](const Ended& event) {
    const std::uint32_t number = counter_of(event.report.id);
    CHECK(ended.insert(number).second);
    CHECK(deliveries.erase(number) == 1);
  };
  const auto emit = [&](std::uint64_t seq, std::uint32_t delivery, const EndedPtr& event) {
    const std::uint32_t number = counter_of(event->report.id);
    CHECK(delivery == ++deliveries.at(number));
    CHECK(on_link.try_emplace(seq, number).first->second == number);  // A repetition keeps its number.
  };
  const auto step = [&] {
    now += std::chrono::milliseconds(random.below(700));
    const std::uint64_t seq = random.below(on_link.size() + 2);
    switch (random.below(8)) {
      case 0:
      case 1:
      case 2:
        deliveries[++pushed] = 0;
        // One with a long time to live holds no shorter one back.
        expires[pushed] = now + (random.below(2) == 0 ? 30s : std::chrono::seconds(random.below(90)));
        return flow.push(make_end(pushed), random.below(60), expires[pushed]);
      case 3:
        return flow.acknowledge({{seq, seq + random.below(3)}}, done);
      case 4:
        return static_cast<void>(flow.pause(seq, now + std::chrono::milliseconds(random.below(9'000))));
      case 5:
        if (random.below(20) != 0) return;
        on_link.clear();
        return flow.rewind();
      case 6:
        return flow.set_window(static_cast<std::uint32_t>(random.below(10)), 100);
      default:
        return flow.expire(now, [&](const EndedPtr& one, std::uint32_t) { done(*one); });
    }
  };
  for (int i = 0; i < 2'000; ++i) {
    step();
    flow.send(now, emit);
    CHECK(flow.size() == deliveries.size());
    CHECK(flow.in_flight() <= 10);
    CHECK((flow.next_repeat() > now || flow.next_expiry() <= now));
    CHECK(std::all_of(expires.begin(), expires.end(), [&](const auto& each) {
      return !deliveries.contains(each.first) || each.second >= flow.next_expiry();
    }));
  }
  flow.set_window(100'000, 1ULL << 40);
  for (int i = 0; i < 3; ++i) flow.send(now += 10s, emit);
  CHECK(std::all_of(deliveries.begin(), deliveries.end(), [](const auto& open) { return open.second > 0; }));
  flow.acknowledge({{1, ~0ULL}}, done);
  CHECK(flow.empty());
  CHECK(ended.size() == pushed);
}

}  // namespace taskmesh::core::callback_test::event_flow_test
