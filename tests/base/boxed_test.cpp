#include "taskmesh/base/boxed.hpp"

#include <catch2/catch.hpp>
#include <string>

namespace boxed_test {

using namespace taskmesh;

SCENARIO("a box reads as a default value until something is put in", "[base][boxed]") {
  Boxed<std::string> box;
  CHECK_FALSE(box.has_value());
  CHECK(box->empty());
  CHECK(box == Boxed<std::string>(std::string{}));
  WHEN("something is put in") {
    box.edit() = "here";
    THEN("copies are apart from it") {
      Boxed<std::string> copy = box;
      CHECK(copy == box);
      copy.edit() += " too";
      CHECK(*box == "here");
      copy = box;
      CHECK(*copy == "here");
    }
    THEN("who takes it leaves nothing behind") {
      const Boxed<std::string> taken = std::move(box);
      CHECK(*taken == "here");
      CHECK_FALSE(box.has_value());  // NOLINT(bugprone-use-after-move): that is what is asked
    }
    THEN("it can be emptied") {
      box.reset();
      CHECK(box->empty());
    }
  }
}

}  // namespace boxed_test
