#include "taskmesh/io/address.hpp"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cstring>
#include <fstream>
#include <memory>
#include <optional>

#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::io {

namespace {

constexpr std::string_view examples = "write for example tcp://127.0.0.1:6000 or ipc://@name";
constexpr std::uint16_t ephemeral_first = 32'768;  // Linux's own default.
constexpr std::size_t ipc_name_bytes = 107;  // With its @, which is a zero octet in sun_path: that holds 108.

/// An address taken apart, its name not resolved yet.
struct Parts {
  std::string ipc_name;
  std::string host;  // Without brackets; "*" for all interfaces.
  bool bracketed = false;
  std::string port;
};

std::string quoted(std::string_view text) {
  std::string out = "'";
  for (const char c : text.substr(0, 128)) out += (c >= 0x20 && c < 0x7F) ? c : '?';
  return out + "'";
}

tl::unexpected<Error> invalid(std::string_view text, std::string why, std::string_view fix = examples) {
  return fail({ErrorKind::invalid, quoted(text) + " is not an address taskmesh can use", std::move(why),
               std::string(fix)});
}

bool printable(std::string_view text) {
  return std::all_of(text.begin(), text.end(), [](char c) { return c > 0x20 && c < 0x7F; });
}

Result<Parts> parse_ipc(std::string_view text, std::string_view rest) {
  if (!rest.starts_with('@')) {
    return invalid(text, "ipc addresses are abstract names; a path can be taken over by another process",
                   "write ipc://@name");
  }
  if (rest.size() < 2 || rest.size() > ipc_name_bytes) {
    return invalid(text, "an ipc name has 1 to " + std::to_string(ipc_name_bytes - 1) + " characters");
  }
  return Parts{.ipc_name = std::string(rest)};
}

Result<Parts> parse_tcp(std::string_view text, std::string_view rest) {
  Parts parts;
  std::size_t host_end = 0;
  if (rest.starts_with('[')) {
    host_end = rest.find(']');
    if (host_end == std::string_view::npos)
      return invalid(text, "the bracket of the IPv6 address is not closed");
    parts.bracketed = true;
    parts.host = rest.substr(1, host_end - 1);
    ++host_end;
  } else {
    host_end = std::min(rest.find(':'), rest.size());
    parts.host = rest.substr(0, host_end);
    if (rest.find(':') != rest.rfind(':')) {
      return invalid(text, "an IPv6 address stands in brackets", "write for example tcp://[::1]:6000");
    }
  }
  if (parts.host.empty()) return invalid(text, "the host is missing");
  if (rest.size() <= host_end + 1 || rest[host_end] != ':') return invalid(text, "the port is missing");
  parts.port = rest.substr(host_end + 1);
  return parts;
}

Result<Parts> parse(std::string_view text) {
  if (text.empty()) return invalid(text, "it is empty");
  if (text.size() > limits::address_bytes) {
    return invalid(text, "it is longer than " + std::to_string(limits::address_bytes) + " bytes");
  }
  if (!printable(text)) return invalid(text, "it contains blanks or characters outside ASCII");
  if (text.starts_with("tcp://")) return parse_tcp(text, text.substr(6));
  if (text.starts_with("ipc://")) return parse_ipc(text, text.substr(6));
  if (text.starts_with("http://") || text.starts_with("https://")) {
    return invalid(text, "nothing is bound or dialled there: HTTP is for callbacks alone");
  }
  return invalid(text, "it starts with neither tcp:// nor ipc://");
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

struct AddressInfoDeleter {
  void operator()(addrinfo* list) const { ::freeaddrinfo(list); }
};
using AddressInfo = std::unique_ptr<addrinfo, AddressInfoDeleter>;

/// One resolved address: how it is written, and how far it reaches.
struct Resolved {
  std::string host;  // IPv6 in brackets.
  bool loopback = false;
  bool unspecified = false;
};

bool in_loopback_net(std::uint32_t network_order) { return (ntohl(network_order) >> 24) == 127; }

Resolved describe_v4(const in_addr& address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET, &address, text.data(), text.size());
  return {text.data(), in_loopback_net(address.s_addr), address.s_addr == htonl(INADDR_ANY)};
}

Resolved describe(const sockaddr* any) {
  if (any->sa_family == AF_INET) {
    sockaddr_in v4{};
    std::memcpy(&v4, any, sizeof v4);
    return describe_v4(v4.sin_addr);
  }
  sockaddr_in6 v6{};
  std::memcpy(&v6, any, sizeof v6);
  if (IN6_IS_ADDR_V4MAPPED(&v6.sin6_addr)) {  // Judged, and written, as what it is.
    in_addr v4{};
    std::memcpy(&v4, v6.sin6_addr.s6_addr + 12, sizeof v4);
    return describe_v4(v4);
  }
  std::array<char, INET6_ADDRSTRLEN> text{};
  ::inet_ntop(AF_INET6, &v6.sin6_addr, text.data(), text.size());
  std::string host = text.data();
  std::array<char, IF_NAMESIZE> zone{};
  // A zone means something for link-local addresses only; others are not understood with one.
  const bool zoned = v6.sin6_scope_id != 0 && IN6_IS_ADDR_LINKLOCAL(&v6.sin6_addr);
  if (zoned && ::if_indextoname(v6.sin6_scope_id, zone.data()) != nullptr) {
    host += "%" + std::string(zone.data());
  }
  return {"[" + host + "]", IN6_IS_ADDR_LOOPBACK(&v6.sin6_addr) != 0,
          IN6_IS_ADDR_UNSPECIFIED(&v6.sin6_addr) != 0};
}

/// All addresses of `host`; `numeric`: never asks a resolver.
Result<std::vector<Resolved>> resolve(std::string_view text, const Parts& parts, bool numeric) {
  if (parts.host == "localhost" && !parts.bracketed) return std::vector<Resolved>{{"127.0.0.1", true, false}};
  addrinfo hints{};
  hints.ai_family = parts.bracketed ? AF_INET6 : AF_UNSPEC;
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = (numeric || parts.bracketed) ? AI_NUMERICHOST : 0;
  addrinfo* raw = nullptr;
  const int rc = ::getaddrinfo(parts.host.c_str(), nullptr, &hints, &raw);
  const AddressInfo list(raw);
  if (rc != 0 && parts.bracketed) return invalid(text, "there is no IPv6 address in the brackets");
  if (rc != 0) {
    return fail({ErrorKind::unavailable, "the host of " + quoted(text) + " cannot be resolved",
                 ::gai_strerror(rc), "check the name, or write the numeric address"});
  }
  std::vector<Resolved> all;
  for (const addrinfo* at = list.get(); at != nullptr; at = at->ai_next) {
    if (at->ai_family != AF_INET && at->ai_family != AF_INET6) continue;
    Resolved found = describe(at->ai_addr);
    const auto same = [&](const Resolved& known) { return known.host == found.host; };
    if (std::none_of(all.begin(), all.end(), same)) all.push_back(std::move(found));
  }
  if (all.empty()) return invalid(text, "the host has no IPv4 or IPv6 address");
  return all;
}

/// The range that the kernel takes outgoing ports from: a peer that keeps dialling a dead port in there can
/// end up connected to itself.
std::uint16_t ephemeral_port_first() {
  std::ifstream file("/proc/sys/net/ipv4/ip_local_port_range");
  std::uint32_t first = 0;
  return (file >> first) && first <= 0xFFFF ? static_cast<std::uint16_t>(first) : ephemeral_first;
}

std::uint16_t last_own_port() {
  const std::uint16_t ephemeral = ephemeral_port_first();
  return static_cast<std::uint16_t>((ephemeral > first_port ? ephemeral : ephemeral_first) - 1);
}

Result<Resolved> resolve_to_bind(std::string_view text, const Parts& parts, bool insecure) {
  std::vector<Resolved> all{{"0.0.0.0", false, true}};
  if (parts.host != "*") {
    auto resolved = resolve(text, parts, false);
    if (!resolved) return fail(std::move(resolved.error()));
    all = std::move(*resolved);
  }
  const auto beyond = std::find_if(all.begin(), all.end(), [](const Resolved& a) { return !a.loopback; });
  if (beyond != all.end() && !insecure) {
    return fail(
        {ErrorKind::refused, quoted(text) + " was not bound",
         beyond->host + " is reachable from other machines, and connections are neither encrypted nor proven",
         "bind tcp://127.0.0.1:*, or say --insecure (option insecure) in a network you trust"});
  }
  return all.front();
}

}  // namespace

