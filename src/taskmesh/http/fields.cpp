#include "taskmesh/http/fields.hpp"

#include <algorithm>
#include <charconv>

#include "taskmesh/base/json.hpp"
#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

namespace {

Error wrong(std::string why) {
  return {.kind = ErrorKind::invalid,
          .what = "the request cannot be read",
          .why = std::move(why),
          .fix = "correct it"};
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7F; }

/// It stands for itself in an address, and needs no escape there.
bool is_plain(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

bool is_utf8(const std::string& text) {
  const bool ascii = std::none_of(text.begin(), text.end(), [](char c) { return (c & 0x80) != 0; });
  if (ascii) return true;
  // The writer puts U+FFFD in the place of what is none.
  const auto read = parse_json(to_text(Json(text)));
  return read && *read == Json(text);
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.front() == ' ' || text.front() == '\t')) text.remove_prefix(1);
  while (!text.empty() && (text.back() == ' ' || text.back() == '\t')) text.remove_suffix(1);
  return text;
}

bool same_word(std::string_view a, std::string_view b) {
  const auto lower = [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c; };
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [&](char x, char y) { return lower(x) == lower(y); });
}

/// Calls `take` with each part, trimmed; separators inside quotes are text.
template <class Take>
void for_each_part(std::string_view text, char separator, Take take) {
  bool quoted = false;
  std::size_t begin = 0;
  for (std::size_t i = 0; i <= text.size(); ++i) {
    if (i < text.size() && quoted && text[i] == '\\') {
      ++i;
    } else if (i < text.size() && text[i] == '"') {
      quoted = !quoted;
    } else if (i >= text.size() || (text[i] == separator && !quoted)) {
      take(trimmed(text.substr(begin, std::min(i, text.size()) - begin)));
      begin = i + 1;
    }
  }
}

std::string_view unquoted(std::string_view text) {
  if (text.size() >= 2 && text.front() == '"' && text.back() == '"') return text.substr(1, text.size() - 2);
  return text;
}

Result<std::vector<std::string>> parse_path(std::string_view text) {
  std::vector<std::string> parts;
  while (!text.empty()) {
    text.remove_prefix(1);  // The slash.
    const std::size_t end = std::min(text.find('/'), text.size());
    auto part = percent_decoded(text.substr(0, end));
    if (!part) return fail(std::move(part.error()));
    if (part->empty()) return fail(wrong("the path has an empty part"));
    if (*part == "." || *part == "..") return fail(wrong("the path has a part of dots"));
    if (parts.size() == limits::http_segments_max) return fail(wrong("the path has too many parts"));
    parts.push_back(std::move(*part));
    text.remove_prefix(end);
  }
  return parts;
}

Result<Parameters> parse_query(std::string_view text) {
  Parameters parameters;
  while (!text.empty()) {
    const std::string_view one = text.substr(0, text.find('&'));
    text.remove_prefix(std::min(one.size() + 1, text.size()));
    if (one.empty()) continue;
    const std::size_t equals = std::min(one.find('='), one.size());
    auto name = percent_decoded(one.substr(0, equals));
    if (!name) return fail(std::move(name.error()));
    auto value = percent_decoded(one.substr(std::min(equals + 1, one.size())));
    if (!value) return fail(std::move(value.error()));
    const bool again = std::any_of(parameters.begin(), parameters.end(),
                                   [&](const auto& other) { return other.first == *name; });
    if (again) return fail(wrong("the query says '" + *name + "' twice"));
    if (parameters.size() == limits::http_parameters_max)
      return fail(wrong("the query has too many parameters"));
    parameters.emplace_back(std::move(*name), std::move(*value));
  }
  return parameters;
}

}  // namespace

Result<std::string> percent_decoded(std::string_view text) {
  if (std::all_of(text.begin(), text.end(), is_plain)) return std::string(text);  // As nearly all are.
  std::string decoded;
  decoded.reserve(text.size());
  for (std::size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    if (c == '%') {
      const int high = i + 2 < text.size() ? hex_value(text[i + 1]) : -1;
      const int low = i + 2 < text.size() ? hex_value(text[i + 2]) : -1;
      if (high < 0 || low < 0) return fail(wrong("a % is not followed by two hexadecimal digits"));
      c = static_cast<char>(high * 16 + low);
      i += 2;
    }
    if (is_control(c)) return fail(wrong("there is a control character in it"));
    decoded += c;
  }
  if (!is_utf8(decoded)) return fail(wrong("it is not UTF-8"));
  return decoded;
}

std::string percent_encoded(std::string_view text) {
  constexpr std::string_view digits = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : text) {
    const auto octet = static_cast<unsigned char>(c);
    if (is_plain(c)) {
      encoded += c;
    } else {
      encoded += {'%', digits[octet >> 4U], digits[octet & 15U]};
    }
  }
  return encoded;
}

