// Tokens as the face makes them: the place where the answer is awaited, and how often that place was used, so that a late
// answer does not reach who has the place now.
//
// Internal to the face. Pure.
#pragma once

#include <cstdint>
#include <variant>

#include "taskmesh/core/types.hpp"

namespace taskmesh::detail {

/// Never 0, which stands for nobody. `use` may wrap.
inline core::Token token_for(std::uint32_t place, std::uint64_t use) { return use << 32U | (place + 1U); }

/// For 0 and for what this face never gave out: a place that no table has.
inline std::uint32_t place_of(core::Token token) { return static_cast<std::uint32_t>(token) - 1; }

/// Whose answer it is. 0: it answers nobody's question.
inline core::Token token_of(const core::Notice& notice) {
  return std::visit(
      [](const auto& body) -> core::Token {
        if constexpr (requires { body.token; })
          return body.token;
        else
          return 0;
      },
      notice);
}

}  // namespace taskmesh::detail