std::string BindAddress::endpoint(std::uint16_t port) const {
  return ipc_name.empty() ? "tcp://" + host + ":" + std::to_string(port) : "ipc://" + ipc_name;
}

Result<BindAddress> bind_address(std::string_view text, bool insecure) {
  const auto parts = parse(text);
  if (!parts) return fail(parts.error());
  if (!parts->ipc_name.empty()) return BindAddress{.ipc_name = parts->ipc_name};
  BindAddress address;
  if (parts->port == "*") {
    address.port_first = first_port;
    address.port_last = last_own_port();
  } else if (const auto port = parse_port(parts->port)) {
    address.port_first = address.port_last = *port;
  } else {
    return invalid(text, "the port is neither 1 to 65535 nor *");
  }
  auto host = resolve_to_bind(text, *parts, insecure);
  if (!host) return fail(std::move(host.error()));
  address.host = std::move(host->host);
  return address;
}

Result<void> check_dial_syntax(std::string_view text) {
  const auto parts = parse(text);
  if (!parts) return fail(parts.error());
  if (!parts->ipc_name.empty()) return {};
  if (!parse_port(parts->port)) return invalid(text, "the port is not a number from 1 to 65535");
  if (parts->host == "*") return invalid(text, "nobody can be dialled at '*'");
  return {};
}

