// Spans as OTLP's JSON has them: ids in hex, 64-bit numbers as strings, enumerations as numbers.
#include "taskmesh/wire/otlp_json.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace otlp_json_test {

namespace {

using namespace taskmesh;
using nlohmann::json;

TraceContext context(const char* text) { return *parse_traceparent(text); }

wire::Span full_span() {
  return {.context = context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
          .parent = SpanIdOctets{1, 2, 3, 4, 5, 6, 7, 8},
          .state = "vendor=1",
          .name = "process add",
          .kind = wire::SpanKind::consumer,
          .begun_us = 1'700'000'000'123'456,
          .ended_us = 1'700'000'000'223'456,
          .attributes = {{"messaging.system", std::string("taskmesh")},
                         {"taskmesh.attempt", std::int64_t{2}},
                         {"last", true}},
          .links = {context("00-4bf92f3577b34da6a3ce929d0e0e4736-0102030405060708-00")},
          .status = wire::SpanStatus::error,
          .trouble = "it \"failed\""};
}

}  // namespace

TEST_CASE("a request has one resource, one scope, and its spans", "[otlp]") {
  const std::string text =
      wire::otlp_request({{"service.name", std::string("docs")}}, "1.2.3", {full_span()});
  CHECK(json::parse(text) == json::parse(R"({"resourceSpans": [{
    "resource": {"attributes": [{"key": "service.name", "value": {"stringValue": "docs"}}]},
    "scopeSpans": [{"scope": {"name": "taskmesh", "version": "1.2.3"}, "spans": [{
      "traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "00f067aa0ba902b7", "traceState": "vendor=1",
      "parentSpanId": "0102030405060708", "flags": 769, "name": "process add", "kind": 5,
      "startTimeUnixNano": "1700000000123456000", "endTimeUnixNano": "1700000000223456000",
      "attributes": [{"key": "messaging.system", "value": {"stringValue": "taskmesh"}},
                     {"key": "taskmesh.attempt", "value": {"intValue": "2"}},
                     {"key": "last", "value": {"boolValue": true}}],
      "links": [{"traceId": "4bf92f3577b34da6a3ce929d0e0e4736", "spanId": "0102030405060708", "flags": 768}],
      "status": {"code": 2, "message": "it \"failed\""}}]}]}]})"));
}

TEST_CASE("what a span has not is left out", "[otlp]") {
  wire::Span span{.context = context("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
                  .name = "send \xFF"};
  const json one =
      json::parse(wire::otlp_request({}, "1", {span, span}))["resourceSpans"][0]["scopeSpans"][0];
  REQUIRE(one["spans"].size() == 2);
  const json& written = one["spans"][0];
  CHECK_FALSE(written.contains("parentSpanId"));
  CHECK_FALSE(written.contains("traceState"));
  CHECK_FALSE(written.contains("links"));
  CHECK(written["flags"] == 257);
  CHECK(written["kind"] == 1);
  CHECK(written["status"] == json::object());
  CHECK(written["name"] == "send \xEF\xBF\xBD");
  CHECK(written["startTimeUnixNano"] == "0");
}

TEST_CASE("a collector's answer says what it has refused", "[otlp]") {
  CHECK(*wire::read_otlp_answer("") == wire::OtlpAnswer{});
  CHECK(*wire::read_otlp_answer("{}") == wire::OtlpAnswer{});
  CHECK(*wire::read_otlp_answer(R"({"partialSuccess": {}})") == wire::OtlpAnswer{});
  CHECK(*wire::read_otlp_answer(R"({"partialSuccess": {"rejectedSpans": "3", "errorMessage": "old"}})") ==
        wire::OtlpAnswer{3, "old"});
  CHECK(*wire::read_otlp_answer(R"({"partialSuccess": {"rejectedSpans": 3}})") == wire::OtlpAnswer{3, ""});
  CHECK_FALSE(wire::read_otlp_answer("<html>"));
}

}  // namespace otlp_json_test
