// Who asked about which key lately: proto/05-keepers.md section 11.
#include "taskmesh/core/tasks/key_askers.hpp"

#include <catch2/catch.hpp>

namespace taskmesh::core::key_askers_test {
namespace {

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = number;
  return id;
}

constexpr TimePoint start{100s};

}  // namespace

TEST_CASE("who asked about a key is told for its time, and each once", "[core][finder]") {
  KeyAskers askers;
  askers.add("a", node(1), start);
  askers.add("a", node(2), start + 1s);
  askers.add("a", node(1), start + 2s);
  CHECK(askers.has("a", node(1)));
  CHECK_FALSE(askers.has("b", node(1)));
  CHECK(askers.others("a", node(1), start + 2s) == std::vector<NodeId>{node(2)});
  CHECK(askers.others("a", node(3), start + 2s) == std::vector<NodeId>{node(2), node(1)});
  askers.forget(start + 1s + limits::key_asked_for);  // Of the two questions of 1 the later one counts.
  CHECK(askers.others("a", node(3), start + 11s) == std::vector<NodeId>{node(1)});
  askers.forget(start + 2s + limits::key_asked_for);
  CHECK_FALSE(askers.has("a", node(1)));
  CHECK(askers.size() == 0);
}

TEST_CASE("beyond their number the oldest questions go, and for a while that is said", "[core][finder]") {
  KeyAskers askers(2);
  askers.add("a", node(1), start);
  askers.add("b", node(2), start + 1s);
  CHECK(askers.others("a", node(9), start + 1s) == std::vector<NodeId>{node(1)});
  askers.add("c", node(3), start + 2s);
  CHECK(askers.size() == 2);
  CHECK_FALSE(askers.has("a", node(1)));
  CHECK(askers.others("a", node(9), start + 2s) == std::vector<NodeId>{node(9)});
  CHECK(askers.others("c", node(9), start + 3s) == std::vector<NodeId>{node(3), node(9)});
  CHECK(askers.others("c", node(9), start + 2s + limits::key_asked_for) == std::vector<NodeId>{node(3)});
}

}  // namespace taskmesh::core::key_askers_test
