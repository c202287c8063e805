// Rules: those of proto/05-keepers.md that a node does not keep. A product keeps them all.
//
// The simulator and the stories of tests/core make nodes that break one, to see that this is noticed. It is no part of
// NodeConfig, so no option, variable or file can reach it.
#pragma once

#include <cstdint>

namespace taskmesh::core {

struct Rules {
  std::uint32_t broken = 0;  ///< Bit n: rule n of section 9.

  static constexpr Rules without(int rule) { return {rule == 0 ? 0 : 1U << rule}; }
  constexpr bool is_broken(int rule) const { return (broken >> rule & 1U) != 0; }
};

}  // namespace taskmesh::core
