// WebhookPolicy: where a webhook may be sent, so that a mesh is no way into its own network.
// Spec: proto/06-webhooks.md section 6.
//
// Judged are numbers, never names: each address and port that a connection is about to be made to, at each attempt. What is
// not plainly allowed is refused. Pure; threads: any (it is not changed after it was made). Errors: invalid (an entry).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/core/mesh/numeric_address.hpp"

namespace taskmesh::core {

/// What an address is, as far as it matters here.
enum class NetKind : std::uint8_t {
  outside,   ///< Public unicast.
  loopback,  ///< This host.
  inside,    ///< Private networks, shared and unique local ones.
  special,   ///< Unspecified, link-local (metadata services live there), multicast, reserved, documentation.
};

/// IPv4 inside IPv6 (mapped, NAT64, 6to4) is judged as the IPv4 address that it leads to.
NetKind kind_of(const IpOctets& address);

/// Both belong to it. 0 and 0: the ports that nothing was said about, which are 80, 443 and all from 1024 on. The others
/// below 1024 are those of mail, shells and name servers, that must not hear from a mesh unless somebody says so.
struct PortRange {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  bool has(std::uint16_t port) const;
};

class WebhookPolicy {
 public:
  enum class Verdict : std::uint8_t { allowed, network_refused, port_refused };

  /// Nothing but this host.
  WebhookPolicy() = default;
  /// `entries`: "public" (all of the outside), "loopback" (this host), CIDRs, host names; each may be followed by :PORT or
  /// :FIRST-LAST. Open: the mesh itself is open to the network, so the outside is allowed, and this host is not; otherwise
  /// the other way round. An entry for one of these two takes the place of what holds without it: so its ports can be
  /// fewer.
  static Result<WebhookPolicy> make(const std::vector<std::string>& entries, bool open);

  /// May `host`, as it stands in the URL, be called at this address and port? If not, whether another port might be.
  Verdict judge(const IpOctets& address, std::uint16_t port, std::string_view host) const;
  bool allows(const IpOctets& address, std::uint16_t port, std::string_view host) const {
    return judge(address, port, host) == Verdict::allowed;
  }

 private:
  /// What one entry stands for.
  struct Rule {
    enum class Kind : std::uint8_t { loopback, outside, net, host };
    Kind kind = Kind::loopback;
    PortRange ports{};
    IpOctets net{};
    int bits = 0;
    std::string host{};
  };
  static Result<Rule> parse(const std::string& entry);
  static bool covers(const Rule& rule, const IpOctets& address, std::string_view host);

  std::vector<Rule> rules_{Rule{}};
};

/// What can be said about a webhook's address without a resolver: its form, and whether a number
/// in it, with its port, is allowed.
Result<void> check_webhook_address(std::string_view address, const WebhookPolicy& policy);

}  // namespace taskmesh::core
