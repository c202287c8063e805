#include "taskmesh/base/maybe_time.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/base/time.hpp"

namespace taskmesh::maybe_time_test {
namespace {

SCENARIO("a time that may not be there takes no more room than one that is", "[base][maybe_time]") {
  static_assert(sizeof(MaybeTime<Duration>) == sizeof(Duration));
  GIVEN("none, and the shortest there is") {
    MaybeTime<Duration> none;
    MaybeTime<Duration> zero = Duration::zero();
    THEN("only one of them is there") {
      CHECK_FALSE(none);
      REQUIRE(zero);
      CHECK(*zero == Duration::zero());
      CHECK_FALSE(none == zero);
    }
    WHEN("they are read as optionals") {
      const std::optional<Duration> no = none;
      const std::optional<Duration> yes = zero;
      THEN("they say the same, there and back") {
        CHECK_FALSE(no.has_value());
        CHECK(yes == Duration::zero());
        CHECK(MaybeTime<Duration>(no) == none);
        CHECK(MaybeTime<Duration>(yes) == zero);
      }
    }
    WHEN("one is given in other units, and taken away") {
      none = std::chrono::seconds(2);
      const bool given = none == MaybeTime<Duration>(Duration(std::chrono::seconds(2)));
      none.reset();
      THEN("it was there, and is not") {
        CHECK(given);
        CHECK_FALSE(none);
      }
    }
  }
}

}  // namespace
}  // namespace taskmesh::maybe_time_test
