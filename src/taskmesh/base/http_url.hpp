// HttpUrl: the address of a webhook, taken apart and written in one way.  Spec: proto/06-webhooks.md section 4.
//
// Strict: what other readers understand in more than one way is refused, so that nobody is checked as one host and
// called as another. Nothing is resolved. Pure; threads: any. Errors: invalid.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

struct HttpUrl {
  bool tls = false;
  std::string host;  ///< Lower-case; IPv6 without brackets.
  bool ipv6 = false;
  std::uint16_t port = 0;
  std::string target;  ///< Path and query; at least "/".

  /// "https://host:port", the port only where it is not the scheme's own.
  std::string origin() const;
  std::string text() const { return origin() + target; }
};

/// True if the text begins like an address for HTTP; parse_http_url says whether it is one.
inline bool is_http_address(std::string_view text) {
  return text.starts_with("http://") || text.starts_with("https://");
}

Result<HttpUrl> parse_http_url(std::string_view text);

}  // namespace taskmesh
