// Hex: the digits of numbers to the base sixteen, as we write them.
#pragma once

#include <string_view>

namespace taskmesh {

inline constexpr std::string_view hex_digits = "0123456789abcdef";

}  // namespace taskmesh
