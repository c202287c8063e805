// WebhookPolicy: where a webhook may be sent, so that a mesh is no way into its own network.
// Spec: proto/06-webhooks.md section 6.
//
// Judged are numbers, never names: each address that a connection is about to be made to, at each attempt. What is not
// plainly allowed is refused. Pure; threads: any (it is not changed after it was made). Errors: invalid (an entry).
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

class WebhookPolicy {
 public:
  /// Nothing but this host.
  WebhookPolicy() = default;
  /// `entries`: "public" (all of the outside), CIDRs, host names. Open: the mesh itself is open to the network, so
  /// the outside is allowed; and this host is not.
  static Result<WebhookPolicy> make(const std::vector<std::string>& entries, bool open);

  /// May `host`, as it stands in the URL, be called at this address?
  bool allows(const IpOctets& address, std::string_view host) const;

 private:
  struct Net {
    IpOctets address{};
    int bits = 0;
  };
  bool loopback_ = true;
  bool outside_ = false;
  std::vector<Net> nets_;
  std::vector<std::string> hosts_;
};

/// What can be said about a webhook's address without a resolver: its form, and whether a number in it is allowed.
Result<void> check_webhook_address(std::string_view address, const WebhookPolicy& policy);

}  // namespace taskmesh::core