bool needs_resolver(std::string_view text) {
  const auto parts = parse(text);
  return parts && parts->ipc_name.empty() && !parts->bracketed && !resolve(text, *parts, true);
}

Result<std::vector<std::string>> dial_addresses(std::string_view text, bool loopback_only) {
  if (auto checked = check_dial_syntax(text); !checked) return fail(std::move(checked.error()));
  const auto parts = parse(text);
  if (!parts->ipc_name.empty()) return std::vector<std::string>{"ipc://" + parts->ipc_name};
  const auto port = parse_port(parts->port);
  const auto all = resolve(text, *parts, false);
  if (!all) return fail(all.error());
  std::vector<std::string> endpoints;
  for (const Resolved& address : *all) {
    if (address.unspecified)
      return invalid(text, address.host + " means 'all interfaces', which cannot be dialled");
    if (loopback_only && !address.loopback) {
      return fail(
          {ErrorKind::refused, quoted(text) + " is not allowed",
           address.host + " is another machine, and this node talks to its own machine only",
           "use an address on 127.0.0.1, or say --insecure (option insecure) in a network you trust"});
    }
    endpoints.push_back("tcp://" + address.host + ":" + std::to_string(*port));
  }
  return endpoints;
}

Result<std::string> callback_address(std::string_view text, bool loopback_only) {
  if (is_http_address(text)) {  // Resolved, and judged, by whoever posts, each time anew.
    const auto url = parse_http_url(text);
    if (!url) return fail(url.error());
    return url->text();
  }
  auto endpoints = dial_addresses(text, loopback_only);
  if (!endpoints) return fail(std::move(endpoints.error()));
  return std::move(endpoints->front());
}

bool is_numeric_endpoint(std::string_view endpoint) {
  const auto parts = parse(endpoint);
  if (!parts) return false;
  if (!parts->ipc_name.empty()) return true;
  return parse_port(parts->port).has_value() && parts->host != "localhost" &&
         resolve(endpoint, *parts, true).has_value();
}

bool is_loopback(std::string_view endpoint) {
  const auto parts = parse(endpoint);
  if (!parts) return false;
  if (!parts->ipc_name.empty()) return true;
  if (!is_numeric_endpoint(endpoint)) return false;
  const auto all = resolve(endpoint, *parts, true);
  return all && all->front().loopback;
}

std::vector<std::string> reachable_endpoints(const BindAddress& bound, std::uint16_t port) {
  if (!bound.wildcard()) return {bound.endpoint(port)};
  ifaddrs* raw = nullptr;
  if (::getifaddrs(&raw) != 0) return {"tcp://127.0.0.1:" + std::to_string(port)};
  const std::unique_ptr<ifaddrs, void (*)(ifaddrs*)> list(raw, &::freeifaddrs);
  std::vector<std::string> endpoints;
  for (const ifaddrs* at = list.get(); at != nullptr; at = at->ifa_next) {
    if (at->ifa_addr == nullptr || at->ifa_addr->sa_family != AF_INET || (at->ifa_flags & IFF_UP) == 0)
      continue;
    const Resolved address = describe(at->ifa_addr);
    if (!address.loopback) endpoints.push_back("tcp://" + address.host + ":" + std::to_string(port));
  }
  if (endpoints.empty()) endpoints.push_back("tcp://127.0.0.1:" + std::to_string(port));
  return endpoints;
}

}  // namespace taskmesh::io