Result<Target> parse_target(std::string_view text) {
  if (text.size() > limits::http_target_bytes) return fail(wrong("path and query are too long"));
  if (text.empty() || text.front() != '/') return fail(wrong("the path does not begin with a slash"));
  if (text.find('#') != std::string_view::npos) return fail(wrong("there is a # in it"));
  const std::size_t mark = std::min(text.find('?'), text.size());
  auto query = parse_query(text.substr(std::min(mark + 1, text.size())));
  if (!query) return fail(std::move(query.error()));
  if (mark == 1) return Target{.path = {}, .query = std::move(*query)};
  auto path = parse_path(text.substr(0, mark));
  if (!path) return fail(std::move(path.error()));
  return Target{.path = std::move(*path), .query = std::move(*query)};
}

Preferences parse_prefer(std::string_view text) {
  Preferences known;
  for_each_part(text, ',', [&](std::string_view preference) {
    // Parameters of a preference, behind a semicolon: we know none that has any.
    const std::string_view whole = trimmed(preference.substr(0, preference.find(';')));
    const std::size_t equals = std::min(whole.find('='), whole.size());
    const std::string_view name = trimmed(whole.substr(0, equals));
    const std::string_view value = unquoted(trimmed(whole.substr(std::min(equals + 1, whole.size()))));
    if (same_word(name, "respond-async")) known.respond_async = true;
    if (same_word(name, "return") && value == "minimal") known.minimal = true;
    if (!same_word(name, "wait") || known.wait) return;  // Of repeated ones the first counts.
    const auto seconds = parse_count(value, 1'000'000);
    if (seconds) known.wait = std::chrono::seconds(*seconds);
  });
  return known;
}

Result<std::string> parse_idempotency_key(std::string_view text) {
  text = trimmed(text);
  std::string key;
  const bool quoted = !text.empty() && text.front() == '"';
  if (quoted) {
    if (text.size() < 2 || text.back() != '"') return fail(wrong("its closing quote is missing"));
    text = text.substr(1, text.size() - 2);
  }
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] < 0x20 || text[i] > 0x7E) return fail(wrong("it may hold printable ASCII characters only"));
    const bool escaped = quoted && text[i] == '\\';
    if (escaped && (i + 1 == text.size() || (text[i + 1] != '"' && text[i + 1] != '\\'))) {
      return fail(wrong("a backslash is followed by neither a quote nor a backslash"));
    }
    if (escaped) ++i;
    if (!escaped && (text[i] == '"' || (!quoted && (text[i] == ',' || text[i] == ' ')))) {
      return fail(wrong("it is more than one value"));
    }
    key += text[i];
  }
  if (key.empty()) return fail(wrong("it is empty"));
  if (key.size() > limits::key_bytes) {
    return fail(wrong("it is longer than " + std::to_string(limits::key_bytes) + " bytes"));
  }
  return key;
}

bool is_request_id(std::string_view text) {
  if (text.empty() || text.size() > limits::http_request_id_bytes) return false;
  return std::all_of(text.begin(), text.end(),
                     [](char c) { return c > 0x20 && c < 0x7F && c != '"' && c != '\\'; });
}

bool tag_matches(std::string_view list, std::string_view tag) {
  if (trimmed(list) == "*") return true;
  bool found = false;
  for_each_part(list, ',', [&](std::string_view one) {
    if (one.starts_with("W/")) one.remove_prefix(2);
    if (one == tag) found = true;
  });
  return found;
}

bool is_json_type(std::string_view text) {
  const std::string_view type = trimmed(text.substr(0, text.find(';')));
  if (same_word(type, "application/json")) return true;
  return type.size() > 5 && same_word(type.substr(type.size() - 5), "+json");
}

std::optional<std::string_view> bearer_key(std::string_view authorization) {
  constexpr std::string_view scheme = "Bearer ";
  authorization = trimmed(authorization);
  if (authorization.size() <= scheme.size()) return std::nullopt;
  if (!same_word(authorization.substr(0, scheme.size()), scheme)) return std::nullopt;
  return trimmed(authorization.substr(scheme.size()));
}

bool is_local_host(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme != std::string_view::npos) text.remove_prefix(scheme + 3);
  if (text.starts_with("[::1]")) return text.size() == 5 || text[5] == ':';
  const std::string_view host = text.substr(0, text.find(':'));
  if (same_word(host, "localhost")) return true;
  if (!host.starts_with("127.")) return false;
  const auto dots = std::count(host.begin(), host.end(), '.');
  return dots == 3 && host.find_first_not_of("0123456789.") == std::string_view::npos;
}

std::optional<std::uint64_t> parse_count(std::string_view text, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() || number > most) return std::nullopt;
  return number;
}

}  // namespace taskmesh::http
