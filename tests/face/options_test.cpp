// Options of workers that cannot be used are refused where they are given.
#include <catch2/catch.hpp>
#include <string>

#include "taskmesh/worker.hpp"

namespace options_test {

using namespace taskmesh;
using namespace std::chrono_literals;

namespace {

/// Why a worker with these options is refused; empty if it is not.
std::string refusal(const WorkerOptions& options) {
  try {
    const Worker worker{options};
  } catch (const Failure& failure) {
    CHECK(failure.error().kind == ErrorKind::invalid);
    CHECK_FALSE(failure.error().fix.empty());
    return failure.error().what + ": " + failure.error().why;
  }
  return {};
}

}  // namespace

SCENARIO("a worker's options that make no sense are refused before it starts", "[face][worker]") {
  CHECK(refusal({}).empty());
  CHECK(refusal({.slots = limits::slots_max, .drain_timeout = 0s}).empty());
  CHECK(refusal({.slots = limits::slots_max + 1}) ==
        "the worker's option slots cannot be used: it is 4097, the most is 4096");
  CHECK(refusal({.name = std::string(limits::name_bytes + 1, 'w')}) ==
        "the worker's option name cannot be used: it is longer than 255 bytes");
  CHECK(refusal({.result_ttl = 0s}) == "the worker's option result_ttl cannot be used: it is too short");
  CHECK(refusal({.callback_ttl = -1s}) == "the worker's option callback_ttl cannot be used: it is too short");
  CHECK(refusal({.callback_attempts = limits::callback_attempts_max + 1}) ==
        "the worker's option callback_attempts cannot be used: it is above 1000000");
  CHECK(refusal({.drain_timeout = -1s}) ==
        "the worker's option drain_timeout cannot be used: it is too short");
  CHECK(refusal({.drain_timeout = Duration::max()}) ==
        "the worker's option drain_timeout cannot be used: it is longer than a hundred years");
}

}  // namespace options_test
