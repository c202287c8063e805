#include "taskmesh/base/ids.hpp"

#include <catch2/catch.hpp>
#include <unordered_set>

namespace ids_test {

using namespace taskmesh;

SCENARIO("a task id carries when, by whom and as which of theirs it was made", "[base][ids]") {
  GIVEN("an id made by a client") {
    const TaskId id = make_task_id(1'763'757'540'123, 0, 0xC0FFEE01, 7);
    THEN("its parts can be read back") {
      CHECK(created_unix_ms(id) == 1'763'757'540'123);
      CHECK(instance_of(id) == 0xC0FFEE01);
      CHECK(counter_of(id) == 7);
    }
    THEN("its text form is 32 lower-case digits and reads back, in either case") {
      const std::string text = to_string(id);
      CHECK(text == "019aa824431b1000c0ffee0100000007");
      CHECK(*TaskId::parse(text) == id);
      CHECK(*TaskId::parse("019AA824431B1000C0FFEE0100000007") == id);
    }
  }
}

SCENARIO("what is not an id is refused with what, why and fix", "[base][ids]") {
  for (const char* text : {"", "12", "019aa824431b1000c0ffee010000000", "019aa812501b1000c0ffee01000000077",
                           "019aa824431b1000c0ffee01000000zz"}) {
    const auto read = TaskId::parse(text);
    REQUIRE_FALSE(read);
    CHECK(read.error().kind == ErrorKind::invalid);
    CHECK(read.error().what.find("is not a task id") != std::string::npos);
    CHECK_FALSE(read.error().fix.empty());
  }
  CHECK(NodeId::parse("x").error().what == "'x' is not a node id");
}

SCENARIO("ids of one client spread over a hash table", "[base][ids]") {
  std::unordered_set<std::size_t> buckets;
  for (std::uint32_t i = 0; i < 4096; ++i) {
    buckets.insert(std::hash<TaskId>{}(make_task_id(1, 0, 1, i)) % 65536);
  }
  CHECK(buckets.size() > 3500);
}

}  // namespace ids_test
