// Prefetch: what will be touched soon and is cold by now, asked for in good time. Changes nothing but speed.
#pragma once

#include <cstddef>

namespace taskmesh {

/// Fetches the cache lines of `bytes` octets, to be written. Any address will do; null too.
inline void prefetch(const void* object, std::size_t bytes) {
  constexpr std::size_t line_bytes = 64;
  const auto* octets = static_cast<const char*>(object);
  for (std::size_t at = 0; at < bytes; at += line_bytes) __builtin_prefetch(octets + at, 1);
}

}  // namespace taskmesh
