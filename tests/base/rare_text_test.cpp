#include "taskmesh/base/rare_text.hpp"

#include <catch2/catch.hpp>

namespace taskmesh::rare_text_test {
namespace {

SCENARIO("a text that is rarely there reads like a text", "[base][rare_text]") {
  GIVEN("one without text, and one with") {
    RareText none;
    RareText some("tcp://127.0.0.1:6000");
    THEN("both read as what they say, in the room of a pointer") {
      CHECK(none.empty());
      CHECK(none == "");
      CHECK(some.size() == 20);
      CHECK(some == "tcp://127.0.0.1:6000");
      CHECK(std::string(some) == some.str());
      static_assert(sizeof(RareText) == sizeof(void*));
    }
    WHEN("it is copied and the copy is changed") {
      RareText copy = some;
      copy = std::string("another");
      THEN("the first stays as it was") {
        CHECK(some == "tcp://127.0.0.1:6000");
        CHECK_FALSE(copy == some);
      }
    }
    WHEN("it is moved") {
      const RareText taken = std::move(some);
      THEN("nothing is left behind") {
        CHECK(taken.size() == 20);
        CHECK(some.empty());  // NOLINT(bugprone-use-after-move): said so
      }
    }
    WHEN("an empty text is put in") {
      some = std::string();
      THEN("it holds nothing, like one that never had any") {
        CHECK(some.empty());
        CHECK(some == none);
      }
    }
  }
}

}  // namespace
}  // namespace taskmesh::rare_text_test
