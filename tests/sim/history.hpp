// History: a hash over all that happened in a world. Same seed, same hash; a failing seed can be replayed.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <type_traits>
#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::sim {

class History {
 public:
  /// Also the archive of the messages' own serialize(): every field counts.
  template <class... Values>
  void operator()(const Values&... values) {
    (add(values), ...);
  }
  std::uint64_t hash() const { return hash_; }
  std::uint64_t entries() const { return entries_; }
  void next_entry() { ++entries_; }

 private:
  void word(std::uint64_t value) {
    hash_ ^= value + 0x9E3779B97F4A7C15ULL + (hash_ << 6) + (hash_ >> 2);
    hash_ *= 0x100000001B3ULL;
  }
  void text(std::string_view value) {
    word(value.size());
    for (const char c : value) word(static_cast<unsigned char>(c));
  }
  template <class Value>
  void add(const Value& value) {
    if constexpr (std::is_arithmetic_v<Value> || std::is_enum_v<Value>) {
      word(static_cast<std::uint64_t>(value));
    } else if constexpr (std::same_as<Value, std::string> || std::same_as<Value, std::string_view>) {
      text(value);
    } else if constexpr (std::same_as<Value, RareText>) {
      text(value.str());
    } else if constexpr (std::same_as<Value, Bytes>) {
      text(value.view());
    } else if constexpr (std::same_as<Value, TaskId> || std::same_as<Value, NodeId>) {
      word(std::hash<Value>{}(value));
    } else if constexpr (std::same_as<Value, WallTime>) {
      word(static_cast<std::uint64_t>(value.unix_us));
    } else if constexpr (std::same_as<Value, TimePoint>) {
      word(static_cast<std::uint64_t>(value.time_since_epoch().count()));
    } else if constexpr (requires { const_cast<Value&>(value).edit(); }) {
      add(*value);
    } else if constexpr (requires { value.begin(); }) {
      word(value.size());
      for (const auto& element : value) add(element);
    } else {
      const_cast<Value&>(value).serialize(
          *this);  // Reads only; the messages have one serialize() for both ways.
    }
  }

  std::uint64_t hash_ = 0xCBF29CE484222325ULL;
  std::uint64_t entries_ = 0;
};

}  // namespace taskmesh::sim
