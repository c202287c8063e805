// Fields: what stands in paths, queries and headers, read strictly where a wrong guess would do harm.
//
// Pure: text in, value or reason out. Errors: invalid, with the reason as `why`. Specs: RFC 3986 (targets), RFC 7240
// (Prefer), RFC 9110 (entity tags, media types), draft-ietf-httpapi-idempotency-key-header-07, W3C Trace Context.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::http {

/// Names and values of a query, decoded, in their order.
using Parameters = std::vector<std::pair<std::string, std::string>>;

/// What a request asks for.
struct Target {
  std::vector<std::string> path;  ///< Its parts, decoded: /v1/tasks/a%2Fb is {"v1", "tasks", "a/b"}.
  Parameters query;
  bool operator==(const Target&) const = default;
};

/// "/v1/tasks?limit=5". Refused: no leading slash, dots and empty parts, bad escapes, control characters, text that is not
/// UTF-8, too much of anything, a parameter that is said twice.
Result<Target> parse_target(std::string_view text);

/// Text with %XX decoded. Refused: bad escapes, control characters, what is not UTF-8.
Result<std::string> percent_decoded(std::string_view text);
/// As one part of a path.
std::string percent_encoded(std::string_view text);

/// What of Prefer we know; all else is ignored, as RFC 7240 wants it.
struct Preferences {
  std::optional<Duration> wait;  ///< Whole seconds.
  bool respond_async = false;
  bool minimal = false;  ///< return=minimal
  bool operator==(const Preferences&) const = default;
};
Preferences parse_prefer(std::string_view text);

/// "8e03..." with its quotes (a structured field string) or without. Refused: empty, too long, not printable.
Result<std::string> parse_idempotency_key(std::string_view text);

/// May be given back in a header and written to a log as it is.
bool is_request_id(std::string_view text);

/// `tag` is one of the list, or the list is "*". Weak tags compare like strong ones.
bool tag_matches(std::string_view list, std::string_view tag);

/// application/json, also with parameters, or any type that ends in +json.
bool is_json_type(std::string_view text);

/// The key of "Bearer KEY"; nothing where it is something else.
std::optional<std::string_view> bearer_key(std::string_view authorization);

/// The host of a Host header or an Origin ("http://localhost:8080") is this machine by a name that nobody else can own:
/// localhost, 127.0.0.0/8 or [::1]. A page that a browser got from elsewhere has another one, whatever it resolves to.
bool is_local_host(std::string_view text);

/// A whole number without sign, at most `most`.
std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t most);

}  // namespace taskmesh::http
