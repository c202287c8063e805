#include "taskmesh/core/tasks/submit_check.hpp"

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

enum class Scope : std::uint8_t { loopback, beyond, never };

Scope scope_of(const V4& address) {
  if (address[0] == 127) return Scope::loopback;
  if (address[0] == 0 || address[0] >= 224 || (address[0] == 169 && address[1] == 254)) return Scope::never;
  return Scope::beyond;
}

Scope scope_of(const V6& address) {
  static constexpr V6 one{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  static constexpr std::array<std::uint8_t, 12> mapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  static constexpr std::array<std::uint8_t, 12> compatible{};
  static constexpr std::array<std::uint8_t, 12> translated{0, 0x64, 0xFF, 0x9B};
  if (address == one) return Scope::loopback;
  for (const auto& prefix : {mapped, compatible, translated}) {
    if (!std::equal(prefix.begin(), prefix.end(), address.begin())) continue;
    const Scope scope = scope_of(V4{address[12], address[13], address[14], address[15]});
    // Only the mapped form is this machine's loopback; the others lead to a tunnel or a gateway, if anywhere.
    return scope == Scope::loopback && prefix != mapped ? Scope::never : scope;
  }
  const bool link_local = address[0] == 0xFE && (address[1] & 0xC0) == 0x80;
  return address[0] == 0xFF || link_local ? Scope::never : Scope::beyond;
}

/// nullopt: not an address of that form.
std::optional<Scope> tcp_scope(std::string_view rest) {
  const std::size_t colon = rest.rfind(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto port = number(rest.substr(colon + 1), 10, 65535);
  std::string_view host = rest.substr(0, colon);
  if (!port || *port == 0) return std::nullopt;
  if (host.starts_with('[') && host.ends_with(']')) {
    host = host.substr(1, host.size() - 2);
    const auto address = parse_v6(host);
    return address ? std::optional(scope_of(*address)) : std::nullopt;
  }
  const auto address = parse_v4(host);
  return address ? std::optional(scope_of(*address)) : std::nullopt;
}

bool is_ipc_name(std::string_view name) {
  // An abstract socket's name has 107 octets with its leading zero.
  return !name.empty() && name.size() <= 106 &&
         std::ranges::all_of(name, [](char c) { return c > ' ' && c < 127; });
}

Error refused(std::string_view address, std::string why, std::string fix) {
  return {.kind = ErrorKind::refused,
          .what = "callback address '" + std::string(address.substr(0, 100)) + "' is refused",
          .why = std::move(why),
          .fix = std::move(fix)};
}

Refusal malformed(std::string why) {
  return {proto::Code::malformed,
          {ErrorKind::invalid, "the SUBMIT cannot be taken", std::move(why),
           "use a client that keeps to the protocol"}};
}

Refusal too_large(std::string_view what, std::size_t bytes, std::size_t max) {
  return {proto::Code::too_large,
          {ErrorKind::invalid, std::string(what) + " are too large",
           std::to_string(bytes) + " octets, the limit is " + std::to_string(max),
           "send less, or a reference to the data"}};
}

}  // namespace

std::optional<Error> check_callback_address(std::string_view address, bool loopback_only) {
  constexpr std::string_view tcp = "tcp://";
  constexpr std::string_view ipc = "ipc://@";
  if (address.starts_with(ipc) && is_ipc_name(address.substr(ipc.size()))) return std::nullopt;
  std::optional<Scope> scope;
  if (address.starts_with(tcp)) scope = tcp_scope(address.substr(tcp.size()));
  if (!scope) {
    return refused(address, "it is neither tcp://<numeric address>:<port> nor ipc://@<name>",
                   "give it like tcp://127.0.0.1:6000 or tcp://[::1]:6000");
  }
  if (*scope == Scope::never) {
    return refused(address, "nobody can listen there: it is no address of a single reachable host",
                   "give the address that the listener is bound to");
  }
  if (*scope == Scope::beyond && loopback_only) {
    return refused(address, "it is beyond this host and this worker calls back on loopback only",
                   "let the listener bind a loopback address, or open the worker to the network");
  }
  return std::nullopt;
}

namespace {

std::optional<Refusal> check_terms(const proto::Terms& terms) {
  if (terms.jitter_percent > 100) return malformed("its jitter is above 100 percent");
  if (terms.key.size() > limits::key_bytes) {
    return too_large("the octets of the key", terms.key.size(), limits::key_bytes);
  }
  if (terms.headers.size() > limits::headers_max) {
    return too_large("the headers", terms.headers.size(), limits::headers_max);
  }
  std::size_t bytes = 0;
  for (const Header& header : terms.headers) {
    if (header.name.empty()) return malformed("one of its headers has no name");
    bytes += header.name.size() + header.value.size();
  }
  if (bytes > limits::headers_bytes) return too_large("the headers", bytes, limits::headers_bytes);
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> check_submit(const proto::Submit& submit, const NodeConfig& config) {
  if (submit.seq == 0) return malformed("its seq is 0; numbers start at 1");
  if ((submit.id.bytes[6] >> 4) != 1) return malformed("its task id is not of version 1");
  if (submit.name.empty()) return malformed("it names no task");
  if (submit.name.size() > limits::name_bytes) {
    return too_large("the octets of the task name", submit.name.size(), limits::name_bytes);
  }
  if (submit.priority > Priority::low) return malformed("its priority is none of 0 to 3");
  if (submit.codec > Codec::json) return malformed("the codec of its arguments is unknown");
  if (submit.reply_codec != Codec::cereal && submit.reply_codec != Codec::json) {
    return malformed("it asks for a result in neither cereal nor JSON");
  }
  if (submit.args.size() > config.payload_max) {
    return too_large("the arguments", submit.args.size(), config.payload_max);
  }
  if (submit.callback_data.size() > limits::callback_data_bytes) {
    return too_large("the callback data", submit.callback_data.size(), limits::callback_data_bytes);
  }
  if (submit.terms.has_value()) {
    if (auto refusal = check_terms(*submit.terms)) return refusal;
  }
  if (submit.callback_address.empty()) return std::nullopt;
  if (submit.callback_address.size() > limits::address_bytes) {
    return too_large("the octets of the callback address", submit.callback_address.size(),
                     limits::address_bytes);
  }
  if (auto error = check_callback_address(submit.callback_address, config.loopback_only)) {
    return Refusal{proto::Code::callback_refused, std::move(*error)};
  }
  return std::nullopt;
}

}  // namespace taskmesh::core
