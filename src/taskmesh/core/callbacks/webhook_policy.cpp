#include "taskmesh/core/callbacks/webhook_policy.hpp"

#include <algorithm>
#include <array>
#include <charconv>
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
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + entry.substr(0, 100) + "' cannot be allowed for webhooks",
               .why = std::move(why),
               .fix = "write public, a network like 10.1.0.0/16, or a host name like hooks.example.org"});
}

bool is_host(const std::string& entry) {
  const auto url = parse_http_url("http://" + entry + "/");
  return url && url->target == "/" && url->host == entry && url->port == 80;
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

Result<WebhookPolicy> WebhookPolicy::make(const std::vector<std::string>& entries, bool open) {
  WebhookPolicy policy;
  policy.loopback_ = !open;
  policy.outside_ = open;
  for (const std::string& entry : entries) {
    const std::size_t slash = entry.find('/');
    if (entry == "public") {
      policy.outside_ = true;
    } else if (const auto address = parse_ip(std::string_view(entry).substr(0, slash))) {
      const bool v4 = entry.find(':') == std::string::npos;
      int bits = v4 ? 32 : 128;
      if (slash != std::string::npos) {
        const auto [end, error] =
            std::from_chars(entry.data() + slash + 1, entry.data() + entry.size(), bits);
        if (error != std::errc{} || end != entry.data() + entry.size() || bits < 0 ||
            bits > (v4 ? 32 : 128)) {
          return bad_entry(entry, "behind the slash stands no number of bits");
        }
      }
      policy.nets_.push_back({*address, bits + (v4 ? v4_bits : 0)});
    } else if (is_host(entry)) {
      policy.hosts_.push_back(entry);
    } else {
      return bad_entry(entry, "it is neither public nor a network nor a host name in small letters");
    }
  }
  return policy;
}

bool WebhookPolicy::allows(const IpOctets& address, std::string_view host) const {
  if (std::ranges::any_of(nets_, [&](const Net& net) { return within(address, net.address, net.bits); })) {
    return true;
  }
  switch (kind_of(address)) {
    case NetKind::loopback:
      return loopback_;
    case NetKind::outside:
      return outside_ || std::ranges::find(hosts_, host) != hosts_.end();
    case NetKind::inside:  // Who names a host trusts its name server that far.
      return std::ranges::find(hosts_, host) != hosts_.end();
    case NetKind::special:
      break;
  }
  return false;
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
  if (!number || policy.allows(*number, url->host)) return {};
  return fail({.kind = ErrorKind::refused,
               .what = "webhook address '" + url->origin() + "' is refused",
               .why = "this worker may not call that network",
               .fix = "allow it where the worker is configured (webhook_allow), or use a public address"});
}

}  // namespace taskmesh::core
