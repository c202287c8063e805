// Randomness from the operating system: node ids, client instances, seeds. Threads: any.
#pragma once

#include <sys/random.h>

#include <cstdint>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/ids.hpp"

namespace taskmesh::io {

template <class T>
T random_value() {
  T value{};
  // Up to 256 bytes come whole and never fail once the system has booted.
  TASKMESH_CHECK(::getrandom(&value, sizeof value, 0) == static_cast<ssize_t>(sizeof value));
  return value;
}

inline std::uint32_t random_u32() { return random_value<std::uint32_t>(); }
inline std::uint64_t random_u64() { return random_value<std::uint64_t>(); }
inline NodeId random_node_id() { return NodeId{random_value<decltype(NodeId::bytes)>()}; }

}  // namespace taskmesh::io
