// Dates and times as people write them.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <ctime>

#include "cli/values.hpp"

namespace moment_test {

using namespace taskmesh;
using namespace std::chrono_literals;

namespace {

/// Milliseconds since 1970 UTC.
std::int64_t ms_of(std::string_view text) {
  const auto moment = cli::parse_moment(text);
  INFO(text);
  REQUIRE(moment);
  return std::chrono::duration_cast<std::chrono::milliseconds>(moment->time_since_epoch()).count();
}

}  // namespace

SCENARIO("a date and time is read with its zone, or as local time", "[cli]") {
  constexpr std::int64_t half_past_nine = 1'795'339'800'000;  // 2026-11-22 09:30:00 UTC
  CHECK(ms_of("1970-01-01T00:00:00Z") == 0);
  CHECK(ms_of("2026-11-22T09:30:00Z") == half_past_nine);
  CHECK(ms_of("2026-11-22t09:30:00z") == half_past_nine);
  CHECK(ms_of("2026-11-22 09:30:00Z") == half_past_nine);
  CHECK(ms_of("2026-11-22T10:30:00+01:00") == half_past_nine);
  CHECK(ms_of("2026-11-22T04:00:00-05:30") == half_past_nine);
  CHECK(ms_of("2026-11-22T09:30:00.250Z") == half_past_nine + 250);
  CHECK(ms_of("2026-11-22T09:30:00.2501234567Z") == half_past_nine + 250);
  CHECK(ms_of("2028-02-29T00:00:00Z") == 1'835'395'200'000);
  ::setenv("TZ", "TMT-2", 1);  // Two hours east, never summer time.
  ::tzset();
  CHECK(ms_of("2026-11-22T11:30:00") == half_past_nine);
  ::unsetenv("TZ");
  ::tzset();
}

SCENARIO("what is no date and time is refused, with one that is", "[cli]") {
  for (const char* text :
       {"", "tomorrow", "5s", "2026-11-22", "2026-11-22T09:30Z", "2026-13-22T09:30:00Z",
        "2026-11-31T09:30:00Z", "2027-02-29T00:00:00Z", "2026-11-22T24:00:00Z", "2026-11-22T09:60:00Z",
        "2026-11-22T09:30:00+25:00", "2026-11-22T09:30:00+0100", "2026-11-22T09:30:00Zx",
        "2026-11-22T09:30:00.Z", "26-11-22T09:30:00Z", "1969-12-31T23:59:59Z", "2026-11-22T09:30:00 Z"}) {
    INFO(text);
    const auto moment = cli::parse_moment(text);
    REQUIRE_FALSE(moment);
    CHECK(moment.error().kind == ErrorKind::invalid);
    CHECK(moment.error().fix.find("2026-11-22T09:30:00Z") != std::string::npos);
  }
}

}  // namespace moment_test
