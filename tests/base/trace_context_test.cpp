// W3C trace context as text: what is one, and what may be handed on.
#include "taskmesh/base/trace_context.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/base/limits.hpp"

namespace trace_context_test {

namespace {

using namespace taskmesh;

const std::string trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

}  // namespace

TEST_CASE("a traceparent is what W3C says", "[trace]") {
  CHECK(is_traceparent(trace));
  CHECK(is_traceparent("01" + trace.substr(2) + "-more"));
  CHECK_FALSE(is_traceparent(trace + "-more"));
  CHECK_FALSE(is_traceparent("01" + trace.substr(2) + "more"));
  CHECK_FALSE(is_traceparent("01" + trace.substr(2) + "-a\r\nb: c"));
  CHECK_FALSE(is_traceparent("01" + trace.substr(2) + "-" + std::string(limits::traceparent_bytes, 'a')));
  CHECK_FALSE(is_traceparent("ff" + trace.substr(2)));
  CHECK_FALSE(is_traceparent("00-00000000000000000000000000000000-00f067aa0ba902b7-01"));
  CHECK_FALSE(is_traceparent("00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01"));
  CHECK_FALSE(is_traceparent("00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01"));
  CHECK_FALSE(is_traceparent(trace.substr(1)));
  CHECK_FALSE(is_traceparent(""));
}

TEST_CASE("a traceparent is read and written", "[trace]") {
  const auto read = parse_traceparent(trace);
  REQUIRE(read);
  CHECK(to_hex(read->trace_id) == "4bf92f3577b34da6a3ce929d0e0e4736");
  CHECK(to_hex(read->span_id) == "00f067aa0ba902b7");
  CHECK(read->sampled());
  CHECK(to_traceparent(*read) == trace);
  const auto later = parse_traceparent("cc" + trace.substr(2, 51) + "00-what-else");
  REQUIRE(later);
  CHECK_FALSE(later->sampled());
  CHECK(to_traceparent(*later) == trace.substr(0, 53) + "00");
  CHECK_FALSE(parse_traceparent("junk"));
}

TEST_CASE("a tracestate is handed on where it can be a header", "[trace]") {
  CHECK(is_tracestate(""));
  CHECK(is_tracestate("congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"));
  CHECK(is_tracestate(std::string(limits::tracestate_bytes, 'a')));
  CHECK_FALSE(is_tracestate(std::string(limits::tracestate_bytes + 1, 'a')));
  CHECK_FALSE(is_tracestate("a=1\r\nx-evil: 1"));
  CHECK_FALSE(is_tracestate("a=\xC3\xBC"));
}

}  // namespace trace_context_test
