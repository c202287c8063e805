// Addresses: what may be bound, dialled, called back and published. Readers of the same text agree, and nothing
// that passes as loopback leads elsewhere.
//
// Input: the address. No name is resolved: a text that needs that is only looked at.
#include <cstdint>
#include <string_view>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/http_url.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/core/tasks/submit_check.hpp"
#include "taskmesh/io/address.hpp"

namespace {

using namespace taskmesh;

void check_bind(std::string_view text) {
  for (const bool insecure : {false, true}) {
    const auto address = io::bind_address(text, insecure);
    if (!address) {
      TASKMESH_CHECK(!address.error().what.empty());
      continue;
    }
    TASKMESH_CHECK(address->host.empty() != address->ipc_name.empty());
    TASKMESH_CHECK(address->port_first <= address->port_last);
    const auto endpoint = address->endpoint(address->port_last);
    if (!insecure) TASKMESH_CHECK(io::is_loopback(endpoint));
    if (!address->wildcard()) TASKMESH_CHECK(io::is_numeric_endpoint(endpoint));
  }
}

void check_dial(std::string_view text) {
  for (const bool loopback_only : {false, true}) {
    if (const auto endpoints = io::dial_addresses(text, loopback_only)) {
      TASKMESH_CHECK(io::check_dial_syntax(text).has_value() && !endpoints->empty());
      for (const auto& endpoint : *endpoints) {
        TASKMESH_CHECK(io::is_numeric_endpoint(endpoint));
        if (loopback_only) TASKMESH_CHECK(io::is_loopback(endpoint));
      }
    }
    if (is_http_address(text)) continue;  // Of those the target `webhook` knows more.
    if (const auto endpoint = io::callback_address(text, loopback_only)) {
      TASKMESH_CHECK(io::is_numeric_endpoint(*endpoint));
      // The worker looks again, by rules of its own, at what the client has resolved. It knows no zones.
      const bool zone = endpoint->find('%') != std::string::npos;
      if (loopback_only && !zone) TASKMESH_CHECK(!core::check_callback_address(*endpoint, true));
    }
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  static_cast<void>(io::check_dial_syntax(text));
  if (!core::check_callback_address(text, true)) TASKMESH_CHECK(io::is_loopback(text));
  if (!core::check_callback_address(text, false)) TASKMESH_CHECK(io::is_numeric_endpoint(text));
  if (io::is_loopback(text)) TASKMESH_CHECK(io::is_numeric_endpoint(text));
  if (io::needs_resolver(text)) return 0;
  check_bind(text);
  check_dial(text);
  return 0;
}
