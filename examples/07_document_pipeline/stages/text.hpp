// Small text tools that the stages share. ASCII rules everywhere: bytes above 127 are never letters, digits
// or spaces.
//
// Pure functions; a returned view points into its argument.
#pragma once

#include <algorithm>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

namespace pipeline {

constexpr bool is_digit(char c) { return c >= '0' && c <= '9'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_alpha(char c) { return is_upper(c) || is_lower(c); }
constexpr bool is_alnum(char c) { return is_alpha(c) || is_digit(c); }
constexpr bool is_space(char c) { return c == ' ' || (c >= '\t' && c <= '\r'); }
constexpr char lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text);
std::string_view trim(std::string_view text);
std::string_view trim_right(std::string_view text);

/// Every run of white space becomes one space, none at the ends.
std::string flatten(std::string_view text);

/// At most `bytes_max` bytes, cut between words, or between characters of a very long word; an ellipsis tells
/// of a cut.
std::string clip(std::string_view text, std::size_t bytes_max);

/// How often `needle` (not empty) occurs, without overlaps.
std::size_t count_of(std::string_view text, std::string_view needle);

bool contains(std::string_view text, std::string_view needle);

/// Words are runs of bytes that are not white space and hold a letter, a digit or a byte above 127.
std::size_t count_words(std::string_view text);

/// Offset of the first byte that is not part of a well-formed UTF-8 sequence (RFC 3629), if any.
std::optional<std::size_t> invalid_utf8_at(std::string_view text);

/// Appends the code point as UTF-8; surrogates and values beyond U+10FFFF become U+FFFD.
void append_utf8(std::string& out, char32_t code_point);

/// Takes the first line off `rest`, without its end. Call while `rest` is not empty.
std::string_view take_line(std::string_view& rest);

/// Calls `visit(line)` per line, without line ends.
template <class Visit>
void each_line(std::string_view text, Visit visit) {
  while (!text.empty()) visit(take_line(text));
}

}  // namespace pipeline
