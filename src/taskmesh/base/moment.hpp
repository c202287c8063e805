// Dates and times that people write (RFC 3339), as points in time.
//
// Pure but for the system's time zone, which stands in where a text names none. Any thread. Error: invalid.
#pragma once

#include <chrono>
#include <string_view>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

/// What a text without a zone means.
enum class Zone {
  local,   ///< The time of this machine: who writes sits here.
  needed,  ///< Nothing: who writes may be anywhere.
};

/// "2026-11-22T09:30:00Z", "2026-11-22T10:30:00.5+01:00"; without a zone as `without` says.
Result<std::chrono::system_clock::time_point> parse_moment(std::string_view text, Zone without);

}  // namespace taskmesh
