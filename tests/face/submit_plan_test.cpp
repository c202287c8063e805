#include "taskmesh/submit_plan.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/io/clock.hpp"

namespace submit_plan_test {

using namespace taskmesh;
using detail::plan_submit;

namespace {

detail::CallParts parts(std::string name = "add", std::size_t bytes = 1) {
  return {std::move(name), {Codec::json, Bytes(std::string(bytes, ' '))}, Codec::json};
}

/// Why the options are refused; empty if they are not.
std::string refusal(const SubmitOptions& options) {
  const auto plan = plan_submit(parts(), {}, options, false);
  if (plan) return {};
  CHECK(plan.error().kind == ErrorKind::invalid);
  CHECK_FALSE(plan.error().what.empty());
  CHECK_FALSE(plan.error().fix.empty());
  return plan.error().why;
}

}  // namespace

SCENARIO("options that make no sense are refused with the reason, before anything is sent",
         "[face][submit]") {
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const auto soon = std::chrono::system_clock::time_point{} + 1h;
  CHECK(refusal({}).empty());
  CHECK(refusal({.countdown = -1s}) == "its countdown is below zero");
  CHECK(refusal({.countdown = 1s, .eta = soon}) == "countdown and eta are both given");
  CHECK(refusal({.deadline = 0s}) == "its deadline is not in the future");
  CHECK(refusal({.countdown = 5s, .deadline = 4s}) == "it may not start before its deadline has passed");
  CHECK(refusal({.time_limit = 0s}) == "its time_limit is not above zero");
  CHECK(refusal({.result_ttl = -1s}) == "its result_ttl is not above zero");
  CHECK(refusal({.callback_ttl = 0s}) == "its callback_ttl is not above zero");
  for (const std::uint32_t attempts : {0U, limits::callback_attempts_max + 1}) {
    CHECK(refusal({.callback_attempts = attempts}) == "its callback_attempts are not between 1 and 1000000");
  }
  CHECK(refusal({.retries = {.count = 1, .delay = -1s}}) == "a pause of its retries is below zero");
  CHECK(refusal({.retries = {.count = 1, .max_delay = -1s}}) == "a pause of its retries is below zero");
  for (const double backoff : {0.5, 101.0, -1.0, nan}) {
    CHECK(refusal({.retries = {.backoff = backoff}}) ==
          "the backoff of its retries is not between 1 and 100");
  }
  for (const double jitter : {-0.1, 1.1, nan}) {
    CHECK(refusal({.retries = {.jitter = jitter}}) == "the jitter of its retries is not between 0 and 1");
  }
  CHECK(refusal({.key = std::string(256, 'k')}) == "its key has 256 bytes, the limit is 255");
  CHECK(refusal({.headers = std::vector<Header>(33, {"a", "b"})}) == "it has 33 headers, the limit is 32");
  CHECK(refusal({.headers = {{"", "value"}}}) == "a header has no name");
  CHECK(refusal({.headers = {{"big", std::string(8192, 'x')}}}) ==
        "its headers have 8195 bytes, the limit is 8192");
}

SCENARIO("a trace context travels as two headers, and one that is none is refused", "[face][submit]") {
  const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
  const auto plan = plan_submit(
      parts(), {}, {.headers = {{"tenant", "a"}}, .traceparent = trace, .tracestate = "congo=1"}, false);
  REQUIRE(plan);
  CHECK(plan->task.terms->headers ==
        std::vector<Header>{{"tenant", "a"}, {"traceparent", trace}, {"tracestate", "congo=1"}});
  CHECK(refusal({.traceparent = "junk"}) == "its traceparent is not valid");
  CHECK(refusal({.tracestate = "congo=1"}) == "its traceparent is not valid");
  CHECK(refusal({.traceparent = trace, .tracestate = "a\r\nb"}) ==
        "its tracestate is not printable ASCII of at most 2048 bytes");
  CHECK(refusal({.headers = {{"traceparent", trace}}, .traceparent = trace}) ==
        "its traceparent is given twice, as an option and among its headers");
  CHECK(refusal({.headers = std::vector<Header>(32, {"a", "b"}), .traceparent = trace}) ==
        "it has 33 headers, the limit is 32");
}

SCENARIO("a call that cannot be sent is refused where it is made", "[face][submit]") {
  const auto why = [](detail::CallParts call, const Callback& callback = {}) {
    const auto plan = plan_submit(std::move(call), callback, {}, false);
    return plan ? std::string{} : to_string(plan.error().kind).data() + (": " + plan.error().why);
  };
  CHECK(why(parts("")) == "invalid: its name is empty");
  CHECK(why(parts(std::string(256, 'n'))) == "invalid: its name is longer than 255 bytes");
  CHECK(why(parts("add", limits::payload_bytes)).empty());
  CHECK(why(parts("add", limits::payload_bytes + 1)) ==
        "invalid: its arguments have 67108865 bytes, the limit is 67108864");
  CHECK(why(parts(), {"tcp://127.0.0.1:6000", "{no json"}) ==
        "invalid: it is given back inside the event's JSON");
  CHECK(why(parts(), {"", "7"}) == "invalid: its callback has data and no address");
  CHECK(why(parts(), {"tcp://10.255.255.1:6000"}).starts_with("refused: "));
}

SCENARIO("what is asked for reaches the core, and what is not takes no room", "[face][submit]") {
  GIVEN("nothing special") {
    const auto plan = plan_submit(parts(), {}, {.priority = Priority::high}, false);
    REQUIRE(plan);
    CHECK_FALSE(plan->task.terms.has_value());
    CHECK(plan->task.priority == Priority::high);
    CHECK_FALSE(plan->not_before);
  }
  GIVEN("everything") {
    const SubmitOptions options{
        .countdown = 90s,
        .deadline = 10min,
        .time_limit = 3s,
        .retries = {.count = 4, .delay = 250ms, .backoff = 1.5, .max_delay = 9s, .jitter = 0.25},
        .key = "order-7",
        .result_ttl = 5min,
        .callback_ttl = 90min,
        .callback_attempts = 7,
        .headers = {{"trace", "a1"}, {"tenant", "x"}}};
    auto plan = plan_submit(parts(), {"tcp://127.0.0.1:6000", "1"}, options, false);
    REQUIRE(plan);
    const core::SubmitTask task = detail::event_of(std::move(*plan), TaskId{{9}});
    CHECK(task.id == TaskId{{9}});
    CHECK(task.deadline == 10min);
    CHECK(task.time_limit == 3s);
    CHECK(task.result_ttl == 5min);
    CHECK(task.callback_address == "tcp://127.0.0.1:6000");
    CHECK(task.terms->retries == 4);
    CHECK(task.terms->retry_delay_ms == 250);
    CHECK(task.terms->backoff_percent == 150);
    CHECK(task.terms->retry_delay_max_ms == 9'000);
    CHECK(task.terms->jitter_percent == 25);
    CHECK(task.terms->key == "order-7");
    CHECK(task.terms->headers == options.headers);
    CHECK(task.terms->callback_ttl_ms == 5'400'000);
    CHECK(task.terms->callback_attempts == 7);
    CHECK(task.terms->delay_ms > 80'000);
    CHECK(task.terms->delay_ms <= 90'000);
  }
  GIVEN("terms of a callback, and none") {
    const auto plan = plan_submit(parts(), {}, {.callback_ttl = 5s, .callback_attempts = 2}, false);
    REQUIRE(plan);
    CHECK_FALSE(plan->task.terms.has_value());
  }
  GIVEN("points in time") {
    using Clock = std::chrono::system_clock;
    const Clock::time_point now{std::chrono::microseconds(io::wall_now().unix_us)};
    for (const auto past : {now - 1h, Clock::time_point{}, Clock::time_point::min()}) {
      auto plan = plan_submit(parts(), {}, {.eta = past}, false);
      REQUIRE(plan);
      CHECK(detail::event_of(std::move(*plan), TaskId{{1}}).terms->delay_ms == 0);
    }
    auto plan = plan_submit(parts(), {}, {.eta = now + 90s}, false);
    REQUIRE(plan);
    const auto delay_ms = detail::event_of(std::move(*plan), TaskId{{1}}).terms->delay_ms;
    CHECK(delay_ms > 80'000);
    CHECK(delay_ms <= 90'000);
  }
  GIVEN("times that mean never") {
    const SubmitOptions never{.eta = std::chrono::system_clock::time_point::max(),
                              .time_limit = Duration::max(),
                              .result_ttl = Duration::max()};
    auto plan = plan_submit(parts(), {}, never, false);
    REQUIRE(plan);
    CHECK(*plan->task.time_limit < 24h * 40'000);  // Far enough from where sums overflow.
    CHECK(plan->not_before > io::steady_now() + 24h * 36'000);
  }
}

TEST_CASE("a submit that says nothing of replicas asks for one, with a key too", "[face]") {
  const auto flags = [](const SubmitOptions& options) {
    return plan_submit(parts(), {}, options, false).value().id_flags;
  };
  CHECK(flags({}) == 1);
  CHECK(flags({.key = "k"}) == 1);
  CHECK(flags({.replicas = 0}) == 0);
  CHECK(flags({.replicas = 2, .once = true}) == (2 | once_flag));
  CHECK(plan_submit(parts(), {}, {.key = "k", .replicas = 1}, false));
}

}  // namespace submit_plan_test
