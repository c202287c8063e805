#include "text.hpp"

#include <array>
#include <cstdint>

namespace pipeline {

std::string lower(std::string_view text) {
  std::string out{text};
  std::transform(out.begin(), out.end(), out.begin(), [](char c) { return lower(c); });
  return out;
}

std::string_view trim_right(std::string_view text) {
  while (!text.empty() && is_space(text.back())) text.remove_suffix(1);
  return text;
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && is_space(text.front())) text.remove_prefix(1);
  return trim_right(text);
}

std::string flatten(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : trim(text)) {
    if (!is_space(c)) {
      out.push_back(c);
    } else if (out.back() != ' ') {
      out.push_back(' ');
    }
  }
  return out;
}

std::string clip(std::string_view text, std::size_t bytes_max) {
  constexpr std::string_view ellipsis = "\xe2\x80\xa6";
  if (text.size() <= bytes_max) return std::string{text};
  std::size_t end = bytes_max > ellipsis.size() ? bytes_max - ellipsis.size() : 0;
  while (end > 0 && (static_cast<unsigned char>(text[end]) & 0xC0U) == 0x80U) --end;
  std::size_t word =
      end;  // Half an e-mail address would escape redaction, so whole words if they are not too long.
  while (word > 0 && end - word < 100 && !is_space(text[word])) --word;
  if (word > 0 && is_space(text[word])) end = word;
  return std::string{trim_right(text.substr(0, end))}.append(ellipsis);
}

std::size_t count_of(std::string_view text, std::string_view needle) {
  std::size_t count = 0;
  for (std::size_t at = text.find(needle); at != text.npos; at = text.find(needle, at + needle.size()))
    ++count;
  return count;
}

bool contains(std::string_view text, std::string_view needle) { return text.find(needle) != text.npos; }

std::size_t count_words(std::string_view text) {
  std::size_t count = 0;
  bool counted = false;
  for (const char c : text) {
    if (is_space(c)) {
      counted = false;
    } else if (!counted && (is_alnum(c) || static_cast<unsigned char>(c) > 127)) {
      counted = true;
      ++count;
    }
  }
  return count;
}

namespace {

struct Lead {
  std::size_t length = 0;  // 0: no sequence starts with this byte.
  unsigned second_min = 0x80;
  unsigned second_max = 0xBF;
};

// RFC 3629, section 4: the second byte's range excludes overlong forms, surrogates and values beyond
// U+10FFFF.
Lead lead_of(unsigned byte) {
  if (byte < 0x80) return {.length = 1};
  if (byte < 0xC2 || byte > 0xF4) return {};
  if (byte < 0xE0) return {.length = 2};
  if (byte == 0xE0) return {.length = 3, .second_min = 0xA0};
  if (byte == 0xED) return {.length = 3, .second_max = 0x9F};
  if (byte < 0xF0) return {.length = 3};
  if (byte == 0xF0) return {.length = 4, .second_min = 0x90};
  if (byte == 0xF4) return {.length = 4, .second_max = 0x8F};
  return {.length = 4};
}

}  // namespace

std::optional<std::size_t> invalid_utf8_at(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const Lead lead = lead_of(static_cast<unsigned char>(text[at]));
    if (lead.length == 0 || at + lead.length > text.size()) return at;
    for (std::size_t i = 1; i < lead.length; ++i) {
      const unsigned byte = static_cast<unsigned char>(text[at + i]);
      const unsigned least = i == 1 ? lead.second_min : 0x80;
      const unsigned most = i == 1 ? lead.second_max : 0xBF;
      if (byte < least || byte > most) return at;
    }
    at += lead.length;
  }
  return std::nullopt;
}

void append_utf8(std::string& out, char32_t code_point) {
  if (code_point > 0x10FFFF || (code_point >= 0xD800 && code_point <= 0xDFFF)) code_point = 0xFFFD;
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  const auto tail = [&](unsigned shift) { put(0x80U | ((code_point >> shift) & 0x3FU)); };
  if (code_point < 0x80) {
    put(code_point);
  } else if (code_point < 0x800) {
    put(0xC0U | (code_point >> 6U)), tail(0);
  } else if (code_point < 0x10000) {
    put(0xE0U | (code_point >> 12U)), tail(6), tail(0);
  } else {
    put(0xF0U | (code_point >> 18U)), tail(12), tail(6), tail(0);
  }
}

std::string_view take_line(std::string_view& rest) {
  const std::size_t end = rest.find('\n');
  const std::string_view line = rest.substr(0, end);
  rest.remove_prefix(end == rest.npos ? rest.size() : end + 1);
  return line;
}

}  // namespace pipeline
