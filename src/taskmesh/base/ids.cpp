#include "taskmesh/base/ids.hpp"

#include "taskmesh/base/hex.hpp"

namespace taskmesh {

namespace {

constexpr std::uint16_t version_one = 0x1000;

int digit_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

void put_big_endian(std::uint8_t* out, std::uint64_t value, int bytes) {
  for (int i = 0; i < bytes; ++i) out[i] = static_cast<std::uint8_t>(value >> (8 * (bytes - 1 - i)));
}

}  // namespace

namespace detail {

std::string id_to_hex(const std::array<std::uint8_t, 16>& bytes) {
  std::array<char, 32> text;
  char* out = text.data();
  for (const std::uint8_t byte : bytes) {
    *out++ = hex_digits[byte >> 4];
    *out++ = hex_digits[byte & 15];
  }
  return {text.data(), text.size()};
}

Result<std::array<std::uint8_t, 16>> id_from_hex(std::string_view text, std::string_view what) {
  std::array<std::uint8_t, 16> bytes{};
  bool valid = text.size() == 32;
  for (std::size_t i = 0; valid && i < 32; ++i) {
    const int value = digit_value(text[i]);
    valid = value >= 0;
    if (valid) bytes[i / 2] = static_cast<std::uint8_t>(bytes[i / 2] << 4 | value);
  }
  if (valid) return bytes;
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 64)) + "' is not a " + std::string(what),
               .why = "it takes 32 hexadecimal digits",
               .fix = "copy the id as it was printed"});
}

}  // namespace detail

TaskId make_task_id(std::uint64_t unix_ms, std::uint16_t flags, std::uint32_t instance,
                    std::uint32_t counter) {
  TaskId id;
  put_big_endian(id.bytes.data(), unix_ms, 6);
  put_big_endian(id.bytes.data() + 6, version_one | (flags & 0x0FFFU), 2);
  put_big_endian(id.bytes.data() + 8, instance, 4);
  put_big_endian(id.bytes.data() + 12, counter, 4);
  return id;
}

std::uint64_t created_unix_ms(const TaskId& id) {
  return std::uint64_t{detail::big_endian_32(id.bytes.data())} << 16 |
         detail::big_endian_32(id.bytes.data() + 2) % 65'536;
}
}  // namespace taskmesh
