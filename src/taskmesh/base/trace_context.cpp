#include "taskmesh/base/trace_context.hpp"

#include <algorithm>

#include "taskmesh/base/hex.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh {

namespace {

constexpr std::size_t of_version_0 = 55;

int value_of(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

bool is_hex(std::string_view text) {
  return std::ranges::all_of(text, [](char c) { return value_of(c) >= 0; });
}

bool is_zero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }

template <std::size_t N>
std::array<std::uint8_t, N> octets_of(std::string_view hex) {
  std::array<std::uint8_t, N> octets{};
  for (std::size_t i = 0; i < N; ++i) {
    octets[i] = static_cast<std::uint8_t>(value_of(hex[2 * i]) << 4 | value_of(hex[2 * i + 1]));
  }
  return octets;
}

template <class Octets>
std::string hex_of(const Octets& octets) {
  std::string text;
  for (const std::uint8_t octet : octets) {
    text += hex_digits[octet >> 4];
    text += hex_digits[octet & 15];
  }
  return text;
}

}  // namespace

bool is_traceparent(std::string_view text) {
  if (text.size() < of_version_0 || text.size() > limits::traceparent_bytes) return false;
  if (text[2] != '-' || text[35] != '-' || text[52] != '-') return false;
  if (!is_hex(text.substr(0, 2)) || !is_hex(text.substr(3, 32)) || !is_hex(text.substr(36, 16)) ||
      !is_hex(text.substr(53, 2))) {
    return false;
  }
  if (text.starts_with("ff") || is_zero(text.substr(3, 32)) || is_zero(text.substr(36, 16))) return false;
  if (text.size() == of_version_0) return true;
  const bool printable = std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F; });
  return !text.starts_with("00") && text[of_version_0] == '-' && printable;
}

bool is_tracestate(std::string_view text) {
  return text.size() <= limits::tracestate_bytes &&
         std::ranges::all_of(text, [](char c) { return (c >= 0x20 && c < 0x7F) || c == '\t'; });
}

std::optional<TraceContext> parse_traceparent(std::string_view text) {
  if (!is_traceparent(text)) return std::nullopt;
  return TraceContext{.trace_id = octets_of<16>(text.substr(3, 32)),
                      .span_id = octets_of<8>(text.substr(36, 16)),
                      .flags = octets_of<1>(text.substr(53, 2))[0]};
}

std::string to_traceparent(const TraceContext& context) {
  return "00-" + to_hex(context.trace_id) + "-" + to_hex(context.span_id) + "-" +
         hex_of(std::array<std::uint8_t, 1>{context.flags});
}

std::string to_hex(const TraceIdOctets& id) { return hex_of(id); }
std::string to_hex(const SpanIdOctets& id) { return hex_of(id); }

}  // namespace taskmesh
