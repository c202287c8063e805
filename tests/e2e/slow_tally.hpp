// A tally that takes a millisecond.
#pragma once

#include "e2e/tasks.hpp"

namespace e2e {

inline constexpr taskmesh::Task<std::int64_t(std::string, std::int64_t, std::int64_t)> slow_tally{
    "slow_tally"};

}  // namespace e2e
