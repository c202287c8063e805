#include "taskmesh/base/time.hpp"

#include <catch2/catch.hpp>

namespace time_test {

using namespace taskmesh;

SCENARIO("durations are read with their unit and written back", "[base][time]") {
  CHECK(*parse_duration("500ms") == 500ms);
  CHECK(*parse_duration("5s") == 5s);
  CHECK(*parse_duration("2m") == 2min);
  CHECK(*parse_duration("1h") == 1h);
  CHECK(*parse_duration("1.5s") == 1500ms);
  CHECK(*parse_duration("0s") == 0s);
  CHECK(to_string(Duration(1500ms)) == "1500ms");
  CHECK(to_string(Duration(0s)) == "0s");
  CHECK(to_string(Duration(90s)) == "90s");
  CHECK(to_string(Duration(2min)) == "2m");
}

SCENARIO("what is not a duration is refused", "[base][time]") {
  for (const char* text : {"", "5", "s", "-1s", "5 s", "5parsecs", "1e300h", "nans"}) {
    INFO(text);
    const auto read = parse_duration(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::invalid);
    CHECK_FALSE(read.error().fix.empty());
  }
}

SCENARIO("a duration that is too long is told so", "[base][time]") {
  for (const char* text : {"99999999999999999999h", "1e300ns", "1e999s", "infm"}) {
    INFO(text);
    const auto read = parse_duration(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().why == "the longest is 285 years");
  }
}

SCENARIO("wall time is told as RFC 3339 in UTC", "[base][time]") {
  CHECK(to_rfc3339(WallTime{1'763'757'540'123'456}) == "2025-11-21T20:39:00.123Z");
  CHECK(to_rfc3339(WallTime{}).empty());
  CHECK(to_rfc3339(WallTime{-1}) == "1969-12-31T23:59:59.999Z");
}

}  // namespace time_test
