// What a fuzz target takes from its input, piece by piece. At the end everything is zero or empty, so that every
// input means something.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace fuzz {

class Input {
 public:
  Input(const std::uint8_t* data, std::size_t size) : rest_(reinterpret_cast<const char*>(data), size) {}

  bool empty() const { return rest_.empty(); }
  std::string_view take(std::size_t count) {
    const std::string_view taken = rest_.substr(0, count);
    rest_.remove_prefix(taken.size());
    return taken;
  }
  std::string_view rest() { return take(rest_.size()); }
  std::uint8_t octet() { return rest_.empty() ? std::uint8_t{0} : static_cast<std::uint8_t>(take(1)[0]); }
  /// Below `count`.
  std::size_t pick(std::size_t count) { return octet() % count; }
  bool flag() { return (octet() & 1) != 0; }
  /// Small ones, those at the edges of their type, and any.
  std::uint64_t number() {
    const std::uint8_t kind = octet();
    if (kind < 240) return kind % 16;
    if (kind < 244) return ~std::uint64_t{0} - (kind - 240U);
    if (kind < 247) return std::uint64_t{1} << (kind == 244 ? 31U : kind == 245 ? 32U : 63U);
    std::uint64_t value = 0;
    for (const char c : take(8)) value = value << 8 | static_cast<std::uint8_t>(c);
    return value;
  }
  /// Up to `octets_max` octets.
  std::string text(std::size_t octets_max) {
    const std::size_t size = octet();
    return std::string(take(size < octets_max ? size : octets_max));
  }

 private:
  std::string_view rest_;
};

}  // namespace fuzz
