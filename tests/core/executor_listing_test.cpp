// LIST_TASKS: everything that a worker knows, told once, a bounded page at a time.
#include <map>

#include "core/executor_support.hpp"

namespace executor_listing_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::executor_test;

namespace {

using Rows = std::vector<proto::TaskRow>;

proto::TaskList page(Desk& desk, const proto::ListTasks& ask) {
  desk.out.clear();
  desk.role.on_list(Desk::a, ask, desk.out);
  const auto pages = records<proto::TaskList>(desk.out, Desk::a);
  REQUIRE(pages.size() == 1);
  CHECK(pages[0].request == ask.request);
  return pages[0];
}

/// All pages; `between` runs after each.
template <class Between>
Rows rows(Desk& desk, proto::ListTasks ask, Between&& between) {
  Rows all;
  for (int pages = 0; pages < 1'000; ++pages) {
    const proto::TaskList one = page(desk, ask);
    all.insert(all.end(), one.rows.begin(), one.rows.end());
    if (one.next == 0) return all;
    ask.from = one.next;
    between();
  }
  FAIL("the list has no end");
  return all;
}
Rows rows(Desk& desk, const proto::ListTasks& ask = {}) {
  return rows(desk, ask, [] {});
}

std::map<std::uint32_t, TaskState> states(const Rows& listed) {
  std::map<std::uint32_t, TaskState> by_number;
  for (const proto::TaskRow& row : listed) {
    CHECK(by_number.emplace(counter_of(row.id), row.state).second);  // Nobody twice.
  }
  return by_number;
}

constexpr std::uint32_t bit(TaskState state) { return 1U << static_cast<unsigned>(state); }

}  // namespace

SCENARIO("a worker lists what it holds and remembers", "[core][executor][listing]") {
  Desk desk;
  CHECK(rows(desk).empty());
  desk.turn_with(desk.submit(1));
  desk.finish(1);
  desk.turn();
  desk.turn_with(desk.submit(2));
  desk.turn_with(desk.submit(3));
  proto::Submit later = desk.submit(4);
  later.name = "echo";
  later.callback_address = "tcp://127.0.0.1:6000";
  later.terms = proto::Terms{.delay_ms = 60'000};
  desk.turn_with(later);
  using S = TaskState;
  const std::map<std::uint32_t, S> all{{1, S::success}, {2, S::running}, {3, S::queued}, {4, S::scheduled}};
  const Rows listed = rows(desk);
  CHECK(states(listed) == all);
  CHECK(listed.back().id == id(1));  // What has not ended comes first.
  CHECK(listed.back().name == "add");
  CHECK(listed.back().completed_at.unix_us != 0);
  THEN("by state and by name") {
    CHECK(states(rows(desk, {.states = bit(S::queued)})) == std::map<std::uint32_t, S>{{3, S::queued}});
    CHECK(states(rows(desk, {.states = bit(S::success) | bit(S::running)})).size() == 2);
    const Rows echo = rows(desk, {.name = "echo"});
    REQUIRE(states(echo) == std::map<std::uint32_t, S>{{4, S::scheduled}});
    CHECK(echo[0].callback == CallbackState::pending);
    CHECK(rows(desk, {.name = "nobody"}).empty());
  }
  THEN("in pages of any size, each task once") {
    for (std::uint32_t size = 1; size <= 5; ++size) {
      CHECK(page(desk, {.rows_max = size}).rows.size() == std::min<std::size_t>(size, 4));
      CHECK(states(rows(desk, {.rows_max = size})) == all);
    }
  }
  THEN("a place that does not exist is the end, not an error") {
    for (const std::uint64_t from : {99ULL, 1ULL << 32, (1ULL << 32) + 99, ~0ULL}) {
      CHECK(page(desk, {.from = from}).next == 0);
    }
  }
}

SCENARIO("a page of tasks is bounded in size and in work, whatever is asked", "[core][executor][listing]") {
  Desk desk;
  constexpr std::uint32_t count = 10'000;
  for (std::uint32_t number = 1; number <= count; ++number) {
    proto::Submit submit = desk.submit(number);
    submit.name = "a name that is too long to live inside a string";
    submit.terms = proto::Terms{.delay_ms = 60'000};
    desk.say(submit);
  }
  desk.turn();
  const proto::TaskList one = page(desk, {.rows_max = ~std::uint32_t{0}});
  CHECK(one.rows.size() <= limits::list_rows_max);
  CHECK(one.rows.size() >= 200);
  CHECK(one.next != 0);
  THEN("one that finds nothing gives up after a while, and goes on where it stopped") {
    const proto::TaskList none = page(desk, {.states = bit(TaskState::lost)});
    CHECK(none.rows.empty());
    CHECK(none.next == limits::list_visits_max);
    CHECK(rows(desk, {.states = bit(TaskState::lost)}).empty());
  }
  THEN("tasks that come and go meanwhile do not hide those that stay") {
    std::uint32_t next = count;
    const Rows listed = rows(desk, {}, [&] {
      for (int i = 0; i < 50; ++i) desk.say(desk.submit(++next));
      desk.turn();
    });
    std::size_t stayed = 0;
    for (const auto& [number, state] : states(listed)) stayed += number <= count ? 1 : 0;
    CHECK(stayed == count);
  }
}

}  // namespace executor_listing_test
