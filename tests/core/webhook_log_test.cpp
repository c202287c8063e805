// The log of webhooks: what each attempt leaves in it, how it is read, and what bounds it.
#include "taskmesh/core/callbacks/webhook_log.hpp"

#include <set>

#include "core/callback_support.hpp"

namespace webhook_log_test {

using namespace taskmesh;
using namespace taskmesh::core;
using namespace taskmesh::core::callback_test;

namespace {

const std::string here = "https://one.example/T0/hunter2?key=hunter2";
const std::string there = "https://two.example:8443/hook";

/// What the last turn posted first.
Post first_post(const Desk& desk) {
  REQUIRE_FALSE(desk.out.post.empty());
  return desk.out.post[0];
}

void answer(Desk& desk, const PostAnswered& said) {
  desk.turn([&] { desk.outbox.on_post_answered(said, desk.now(), desk.out); });
}

std::vector<proto::PostRow> rows(const Desk& desk, const proto::ListPosts& ask = {}) {
  return desk.outbox.posts(ask).rows;
}

proto::PostRow row_of(std::uint32_t number, const std::string& endpoint) {
  return {.id = task_id(number), .status = 200, .delivery = 1, .endpoint = endpoint};
}

}  // namespace

SCENARIO("each attempt at a webhook is remembered with its answer and what follows", "[core][webhook]") {
  Desk desk;
  GIVEN("an event that nobody answers, then a busy endpoint, then one that takes it") {
    desk.tell(1, here);
    const Post first = first_post(desk);
    desk.after(40ms);
    answer(desk, {.number = first.number, .trouble = "nobody answers", .failure = PostFailure::connect});
    while (desk.out.post.empty()) desk.sleep_until_woken();
    answer(desk, {.number = first_post(desk).number, .status = 429, .retry_after = 30s});
    while (desk.out.post.empty()) desk.sleep_until_woken();
    answer(desk, {.number = first_post(desk).number, .status = 204});
    THEN("there are three, the newest first, none with more of the address than where it leads") {
      const auto all = rows(desk);
      REQUIRE(all.size() == 3);
      for (const proto::PostRow& row : all) {
        CHECK(row.id == task_id(1));
        CHECK(row.endpoint == "https://one.example");
        CHECK(row.asked == 0);
      }
      CHECK(all[2].outcome == PostOutcome::again);
      CHECK(all[2].failure == PostFailure::connect);
      CHECK(all[2].status == 0);
      CHECK(all[2].why == "nobody answers");
      CHECK(all[2].delivery == 1);
      CHECK(all[2].took_ms == 40);
      const std::int64_t pause_us = all[2].next.unix_us - all[2].at.unix_us - 40'000;
      CHECK(pause_us <= 5'000'000);
      CHECK(pause_us >= 3'750'000);
      CHECK(all[1].outcome == PostOutcome::held);
      CHECK(all[1].status == 429);
      CHECK(all[1].next.unix_us - all[1].at.unix_us == 30'000'000);
      CHECK(all[0].outcome == PostOutcome::delivered);
      CHECK(all[0].delivery == 3);
      CHECK(all[0].why.empty());
      CHECK(all[0].next == WallTime{});
    }
  }
  GIVEN("one that is given up") {
    desk.tell(1, here, {.callback_attempts = 1});
    answer(desk, {.number = first_post(desk).number, .status = 500});
    THEN("it says so") {
      REQUIRE(rows(desk).size() == 1);
      CHECK(rows(desk)[0].outcome == PostOutcome::dead);
      CHECK(rows(desk)[0].why.find("500") != std::string::npos);
      CHECK(rows(desk)[0].next == WallTime{});
    }
  }
}

SCENARIO("the log of webhooks is asked by task, by address and by origin", "[core][webhook]") {
  Desk desk;
  for (std::uint32_t i = 1; i <= 4; ++i) {
    desk.tell(i, i % 2 == 0 ? there : here);
    answer(desk, {.number = first_post(desk).number, .status = 200});
  }
  CHECK(rows(desk).size() == 4);
  CHECK(rows(desk, {.id = task_id(3)}).size() == 1);
  CHECK(rows(desk, {.id = task_id(9)}).empty());
  CHECK(rows(desk, {.address = here}).size() == 2);
  CHECK(rows(desk, {.address = "https://two.example:8443"}).size() == 2);
  CHECK(rows(desk, {.address = "https://one.example/T0/hunter"}).empty());
}

SCENARIO("the log of webhooks is read page by page and keeps the newest", "[core][webhook]") {
  WebhookLog log(100);
  for (std::uint32_t i = 1; i <= 130; ++i) log.add(row_of(i, "https://one.example"), here);
  GIVEN("pages of seven, while it goes on") {
    std::vector<std::uint32_t> seen;
    proto::ListPosts ask{.request = 9, .rows_max = 7};
    std::uint32_t later = 131;
    do {
      const proto::PostList page = log.list(ask);
      CHECK(page.request == 9);
      CHECK(page.rows.size() <= 7);
      for (const proto::PostRow& row : page.rows) seen.push_back(counter_of(row.id));
      ask.before = page.next;
      if (later < 134) log.add(row_of(later++, "https://one.example"), here);
    } while (ask.before != 0 && seen.size() < 1'000);
    THEN("each that stayed is told once, the newest first") {
      CHECK(seen.front() == 130);
      CHECK(std::is_sorted(seen.rbegin(), seen.rend()));
      CHECK(std::set<std::uint32_t>(seen.begin(), seen.end()).size() == seen.size());
      CHECK(seen.back() == 34);
      CHECK(log.size() == 100);
    }
  }
  GIVEN("a place that was never given out") {
    THEN("it is the end, or the beginning") {
      CHECK(log.list({.before = 1}).rows.empty());
      CHECK(log.list({.before = 1}).next == 0);
      CHECK(log.list({.before = ~std::uint64_t{0}}).rows.size() == 100);
    }
  }
}

TEST_CASE("a page of the log of webhooks is bounded in work and size, and so is a row", "[core][webhook]") {
  WebhookLog log(limits::webhook_log_max);
  auto row = row_of(1, "https://" + std::string(200, 'h') + ".example");
  row.why = std::string(100'000, 'w');
  for (std::size_t i = 0; i < limits::webhook_log_max + 5; ++i) log.add(row, here);
  CHECK(log.size() == limits::webhook_log_max);
  const proto::PostList page = log.list({});
  CHECK(page.next != 0);
  std::size_t bytes = 0;
  for (const proto::PostRow& one : page.rows) {
    CHECK(one.why.size() == limits::webhook_log_text_bytes);
    bytes += one.why.size() + one.endpoint.size();
  }
  CHECK(bytes <= limits::list_bytes + 1'024);
  const proto::PostList nothing = log.list({.id = task_id(2)});
  CHECK(nothing.rows.empty());
  CHECK(nothing.next == limits::webhook_log_max + 5 + 1 - limits::list_visits_max);
}

}  // namespace webhook_log_test
