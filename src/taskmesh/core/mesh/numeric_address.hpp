// NumericAddress: how far does an address reach that a peer has told us?
//
// Text only: nothing is resolved and nothing is dialled, so a peer cannot make us ask a resolver. Read are
// tcp://<IPv4>:<port>, tcp://[<IPv6>]:<port> and ipc://@<name>. Threads: any, no state.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string_view>

namespace taskmesh::core {

enum class Reach : std::uint8_t {
  loopback,  ///< This machine only.
  beyond,    ///< A host elsewhere.
  never,     ///< Unspecified, multicast, broadcast or link-local: nobody can be dialled there.
};

/// nullopt: not an address of one of those forms.
std::optional<Reach> reach_of_address(std::string_view address);

/// 16 octets in network order; IPv4 as ::ffff:a.b.c.d.
using IpOctets = std::array<std::uint8_t, 16>;

/// A numeric IPv4 or IPv6 address, without brackets and zone. nullopt: it is none.
std::optional<IpOctets> parse_ip(std::string_view text);

}  // namespace taskmesh::core
