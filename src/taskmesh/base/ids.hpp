// 16-byte ids: TaskId (made by the client that submits) and NodeId (made at random by each process).
//
// Text form: 32 lower-case hexadecimal digits. Layout of a task id: proto/03-tasks.md section 2.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>
#include <functional>
#include <string>
#include <string_view>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

namespace detail {
std::string id_to_hex(const std::array<std::uint8_t, 16>& bytes);
Result<std::array<std::uint8_t, 16>> id_from_hex(std::string_view text, std::string_view what);

/// The halves of an id as this machine loads them.
struct IdWords {
  std::uint64_t high = 0;
  std::uint64_t low = 0;
};
inline IdWords words_of(const std::array<std::uint8_t, 16>& bytes) {
  IdWords words;
  std::memcpy(&words.high, bytes.data(), 8);
  std::memcpy(&words.low, bytes.data() + 8, 8);
  return words;
}

/// Written out octet by octet: compilers make one load of this, and not of a loop.
inline std::uint32_t big_endian_32(const std::uint8_t* in) {
  return std::uint32_t{in[0]} << 24 | std::uint32_t{in[1]} << 16 | std::uint32_t{in[2]} << 8 | in[3];
}
}  // namespace detail

/// Common shape of both kinds; the tag keeps them from being mixed up.
template <class Tag>
struct Id {
  std::array<std::uint8_t, 16> bytes{};

  auto operator<=>(const Id&) const = default;
  /// Two words, not octets: a task's way compares ids dozens of times.
  bool operator==(const Id& other) const {
    const auto a = detail::words_of(bytes);
    const auto b = detail::words_of(other.bytes);
    return ((a.high ^ b.high) | (a.low ^ b.low)) == 0;
  }
  /// Nil (all zero) means "none".
  explicit operator bool() const { return !(*this == Id{}); }

  /// Reads 32 hexadecimal digits of either case. Error: invalid.
  static Result<Id> parse(std::string_view text) {
    auto read = detail::id_from_hex(text, Tag::what);
    if (!read) return fail(std::move(read.error()));
    return Id{*read};
  }
};

struct TaskIdTag {
  static constexpr std::string_view what = "task id";
};
struct NodeIdTag {
  static constexpr std::string_view what = "node id";
};

using TaskId = Id<TaskIdTag>;
using NodeId = Id<NodeIdTag>;

/// 32 lower-case hexadecimal digits.
template <class Tag>
std::string to_string(const Id<Tag>& id) {
  return detail::id_to_hex(id.bytes);
}

/// Builds task ids: wall clock ms, version and flags, client instance, counter.
TaskId make_task_id(std::uint64_t unix_ms, std::uint16_t flags, std::uint32_t instance,
                    std::uint32_t counter);

/// The wall clock (unix ms) at which the client made the id.
std::uint64_t created_unix_ms(const TaskId& id);

/// The client instance and its counter, as make_task_id put them in.
inline std::uint32_t instance_of(const TaskId& id) { return detail::big_endian_32(id.bytes.data() + 8); }
inline std::uint32_t counter_of(const TaskId& id) { return detail::big_endian_32(id.bytes.data() + 12); }

/// Flags of a task id, for make_task_id.
inline constexpr std::uint16_t replicas_mask = 3;  ///< Workers beside its owner that are to hold the task.
inline constexpr std::uint16_t once_flag = 4;  ///< It is never run twice: it is lost where its worker dies.

inline int replicas_of(const TaskId& id) {
  return (id.bytes[7] & replicas_mask) == 3 ? 2 : id.bytes[7] & replicas_mask;
}
inline bool is_once(const TaskId& id) { return (id.bytes[7] & once_flag) != 0; }

}  // namespace taskmesh

template <class Tag>
struct std::hash<taskmesh::Id<Tag>> {
  std::size_t operator()(const taskmesh::Id<Tag>& id) const noexcept {
    const auto [high, low] = taskmesh::detail::words_of(id.bytes);
    // Ids of one client differ in their last bytes only: spread them over the whole word.
    std::uint64_t mixed = (high ^ (low * 0x9E3779B97F4A7C15ULL));
    mixed ^= mixed >> 32;
    mixed *= 0xD6E8FEB86659FD93ULL;
    mixed ^= mixed >> 32;
    return static_cast<std::size_t>(mixed);
  }
};
