// Spans, and how they are written for OTLP/HTTP: the protobuf message ExportTraceServiceRequest as JSON.  docs/tracing.md.
//
// As OTLP's own JSON mapping has it: ids in hex, 64-bit numbers as strings, enumerations as numbers. Pure; threads: any.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/base/trace_context.hpp"

namespace taskmesh::wire {

using AttributeValue = std::variant<std::string, std::int64_t, bool>;
using Attributes = std::vector<std::pair<std::string, AttributeValue>>;

enum class SpanKind : std::uint8_t { internal = 1, server = 2, client = 3, producer = 4, consumer = 5 };
enum class SpanStatus : std::uint8_t { unset = 0, ok = 1, error = 2 };

/// Something that began and ended.
struct Span {
  TraceContext context;                  ///< Its own.
  std::optional<SpanIdOctets> parent{};  ///< Of the same trace, in another process; unset: a root.
  std::string state{};                   ///< tracestate.
  std::string name{};
  SpanKind kind = SpanKind::internal;
  std::int64_t begun_us = 0;  ///< Microseconds since 1970.
  std::int64_t ended_us = 0;
  Attributes attributes{};
  std::vector<TraceContext> links{};
  SpanStatus status = SpanStatus::unset;
  std::string trouble{};  ///< For people, where the status is error.
  bool operator==(const Span&) const = default;
};

/// One request: all spans of one resource, from one scope, `taskmesh` of this version.
std::string otlp_request(const Attributes& resource, std::string_view version,
                         const std::vector<Span>& spans);

/// What a collector says to a request: how many spans it has refused, and why. Error: invalid, where it is no such answer.
struct OtlpAnswer {
  std::int64_t refused = 0;
  std::string why{};
  bool operator==(const OtlpAnswer&) const = default;
};
Result<OtlpAnswer> read_otlp_answer(std::string_view body);

}  // namespace taskmesh::wire
