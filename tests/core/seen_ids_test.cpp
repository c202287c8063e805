#include "taskmesh/core/tasks/seen_ids.hpp"

#include <catch2/catch.hpp>
#include <set>

#include "taskmesh/base/random.hpp"

namespace Catch {
template <>
struct StringMaker<taskmesh::core::SeenIds::Answer> {
  static std::string convert(taskmesh::core::SeenIds::Answer answer) {
    using Answer = taskmesh::core::SeenIds::Answer;
    return answer == Answer::fresh ? "fresh" : answer == Answer::seen ? "seen" : "too_old";
  }
};
}  // namespace Catch

namespace seen_ids_test {

using namespace taskmesh;
using core::SeenIds;
using Answer = core::SeenIds::Answer;

namespace {

TaskId id(std::uint32_t instance, std::uint32_t counter) { return make_task_id(1'000, 0, instance, counter); }
TimePoint at(Duration since_start) { return TimePoint{} + since_start; }

constexpr bool first = false;
constexpr bool again = true;

/// One call, as a client that has settled nothing yet makes it.
Answer ask(SeenIds& seen, std::uint32_t counter, bool repeated, std::uint32_t settled = 0,
           Duration now = 0s) {
  return seen.check(id(7, counter), settled, repeated, 0s, at(now));
}

}  // namespace

SCENARIO("an id is fresh once", "[core][seen_ids]") {
  GIVEN("an id that was asked for") {
    SeenIds seen;
    REQUIRE(ask(seen, 5, first) == Answer::fresh);
    THEN("it is seen from then on, whoever says it again") {
      CHECK(ask(seen, 5, first) == Answer::seen);
      CHECK(ask(seen, 5, again) == Answer::seen);
    }
    THEN(
        "its neighbours, the same counter of another client, and one sent again elsewhere before are fresh") {
      CHECK(ask(seen, 4, first) == Answer::fresh);
      CHECK(ask(seen, 6, again) == Answer::fresh);
      CHECK(seen.check(id(8, 5), 0, first, 0s, at(0s)) == Answer::fresh);
      CHECK(seen.clients() == 2);
    }
    WHEN("it was not accepted after all") {
      seen.forget(id(7, 5));
      THEN("it is fresh again, and forgetting what is not there does no harm") {
        seen.forget(id(99, 5));
        seen.forget(id(7, 900'000));
        CHECK(ask(seen, 5, again) == Answer::fresh);
        CHECK(ask(seen, 5, again) == Answer::seen);
      }
    }
  }
  GIVEN("an id of a version that carries no counter") {
    SeenIds seen;
    TaskId keyed = id(7, 5);
    keyed.bytes[6] = 0x20;
    THEN("it is refused and leaves nothing behind") {
      CHECK(seen.check(keyed, 0, first, 0s, at(0s)) == Answer::too_old);
      seen.forget(keyed);
      CHECK(seen.clients() == 0);
    }
  }
}

SCENARIO("what is settled is never taken again", "[core][seen_ids]") {
  GIVEN("ids 0 to 9999, then the word that all below 9000 is settled") {
    SeenIds seen;
    for (std::uint32_t counter = 0; counter < 10'000; ++counter)
      REQUIRE(ask(seen, counter, first) == Answer::fresh);
    CHECK(seen.pages() == 3);
    REQUIRE(ask(seen, 10'000, first, 9'000) == Answer::fresh);
    THEN("repeats below are too old, those above are seen, and memory is given back") {
      CHECK(ask(seen, 8'999, again) == Answer::too_old);
      CHECK(ask(seen, 8'999, first) == Answer::too_old);
      CHECK(ask(seen, 9'000, again) == Answer::seen);
      CHECK(ask(seen, 9'999, again) == Answer::seen);
      CHECK(seen.pages() == 1);
    }
    THEN("an older word that was overtaken does not reopen anything") {
      CHECK(ask(seen, 10'001, first, 100) == Answer::fresh);
      CHECK(ask(seen, 8'999, again, 100) == Answer::too_old);
    }
    THEN("a record that contradicts itself is too old and moves nothing") {
      CHECK(ask(seen, 9'500, again, 9'501) == Answer::too_old);
      CHECK(ask(seen, 9'999, first, 2'000'000'000) == Answer::too_old);
      CHECK(ask(seen, 9'999, first, 9'000) == Answer::seen);
    }
    THEN("a settled far ahead harms only its own client") {
      CHECK(seen.check(id(8, 1), 0, first, 0s, at(0s)) == Answer::fresh);
      CHECK(ask(seen, 2'000'000'000, first, 2'000'000'000) == Answer::fresh);
      CHECK(ask(seen, 10'005, first, 9'000) == Answer::too_old);
      CHECK(seen.check(id(8, 1), 0, again, 0s, at(0s)) == Answer::seen);
      CHECK(seen.check(id(8, 2), 0, first, 0s, at(0s)) == Answer::fresh);
    }
  }
}

SCENARIO("memory follows what is in flight", "[core][seen_ids]") {
  GIVEN("a client that runs ten million tasks with a thousand in flight") {
    SeenIds seen;
    std::size_t most = 0;
    bool all_fresh = true;
    for (std::uint32_t counter = 1; counter < 10'000'000; counter += 1) {
      const std::uint32_t settled = counter > 1'000 ? counter - 1'000 : 0;
      all_fresh = all_fresh && ask(seen, counter, first, settled) == Answer::fresh;
      most = std::max(most, seen.pages());
    }
    THEN("two pages are enough") {
      CHECK(all_fresh);
      CHECK(most <= 2);
    }
  }
  GIVEN("a counter that jumps by two thousand million") {
    SeenIds seen;
    REQUIRE(ask(seen, 1, first) == Answer::fresh);
    REQUIRE(ask(seen, 2'000'000'001, first) == Answer::fresh);
    THEN("one page is enough; far behind, a repeat is too old, a first sending is not") {
      CHECK(seen.pages() == 1);
      CHECK(ask(seen, 2'000'000'001, again) == Answer::seen);
      CHECK(ask(seen, 2'000'000'001 - 10'000'000, first) == Answer::fresh);
      CHECK(ask(seen, 2'000'000'001 - 10'000'000, again) == Answer::seen);
      CHECK(seen.pages() == 2);
      CHECK(ask(seen, 1, again) == Answer::too_old);
      CHECK(ask(seen, 1'000'000'000, first) == Answer::fresh);
      CHECK(seen.pages() == 2);
    }
  }
  GIVEN("a counter that jumps by four thousand million, which is back as well as forward") {
    SeenIds seen;
    REQUIRE(ask(seen, 1, first, 1) == Answer::fresh);
    THEN("nothing is allocated for it, and what is known stays known") {
      CHECK(ask(seen, 4'000'000'001, first, 1) == Answer::too_old);
      CHECK(ask(seen, 4'000'000'001, first, 4'000'000'001) == Answer::too_old);
      CHECK(ask(seen, 4'000'000'001, again, 0) == Answer::too_old);
      CHECK(seen.pages() == 1);
      CHECK(ask(seen, 1, again, 1) == Answer::seen);
    }
  }
  GIVEN("a client that settles nothing and counts beyond ids_max") {
    SeenIds seen{{.ids_max = 8'192}};
    for (std::uint32_t counter = 0; counter < 20'000; ++counter)
      REQUIRE(ask(seen, counter, first) == Answer::fresh);
    THEN("the last ids_max are exact, older repeats are too old, and three pages do") {
      CHECK(ask(seen, 19'999 - 8'191, again) == Answer::seen);
      CHECK(ask(seen, 19'999 - 8'192, again) == Answer::too_old);
      CHECK(seen.pages() <= 3);
    }
  }
  GIVEN("room for four pages, and one client that touches many") {
    SeenIds seen{{.pages_max = 4}};
    for (std::uint32_t page = 100; page > 0; --page) {
      CHECK(ask(seen, page * 4'096, first) == Answer::fresh);
      CHECK(seen.pages() <= 4);
    }
    THEN("what fell out is too old as a repeat: nothing runs twice") {
      CHECK(ask(seen, 100 * 4'096, again) != Answer::fresh);
      CHECK(ask(seen, 50 * 4'096, again) != Answer::fresh);
    }
  }
}

SCENARIO("a counter goes on through zero", "[core][seen_ids]") {
  GIVEN("ids on both sides of the end of the counter") {
    SeenIds seen;
    const std::uint32_t start = UINT32_MAX - 9'999;
    bool all_fresh = true;
    for (std::uint32_t i = 0; i < 20'000; ++i)
      all_fresh = all_fresh && ask(seen, start + i, first, start) == Answer::fresh;
    CHECK(all_fresh);
    THEN("each is seen, and settling goes through zero as well") {
      bool all_seen = true;
      for (std::uint32_t i = 0; i < 20'000; ++i)
        all_seen = all_seen && ask(seen, start + i, again, start) == Answer::seen;
      CHECK(all_seen);
      CHECK(ask(seen, 10'000, first, 9'000) == Answer::fresh);
      CHECK(ask(seen, 8'999, again, 8'999) == Answer::too_old);
      CHECK(ask(seen, UINT32_MAX, again, UINT32_MAX) == Answer::too_old);
      CHECK(ask(seen, 9'001, again, 9'000) == Answer::seen);
      CHECK(seen.pages() == 1);
    }
  }
  GIVEN("a client heard of long ago, whose counter has gone more than half way round since") {
    SeenIds seen;
    REQUIRE(ask(seen, 100, first, 100, 0s) == Answer::fresh);
    WHEN("it comes back after the dedup window") {
      const Duration later = limits::dedup_window + 1s;
      THEN("its new counters are taken, a repeat from before is not") {
        CHECK(ask(seen, 3'000'000'000, first, 3'000'000'000, later) == Answer::fresh);
        CHECK(ask(seen, 3'000'000'000, again, 3'000'000'000, later) == Answer::seen);
        CHECK(seen.check(id(7, 3'000'000'001), 3'000'000'000, again, later, at(later)) == Answer::too_old);
      }
    }
    WHEN("it comes within the window") {
      THEN("it is an old record that was overtaken") {
        CHECK(ask(seen, 3'000'000'000, first, 3'000'000'000, 10s) == Answer::too_old);
      }
    }
  }
}

SCENARIO("many clients: the least recently heard goes first, and nothing of it runs twice",
         "[core][seen_ids]") {
  GIVEN("a table for 100 clients, full") {
    SeenIds seen{{.clients_max = 100}};
    for (std::uint32_t client = 0; client < 100; ++client) {
      REQUIRE(seen.check(id(client, 1), 0, first, 0s, at(client * 1s)) == Answer::fresh);
    }
    REQUIRE(seen.check(id(0, 2), 0, first, 0s, at(100s)) == Answer::fresh);
    WHEN("one more comes") {
      REQUIRE(seen.check(id(1'000, 1), 0, first, 0s, at(101s)) == Answer::fresh);
      THEN("client 1 had to go: it was heard of longest ago") {
        CHECK(seen.clients() == 100);
        CHECK(seen.check(id(0, 1), 0, again, 101s, at(101s)) == Answer::seen);
        CHECK(seen.check(id(2, 1), 0, again, 99s, at(101s)) == Answer::seen);
      }
      THEN("a repeat that may have been accepted before is too old, a younger or a first one is fresh") {
        CHECK(seen.check(id(1, 1), 0, again, 101s, at(102s)) == Answer::too_old);
        CHECK(seen.check(id(1, 2), 0, again, 50s, at(102s)) == Answer::fresh);
        CHECK(seen.check(id(1, 3), 0, first, 0s, at(102s)) == Answer::fresh);
      }
      THEN("who was known all the time is not concerned: what is not seen never was here") {
        CHECK(seen.check(id(0, 3), 0, again, 101s, at(102s)) == Answer::fresh);
      }
    }
  }
  GIVEN("a full supply of pages") {
    SeenIds seen{{.pages_max = 10}};
    for (std::uint32_t client = 0; client < 50; ++client) {
      REQUIRE(seen.check(id(client, 1), 0, first, 0s, at(client * 1s)) == Answer::fresh);
      CHECK(seen.pages() <= 10);
    }
    THEN("the clients heard of last have kept theirs") {
      CHECK(seen.clients() == 10);
      CHECK(seen.check(id(40, 1), 0, again, 9s, at(49s)) == Answer::seen);
    }
  }
}

TEST_CASE("whatever is asked, no id is fresh twice and what is in the window is exact", "[core][seen_ids]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 21));
  INFO("seed " << seed);
  Random random{seed};
  SeenIds seen{{.ids_max = 8'192, .clients_max = 8, .pages_max = 12}};
  std::set<std::pair<std::uint32_t, std::uint32_t>> accepted;
  std::array<std::uint32_t, 12> next{};
  for (auto& counter : next) counter = static_cast<std::uint32_t>(random.next());
  Duration now = 0s;
  for (int step = 0; step < 20'000; ++step) {
    now += Duration{static_cast<std::int64_t>(random.below(1'000'000'000))};
    const auto client = static_cast<std::uint32_t>(random.below(next.size()));
    const bool repeat = random.below(3) == 0;
    const auto back = static_cast<std::uint32_t>(random.below(random.below(10) == 0 ? 20'000 : 300));
    const std::uint32_t counter =
        repeat ? next[client] - back : next[client] += 1 + static_cast<std::uint32_t>(random.below(3));
    const std::uint32_t settled = repeat ? counter - 20 : counter - 200;
    // The repeat was sent at least as long ago as its id was first asked for: the worst case for us.
    const Answer answer = seen.check(id(client, counter), settled, repeat, repeat ? now : 0s, at(now));
    const bool known = accepted.contains({client, counter});
    if (answer == Answer::fresh) REQUIRE_FALSE(known);
    if (answer == Answer::seen) REQUIRE(known);
    if (!repeat) REQUIRE(answer == Answer::fresh);
    if (answer == Answer::fresh) accepted.insert({client, counter});
    REQUIRE(seen.pages() <= 12);
    REQUIRE(seen.clients() <= 8);
  }
  CHECK(accepted.size() > 10'000);
}

}  // namespace seen_ids_test
