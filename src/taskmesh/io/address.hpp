// Addresses: what may be bound, dialled and called back, and the numeric form in which it travels.
//
//   tcp://HOST:PORT   HOST is a name, an IPv4 address or an IPv6 address in brackets
//   tcp://HOST:*      for binding: a free port of ours, below the range that the kernel hands out by itself
//   tcp://*:PORT      for binding: all interfaces
//   ipc://@NAME       an abstract local socket; paths are refused, a second bind would silently take them
//   over
//
// Names are resolved here, never by libzmq. `localhost` is 127.0.0.1 without asking anybody; any other name
// goes through getaddrinfo, which may block: not for the reactor thread. All answers must pass the policy.
// Threads: any. Errors: invalid (cannot be an address), refused (an address, but not allowed here),
// unavailable (the name cannot be resolved now).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"

namespace taskmesh::io {

/// First port that taskmesh binds by itself.
inline constexpr std::uint16_t first_port = 24'800;

/// Where a socket may be bound, in order of preference.
struct BindAddress {
  std::string host;      ///< Numeric, IPv6 in brackets; empty for ipc.
  std::string ipc_name;  ///< With its '@'; empty for tcp.
  std::uint16_t port_first = 0;
  std::uint16_t port_last = 0;  ///< Above port_first: try each until one is free.

  bool ipv6() const { return host.starts_with('['); }
  bool wildcard() const { return host == "0.0.0.0" || host == "[::]"; }
  std::string endpoint(std::uint16_t port) const;
};

/// Reads an address to bind. Beyond loopback it is refused unless `insecure`.
Result<BindAddress> bind_address(std::string_view text, bool insecure);

/// Reads an address to dial (a seed) as its numeric endpoints, in the resolver's order.
Result<std::vector<std::string>> dial_addresses(std::string_view text, bool loopback_only);

/// What can be said about an address to dial without resolving its host. Error: invalid.
Result<void> check_dial_syntax(std::string_view text);

/// True if the host of `text` is a name that only a resolver knows: dial_addresses may block.
bool needs_resolver(std::string_view text);

/// Reads a callback address as its numeric endpoint; one of HTTP as its URL, written in one way.
Result<std::string> callback_address(std::string_view text, bool loopback_only);

/// True if `endpoint` is numeric tcp with a port, or ipc: what other nodes may publish. Never asks a
/// resolver.
bool is_numeric_endpoint(std::string_view endpoint);

/// True if `endpoint` is numeric and reaches this machine only.
bool is_loopback(std::string_view endpoint);

/// What others should dial to reach a socket bound at `host`: the endpoint itself, or for all interfaces one
/// per address of this machine (loopback only where there is no other).
std::vector<std::string> reachable_endpoints(const BindAddress& bound, std::uint16_t port);

}  // namespace taskmesh::io
