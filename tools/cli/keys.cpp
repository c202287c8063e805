#include "cli/keys.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

namespace taskmesh::cli {

namespace {

constexpr std::size_t sequence_max = 16;  // Longer ones are none that any terminal sends for a key.

/// What is behind ESC [ or ESC O.
std::optional<Key::Code> code_of(std::string_view sequence) {
  constexpr std::array<std::pair<std::string_view, Key::Code>, 12> known{{{"A", Key::Code::up},
                                                                          {"B", Key::Code::down},
                                                                          {"H", Key::Code::home},
                                                                          {"F", Key::Code::end},
                                                                          {"1~", Key::Code::home},
                                                                          {"7~", Key::Code::home},
                                                                          {"4~", Key::Code::end},
                                                                          {"8~", Key::Code::end},
                                                                          {"5~", Key::Code::page_up},
                                                                          {"6~", Key::Code::page_down},
                                                                          {"3~", Key::Code::backspace},
                                                                          {"M", Key::Code::enter}}};
  const auto found = std::ranges::find(known, sequence, &std::pair<std::string_view, Key::Code>::first);
  return found == known.end() ? std::nullopt : std::optional(found->second);
}

/// Octets of the sequence at the beginning, or 0: it goes on in the next piece.
std::size_t sequence_octets(std::string_view text) {
  for (std::size_t at = 2; at < text.size(); ++at) {
    if (text[at] >= 0x40 && text[at] <= 0x7E) return at + 1;
    if (at >= sequence_max) return at;
  }
  return 0;
}

std::size_t character_octets(char first) {
  const auto octet = static_cast<unsigned char>(first);
  return octet >= 0xF0 ? 4 : octet >= 0xE0 ? 3 : octet >= 0xC0 ? 2 : 1;
}

std::optional<Key> control(char octet) {
  switch (octet) {
    case 3:
      return Key{.code = Key::Code::interrupt};
    case '\r':
    case '\n':
      return Key{.code = Key::Code::enter};
    case 8:
    case 127:
      return Key{.code = Key::Code::backspace};
    default:
      return std::nullopt;
  }
}

}  // namespace

std::vector<Key> KeyReader::read(std::string_view octets) {
  std::string text = std::exchange(left_, {}) + std::string(octets);
  std::vector<Key> keys;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::string_view rest = std::string_view(text).substr(at);
    const bool sequence = rest.size() >= 2 && rest[0] == '\x1b' && (rest[1] == '[' || rest[1] == 'O');
    const std::size_t count = sequence ? sequence_octets(rest) : character_octets(rest[0]);
    if (count == 0 || count > rest.size()) {  // Cut.
      left_ = rest;
      break;
    }
    if (sequence) {
      if (const auto code = code_of(rest.substr(2, count - 2))) keys.push_back({.code = *code});
    } else if (rest[0] == '\x1b') {
      keys.push_back({.code = Key::Code::escape});
    } else if (static_cast<unsigned char>(rest[0]) < 0x20 || rest[0] == 127) {
      if (const auto key = control(rest[0])) keys.push_back(*key);
    } else {
      keys.push_back({.code = Key::Code::character, .text = std::string(rest.substr(0, count))});
    }
    at += count;
  }
  return keys;
}

}  // namespace taskmesh::cli
