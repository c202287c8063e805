// Sums of node counters.
#pragma once

#include <array>
#include <bit>
#include <cstdint>

#include "taskmesh/core/config.hpp"

namespace taskmesh::sim {

/// Field by field; each field of it is a count.
inline void add_to(core::NodeCounters& sum, const core::NodeCounters& one) {
  using Fields = std::array<std::uint64_t, sizeof(core::NodeCounters) / sizeof(std::uint64_t)>;
  auto fields = std::bit_cast<Fields>(sum);
  const auto more = std::bit_cast<Fields>(one);
  for (std::size_t i = 0; i < fields.size(); ++i) fields[i] += more[i];
  sum = std::bit_cast<core::NodeCounters>(fields);
}

}  // namespace taskmesh::sim
