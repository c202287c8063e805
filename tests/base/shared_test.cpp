#include "taskmesh/base/shared.hpp"

#include <catch2/catch.hpp>
#include <memory>
#include <string>
#include <utility>

namespace shared_test {

using namespace taskmesh;

SCENARIO("a shared value is copied by whoever writes into it, and by nobody else", "[base][shared]") {
  Shared<std::string> empty;
  CHECK_FALSE(empty.has_value());
  CHECK(empty->empty());
  CHECK(empty == Shared<std::string>(std::string{}));
  GIVEN("one value with two holders") {
    Shared<std::string> first = std::string("here");
    Shared<std::string> second = first;
    CHECK(&*first == &*second);
    WHEN("one of them writes") {
      second.edit() += " too";
      THEN("the other one has what it had") {
        CHECK(*first == "here");
        CHECK(*second == "here too");
      }
      AND_WHEN("it writes again") {
        const std::string* const before = &*second;
        second.edit() += ", twice";
        THEN("it has that value for itself by now, and copies nothing") { CHECK(&*second == before); }
      }
    }
    WHEN("one of them takes it") {
      const Shared<std::string> taken = std::move(second);
      THEN("nothing is left there") {
        CHECK(*taken == "here");
        CHECK_FALSE(second.has_value());  // NOLINT(bugprone-use-after-move): that is what is asked
      }
    }
  }
  GIVEN("a part of something bigger") {
    auto whole = std::make_shared<std::pair<int, std::string>>(1, "part");
    Shared<std::string> part(whole, whole->second);
    WHEN("the bigger one is let go") {
      whole.reset();
      THEN("the part is still there") { CHECK(*part == "part"); }
    }
    WHEN("somebody writes into the part") {
      part.edit() = "other";
      THEN("the bigger one stays as it is") { CHECK(whole->second == "part"); }
    }
  }
}

}  // namespace shared_test
