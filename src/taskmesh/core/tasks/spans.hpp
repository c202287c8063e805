// Spans of time as they travel: whole milliseconds, 0 for none.  Spec: proto/03-tasks.md sections 2 and 9.
#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "taskmesh/base/time.hpp"

namespace taskmesh::core {

/// A span from the wire. Ten years are for ever, and far from overflow.
inline Duration span_of_ms(std::uint64_t ms) {
  constexpr std::uint64_t most = 10ULL * 365 * 24 * 3600 * 1000;
  return std::chrono::milliseconds(std::min(ms, most));
}

/// Never 0, which would say that there is none.
inline std::uint64_t ms_of_span(Duration span) {
  const auto ms = std::chrono::ceil<std::chrono::milliseconds>(span).count();
  return ms < 1 ? 1 : static_cast<std::uint64_t>(ms);
}

}  // namespace taskmesh::core
