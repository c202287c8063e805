#include "taskmesh/core/callbacks/webhook_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>
#include <utility>

namespace taskmesh::core {

namespace {

constexpr int v4_bits = 96;  // In front of an IPv4 address that is written as ::ffff:a.b.c.d

bool within(const IpOctets& address, const IpOctets& net, int bits) {
  for (std::size_t i = 0; i < address.size() && bits > 0; ++i, bits -= 8) {
    const auto mask = static_cast<std::uint8_t>(bits >= 8 ? 0xFF : 0xFF << (8 - bits));
    if ((address[i] & mask) != (net[i] & mask)) return false;
  }
  return true;
}

struct Range {
  std::string_view net;
  int bits;
  NetKind kind;
};

// The registries of special-purpose addresses (RFC 6890 and its updates). The first that fits counts.
constexpr std::array<Range, 17> v4_ranges{{{"0.0.0.0", 8, NetKind::special},
                                           {"10.0.0.0", 8, NetKind::inside},
                                           {"100.64.0.0", 10, NetKind::inside},
                                           {"127.0.0.0", 8, NetKind::loopback},
                                           {"169.254.0.0", 16, NetKind::special},
                                           {"172.16.0.0", 12, NetKind::inside},
                                           {"192.0.0.0", 24, NetKind::special},
                                           {"192.0.2.0", 24, NetKind::special},
                                           {"192.31.196.0", 24, NetKind::special},
                                           {"192.52.193.0", 24, NetKind::special},
                                           {"192.88.99.0", 24, NetKind::special},
                                           {"192.168.0.0", 16, NetKind::inside},
                                           {"192.175.48.0", 24, NetKind::special},
                                           {"198.18.0.0", 15, NetKind::inside},
                                           {"198.51.100.0", 24, NetKind::special},
                                           {"203.0.113.0", 24, NetKind::special},
                                           {"224.0.0.0", 3, NetKind::special}}};

constexpr std::array<Range, 6> v6_ranges{{{"::1", 128, NetKind::loopback},
                                          {"fc00::", 7, NetKind::inside},
                                          {"2001::", 23, NetKind::special},
                                          {"2001:db8::", 32, NetKind::special},
                                          {"3fff::", 20, NetKind::special},
                                          {"2000::", 3, NetKind::outside}}};

NetKind kind_of_v4(const IpOctets& address) {
  for (const Range& range : v4_ranges) {
    if (within(address, *parse_ip(range.net), v4_bits + range.bits)) return range.kind;
  }
  return NetKind::outside;
}

IpOctets mapped(const IpOctets& address, std::size_t at) {
  IpOctets v4{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
  std::copy_n(address.begin() + static_cast<std::ptrdiff_t>(at), 4, v4.begin() + 12);
  return v4;
}

tl::unexpected<Error> bad_entry(const std::string& entry, std::string why) {
  return fail(
      {.kind = ErrorKind::invalid,
       .what = "'" + entry.substr(0, 100) + "' cannot be allowed for webhooks",
       .why = std::move(why),
       .fix =
           "write public, loopback, a network like 10.1.0.0/16 or [fd00::]/8, or a host name like "
           "hooks.example.org; behind it, where only these are meant, a port or ports: :8443, :8000-8099"});
}

bool is_host(const std::string& entry) {
  const auto url = parse_http_url("http://" + entry + "/");
  return url && url->target == "/" && url->host == entry && url->port == 80;
}

/// The whole text is one number from `least` to `most`.
std::optional<int> number_in(std::string_view text, int least, int most) {
  int number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return number >= least && number <= most ? std::optional(number) : std::nullopt;
}

std::optional<PortRange> ports_in(std::string_view text) {
  const std::size_t dash = text.find('-');
  const auto first = number_in(text.substr(0, dash), 1, 65'535);
  const auto last = dash == std::string_view::npos ? first : number_in(text.substr(dash + 1), 1, 65'535);
  if (!first || !last || *last < *first) return std::nullopt;
  return PortRange{static_cast<std::uint16_t>(*first), static_cast<std::uint16_t>(*last)};
}

/// An entry in its two parts. Colons inside an IPv6 address begin no ports: such a one with ports stands in brackets,
/// [fd00::]/8:443 or [fd00::/8]:443.
struct Parts {
  std::string where;
  std::optional<std::string> ports;
};
Parts parts_of(const std::string& entry) {
  std::string where = entry;
  std::optional<std::string> ports;
  const std::size_t close = entry.find(']');
  const std::size_t colon = entry.rfind(':');
  const bool bracketed = entry.starts_with('[') && close != std::string::npos;
  if (colon != std::string::npos && (bracketed ? colon > close : entry.find(':') == colon)) {
    where = entry.substr(0, colon);
    ports = entry.substr(colon + 1);
  }
  if (bracketed && where.find(':') < close) {  // Only IPv6 stands in brackets.
    where.erase(close, 1);
    where.erase(0, 1);
  }
  return {std::move(where), std::move(ports)};
}

}  // namespace

NetKind kind_of(const IpOctets& address) {
  if (within(address, *parse_ip("::ffff:0.0.0.0"), 96)) return kind_of_v4(address);
  if (within(address, *parse_ip("64:ff9b::"), 96)) return kind_of_v4(mapped(address, 12));
  if (within(address, *parse_ip("2002::"), 16)) return kind_of_v4(mapped(address, 2));
  for (const Range& range : v6_ranges) {
    if (within(address, *parse_ip(range.net), range.bits)) return range.kind;
  }
  return NetKind::special;  // Nothing outside 2000::/3 is public.
}

bool PortRange::has(std::uint16_t port) const {
  if (first == 0) return port == 80 || port == 443 || port >= 1024;
  return port >= first && port <= last;
}

Result<WebhookPolicy::Rule> WebhookPolicy::parse(const std::string& entry) {
  const auto [where, ports] = parts_of(entry);
  Rule rule;
  if (ports) {
    const auto range = ports_in(*ports);
    if (!range) {
      return bad_entry(entry,
                       "behind the last colon stands neither a port from 1 to 65535 nor two like 8000-8099");
    }
    rule.ports = *range;
  }
  const std::size_t slash = where.find('/');
  if (where == "public" || where == "loopback") {
    rule.kind = where == "public" ? Rule::Kind::outside : Rule::Kind::loopback;
  } else if (const auto address = parse_ip(std::string_view(where).substr(0, slash))) {
    const bool v4 = where.find(':') == std::string::npos;
    const int most = v4 ? 32 : 128;
    const auto bits =
        slash == std::string::npos ? most : number_in(std::string_view(where).substr(slash + 1), 0, most);
    if (!bits) return bad_entry(entry, "behind the slash stands no number of bits");
    rule.kind = Rule::Kind::net;
    rule.net = *address;
    rule.bits = *bits + (v4 ? v4_bits : 0);
  } else if (is_host(where)) {
    rule.kind = Rule::Kind::host;
    rule.host = where;
  } else {
    return bad_entry(entry,
                     "it is neither public nor loopback nor a network nor a host name in small letters");
  }
  return rule;
}

Result<WebhookPolicy> WebhookPolicy::make(const std::vector<std::string>& entries, bool open) {
  WebhookPolicy policy;
  policy.rules_.clear();
  const auto own = open ? Rule::Kind::outside : Rule::Kind::loopback;
  for (const std::string& entry : entries) {
    auto rule = parse(entry);
    if (!rule) return fail(std::move(rule.error()));
    policy.rules_.push_back(std::move(*rule));
  }
  const auto is_own = [&](const Rule& rule) { return rule.kind == own; };
  if (std::ranges::none_of(policy.rules_, is_own)) policy.rules_.push_back({.kind = own});
  return policy;
}

/// Whatever the port is.
bool WebhookPolicy::covers(const Rule& rule, const IpOctets& address, std::string_view host) {
  const NetKind kind = kind_of(address);
  switch (rule.kind) {
    case Rule::Kind::loopback:
      return kind == NetKind::loopback;
    case Rule::Kind::outside:
      return kind == NetKind::outside;
    case Rule::Kind::net:
      return within(address, rule.net, rule.bits);
    case Rule::Kind::host:  // Who names a host trusts its name server so far, and no further.
      return rule.host == host && (kind == NetKind::outside || kind == NetKind::inside);
  }
  return false;
}

WebhookPolicy::Verdict WebhookPolicy::judge(const IpOctets& address, std::uint16_t port,
                                            std::string_view host) const {
  Verdict verdict = Verdict::network_refused;
  for (const Rule& rule : rules_) {
    if (!covers(rule, address, host)) continue;
    if (rule.ports.has(port)) return Verdict::allowed;
    verdict = Verdict::port_refused;
  }
  return verdict;
}

Result<void> check_webhook_address(std::string_view address, const WebhookPolicy& policy) {
  const auto url = parse_http_url(address);
  if (!url) return fail(url.error());
  const auto number = parse_ip(url->host);
  if (url->ipv6 && !number) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "'" + url->origin() + "' is not a webhook address",
                 .why = "there is no IPv6 address in the brackets",
                 .fix = "write for example https://[2001:db8::1]:8443/hook"});
  }
  if (!number) return {};
  const auto verdict = policy.judge(*number, url->port, url->host);
  if (verdict == WebhookPolicy::Verdict::allowed) return {};
  const bool port = verdict == WebhookPolicy::Verdict::port_refused;
  return fail(
      {.kind = ErrorKind::refused,
       .what = "webhook address '" + url->origin() + "' is refused",
       .why = port ? "this worker may not call port " + std::to_string(url->port) + " of that network"
                   : "this worker may not call that network",
       .fix = port ? "allow it where the worker is configured (webhook_allow, with :" +
                         std::to_string(url->port) + " behind the network), or use a port that is allowed"
                   : "allow it where the worker is configured (webhook_allow), or use a public address"});
}

}  // namespace taskmesh::core
