#include "taskmesh/base/http_url.hpp"

#include <algorithm>
#include <charconv>
#include <optional>

#include "taskmesh/base/limits.hpp"

namespace taskmesh {

namespace {

constexpr std::size_t label_most = 63;
constexpr std::size_t host_most = 253;

std::string quoted(std::string_view text) {
  // Neither user info nor the query is repeated: both may hold a password.
  const std::size_t at = text.rfind('@');
  if (at != std::string_view::npos)
    text = text.substr(0, std::min<std::size_t>(text.find("//") + 2, text.size()));
  std::string out = "'";
  for (const char c : text.substr(0, std::min<std::size_t>(text.find('?'), 128))) {
    out += (c >= 0x20 && c < 0x7F) ? c : '?';
  }
  return out + "'";
}

tl::unexpected<Error> invalid(std::string_view text, std::string why,
                              std::string fix = "write for example https://example.org/hooks/taskmesh") {
  return fail({.kind = ErrorKind::invalid,
               .what = quoted(text) + " is not a webhook address",
               .why = std::move(why),
               .fix = std::move(fix)});
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_alnum(char c) { return is_digit(c) || (c >= 'a' && c <= 'z'); }

/// Labels of letters, digits, dashes and underscores; a dot at the end is refused, as certificates never have it.
bool is_name(std::string_view host) {
  if (host.empty() || host.size() > host_most) return false;
  while (true) {
    const std::string_view label = host.substr(0, host.find('.'));
    const bool good = !label.empty() && label.size() <= label_most && label.front() != '-' &&
                      std::ranges::all_of(label, [](char c) { return is_alnum(c) || c == '-' || c == '_'; });
    if (!good) return false;
    if (label.size() == host.size()) return true;
    host.remove_prefix(label.size() + 1);
  }
}

/// Some readers take "127.1", "0x7f.1" and "2130706433" for 127.0.0.1: what ends in a number must be four of them.
bool is_odd_number(std::string_view host) {
  const std::string_view last = host.substr(host.rfind('.') + 1);
  const bool number = std::ranges::all_of(last, is_digit) || last.starts_with("0x");
  if (!number) return false;
  int octets = 0;
  while (true) {
    const std::string_view part = host.substr(0, host.find('.'));
    int value = 0;
    const auto [end, error] = std::from_chars(part.data(), part.data() + part.size(), value);
    const bool plain = error == std::errc{} && end == part.data() + part.size() && value <= 255 &&
                       (part.size() == 1 || part.front() != '0');
    if (!plain || ++octets > 4) return true;
    if (part.size() == host.size()) return octets != 4;
    host.remove_prefix(part.size() + 1);
  }
}

bool is_ipv6(std::string_view host) {
  return host.size() >= 2 && host.find(':') != std::string_view::npos &&
         std::ranges::all_of(
             host, [](char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || c == ':' || c == '.'; });
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (error != std::errc{} || end != text.data() + text.size() || port == 0) return std::nullopt;
  return port;
}

/// "host", "host:port", "[v6]:port" into `url`; nullptr if it is well, else what is not.
const char* read_authority(std::string_view authority, HttpUrl& url) {
  std::string_view port;
  if (authority.starts_with('[')) {
    const std::size_t end = authority.find(']');
    if (end == std::string_view::npos) return "the bracket of the IPv6 address is not closed";
    url.host = authority.substr(1, end - 1);
    url.ipv6 = true;
    port = authority.substr(end + 1);
    if (!port.empty() && port.front() != ':') return "something stands between the bracket and the port";
  } else {
    const std::size_t colon = std::min(authority.find(':'), authority.size());
    url.host = authority.substr(0, colon);
    port = authority.substr(colon);
  }
  for (char& c : url.host) c = (c >= 'A' && c <= 'Z') ? static_cast<char>(c - 'A' + 'a') : c;
  if (url.ipv6 ? !is_ipv6(url.host) : !is_name(url.host)) return "its host is no name and no IP address";
  if (!url.ipv6 && is_odd_number(url.host)) return "its host is a number that readers understand differently";
  url.port = url.tls ? 443 : 80;
  if (port.empty()) return nullptr;
  const auto number = parse_port(port.substr(1));
  if (!number) return "the port is not a number from 1 to 65535";
  url.port = *number;
  return nullptr;
}

}  // namespace

std::string HttpUrl::origin() const {
  std::string out = tls ? "https://" : "http://";
  out += ipv6 ? "[" + host + "]" : host;
  if (port != (tls ? 443 : 80)) out += ":" + std::to_string(port);
  return out;
}

Result<HttpUrl> parse_http_url(std::string_view text) {
  if (text.size() > limits::address_bytes) {
    return invalid(text, "it is longer than " + std::to_string(limits::address_bytes) + " bytes");
  }
  if (!is_http_address(text)) return invalid(text, "it begins with neither http:// nor https://");
  const bool printable =
      std::ranges::all_of(text, [](char c) { return c > 0x20 && c < 0x7F && c != '\\' && c != '"'; });
  if (!printable) {
    return invalid(text, "it contains blanks, quotes, backslashes or characters outside ASCII",
                   "percent-encode them; write a host of other letters in its xn-- form");
  }
  if (text.find('#') != std::string_view::npos) {
    return invalid(text, "it has a fragment, which is never sent", "leave out what begins with #");
  }
  HttpUrl url;
  url.tls = text.starts_with("https://");
  const std::string_view rest = text.substr(url.tls ? 8 : 7);
  const std::size_t end = std::min(rest.find_first_of("/?"), rest.size());
  const std::string_view authority = rest.substr(0, end);
  if (authority.find('@') != std::string_view::npos) {
    return invalid(text, "it has a user or a password in it, which lists and logs would show",
                   "let the receiver check the webhook's signature instead");
  }
  if (const char* why = read_authority(authority, url)) return invalid(text, why);
  url.target = rest.substr(end);
  if (!url.target.starts_with('/')) url.target.insert(0, 1, '/');
  return url;
}

}  // namespace taskmesh
