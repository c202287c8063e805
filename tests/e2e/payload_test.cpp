// What travels with a task: acceptance scenarios 7, 8.
#include <limits>

#include "e2e/mesh.hpp"

namespace payload_test {

using namespace e2e;
using taskmesh::call;
using taskmesh::ErrorKind;

namespace {

constexpr std::size_t mib = 1024 * 1024;

/// A type whose own code says no.
struct Stubborn {
  template <class Archive>
  void save(Archive&) const {
    throw std::runtime_error("this one does not travel");
  }
  template <class Archive>
  void load(Archive&) {}
};

}  // namespace

SCENARIO("S07 arguments of every kind arrive as they were sent, and come back so", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  const Tree tree{
      {"", {}},
      {"Grüße, 世界", {{"leaf", std::nullopt, {}}, {std::string("nul\0inside", 10), INT64_MIN, {0.1, -0.0}}}},
      {"\"quoted\"\n", {{"", 0, {std::numeric_limits<double>::infinity()}}}}};
  const auto result = client.submit_task(mirror(true, INT64_MIN, UINT64_MAX, 1e-300, "", {}, tree));
  REQUIRE(result);
  CHECK(result.value() == Many{true, INT64_MIN, UINT64_MAX, 1e-300, "", {}, tree});
}

SCENARIO("S07 JSON arguments arrive as they were sent", "[e2e]") {
  Mesh mesh(1);
  Client client;
  for (const char* text : {R"([null,true,0,-1,9007199254740993,1.5,"","ä","a\nb",[],{},{"k":[{"n":null}]}])",
                           R"([18446744073709551615,-9223372036854775808])", "[1]"}) {
    const auto result = client.submit_task(taskmesh::call_json("echo", text));
    REQUIRE(result);
    const std::string got = to_text(result.value());
    CHECK(got == (std::string(text) == "[1]" ? "1" : text));  // A single argument comes back alone.
  }
}

SCENARIO("S07 what cannot be encoded is refused at the caller, not turned into something else", "[e2e]") {
  Mesh mesh(1);
  Client client;
  try {
    client.delay("echo", Stubborn{});
    FAIL("it was sent");
  } catch (const taskmesh::Failure& failure) {
    CHECK(failure.error().kind == ErrorKind::invalid);
    CHECK(failure.error().why.find("this one does not travel") != std::string::npos);
    CHECK_FALSE(failure.error().fix.empty());
  }
  CHECK_THROWS_AS(taskmesh::call_json("echo", "{\"not\": \"an array\"}"), taskmesh::Failure);
  CHECK_THROWS_AS(taskmesh::call_json("echo", "[1,"), taskmesh::Failure);
  CHECK(client.in_flight() == 0);
}

SCENARIO("S07 headers reach the task's code, in their order and nowhere else", "[e2e]") {
  Mesh mesh(1);
  Client client;
  const taskmesh::SubmitOptions options{.headers = {{"trace", "7f3a"}, {"trace", "second"}, {"empty", ""}}};
  CHECK(client.submit_task(header("trace"), options).value() == "7f3a");
  CHECK(client.submit_task(header("empty"), options).value().empty());
  CHECK(client.submit_task(header("other"), options).value() == "none");
  CHECK(client.submit_task(header("trace")).value() == "none");
}

SCENARIO("S08 large payloads travel both ways, beside small ones", "[e2e]") {
  Mesh mesh(GENERATE(1, 3));
  Client client;
  for (const std::size_t size : {1 * mib, 8 * mib, 32 * mib}) {
    const std::string text(size, 'y');
    auto large = client.async(same_text(text)).future();
    CHECK(client.submit_task(add(1, 2)).value() == 3);
    const auto result = large.get();
    REQUIRE(result);
    CHECK(result.value() == text);
  }
}

SCENARIO("S08 above the limit: refused at the caller, and a result above it is a clear failure",
         "[e2e][alone]") {
  Mesh mesh(1);
  Client client;
  const std::string largest(64 * mib - 64, 'z');  // What the encoding adds fits beside it.
  CHECK(client.submit_task(same_text(largest)).value().size() == largest.size());
  const auto begun = std::chrono::steady_clock::now();
  try {
    client.delay(same_text(std::string(64 * mib + 1, 'z')));
    FAIL("it was sent");
  } catch (const taskmesh::Failure& failure) {
    CHECK(failure.error().kind == ErrorKind::invalid);
    CHECK(failure.error().why.find(std::to_string(64 * mib)) != std::string::npos);
  }
  CHECK(std::chrono::steady_clock::now() - begun < 1s * time_factor);
  const auto too_much = client.submit_task(bulk(64 * mib + 1));
  REQUIRE_FALSE(too_much);
  CHECK(too_much.state == TaskState::failure);
  CHECK(too_much.error().kind == ErrorKind::invalid);
  CHECK(client.submit_task(add(1, 2)).value() == 3);
}

}  // namespace payload_test
