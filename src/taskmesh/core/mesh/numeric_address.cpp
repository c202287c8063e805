#include "taskmesh/core/mesh/numeric_address.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <string>

namespace taskmesh::core {

namespace {

using V4 = std::array<std::uint8_t, 4>;
using V6 = std::array<std::uint8_t, 16>;

/// The whole text is one number up to `max`, without sign or blanks. Decimal ones have no leading zero: some
/// readers take those for octal.
std::optional<std::uint32_t> number(std::string_view text, int base, std::uint32_t max) {
  std::uint32_t value = 0;
  if (base == 10 && text.size() > 1 && text.front() == '0') return std::nullopt;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value, base);
  if (error != std::errc{} || end != text.data() + text.size() || value > max) return std::nullopt;
  return value;
}

std::optional<V4> parse_v4(std::string_view text) {
  V4 address{};
  for (std::size_t i = 0; i < 4; ++i) {
    const std::size_t dot = i < 3 ? text.find('.') : text.size();
    if (dot == std::string_view::npos || dot > 3) return std::nullopt;
    const auto octet = number(text.substr(0, dot), 10, 255);
    if (!octet) return std::nullopt;
    address[i] = static_cast<std::uint8_t>(*octet);
    text.remove_prefix(std::min(dot + 1, text.size()));
  }
  return address;
}

/// Groups of one side of "::", appended to `out`; a dotted quad may be the last.
bool parse_groups(std::string_view text, std::string& out) {
  while (!text.empty()) {
    const std::size_t colon = text.find(':');
    const std::string_view group = text.substr(0, colon);
    if (colon == std::string_view::npos && group.find('.') != std::string_view::npos) {
      const auto quad = parse_v4(group);
      if (!quad) return false;
      out.append(quad->begin(), quad->end());
      return true;
    }
    const auto value = group.size() <= 4 ? number(group, 16, 0xFFFF) : std::nullopt;
    if (!value || out.size() >= 16) return false;
    out += static_cast<char>(*value >> 8);
    out += static_cast<char>(*value & 0xFF);
    if (colon == std::string_view::npos) return true;
    text.remove_prefix(colon + 1);
    if (text.empty()) return false;  // A single colon at the end.
  }
  return true;
}

std::optional<V6> parse_v6(std::string_view text) {
  const std::size_t gap = text.find("::");
  std::string head;
  std::string tail;
  if (!parse_groups(text.substr(0, gap), head)) return std::nullopt;
  // A dotted quad stands at the very end only.
  if (gap != std::string_view::npos && text.substr(0, gap).find('.') != std::string_view::npos)
    return std::nullopt;
  if (gap == std::string_view::npos ? head.size() != 16 : !parse_groups(text.substr(gap + 2), tail)) {
    return std::nullopt;
  }
  if (gap != std::string_view::npos && head.size() + tail.size() > 14) return std::nullopt;
  V6 address{};
  std::copy(head.begin(), head.end(), address.begin());
  std::copy(tail.begin(), tail.end(), address.end() - static_cast<std::ptrdiff_t>(tail.size()));
  return address;
}

Reach reach_of(const V4& address) {
  if (address[0] == 127) return Reach::loopback;
  if (address[0] == 0 || address[0] >= 224 || (address[0] == 169 && address[1] == 254)) return Reach::never;
  return Reach::beyond;
}

Reach reach_of(const V6& address) {
  static constexpr V6 one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr std::array<std::uint8_t, 12> compatible{};
  static constexpr std::array<std::uint8_t, 12> translated{0, 0x64, 0xFF, 0x9B};
  if (address == one) return Reach::loopback;
  for (const auto& prefix : {mapped, compatible, translated}) {
    if (!std::equal(prefix.begin(), prefix.end(), address.begin())) continue;
    const Reach reach = reach_of(V4{address[12], address[13], address[14], address[15]});
    // Only the mapped form is this machine's loopback; the others lead to a tunnel or a gateway, if anywhere.
    return reach == Reach::loopback && prefix != mapped ? Reach::never : reach;
  }
  const bool link_local = address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
  return address[0] == 0xFF || link_local ? Reach::never : Reach::beyond;
}

/// nullopt: not an address of that form.
std::optional<Reach> tcp_reach(std::string_view rest) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = number(rest.substr(colon + 1), 10, 65535);
  std::string_view host = rest.substr(0, colon);
  if (!port || *port == 0) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const auto address = parse_v6(host);
    return address ? std::optional(reach_of(*address)) : std::nullopt;
  }
  const auto address = parse_v4(host);
  return address ? std::optional(reach_of(*address)) : std::nullopt;
}

bool is_ipc_name(std::string_view name) {
  // An abstract socket's name has 107 octets with its leading zero.
  return !name.empty() && name.size() <= 106 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127; });
}

}  // namespace

std::optional<IpOctets> parse_ip(std::string_view text) {
  if (text.find(':') != std::string_view::npos) return parse_v6(text);
  const auto v4 = parse_v4(text);
  if (!v4) return std::nullopt;
  IpOctets address{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::copy(v4->begin(), v4->end(), address.begin() + 12);
  return address;
}

std::optional<Reach> reach_of_address(std::string_view address) {
  constexpr std::string_view tcp = "tcp://";
  constexpr std::string_view ipc = "ipc://@";
  if (address.starts_with(ipc) && is_ipc_name(address.substr(ipc.size()))) return Reach::loopback;
  if (address.starts_with(tcp)) return tcp_reach(address.substr(tcp.size()));
  return std::nullopt;
}

}  // namespace taskmesh::core
