// TraceContext: W3C trace context (level 1), as text and as values.
//
// traceparent: version, trace id, id of the parent span, flags, in lower-case hex. tracestate is carried as it came.
// Pure; threads: any; no errors: what is not valid is none.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace taskmesh {

using TraceIdOctets = std::array<std::uint8_t, 16>;
using SpanIdOctets = std::array<std::uint8_t, 8>;

struct TraceContext {
  TraceIdOctets trace_id{};
  SpanIdOctets span_id{};
  std::uint8_t flags = 0;
  static constexpr std::uint8_t sampled_flag = 1;
  bool sampled() const { return (flags & sampled_flag) != 0; }
  bool operator==(const TraceContext&) const = default;
};

/// 00-<32 hex>-<16 hex>-<2 hex>, or of a later version with more behind it.
bool is_traceparent(std::string_view text);
/// May be handed on as a header: printable ASCII within limits::tracestate_bytes. Empty: yes, it is none.
bool is_tracestate(std::string_view text);
/// Of a later version: what this one has of it.
std::optional<TraceContext> parse_traceparent(std::string_view text);
/// Version 00.
std::string to_traceparent(const TraceContext& context);

/// Lower-case hex.
std::string to_hex(const TraceIdOctets& id);
std::string to_hex(const SpanIdOctets& id);

}  // namespace taskmesh
