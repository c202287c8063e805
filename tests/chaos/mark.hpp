// The task of the chaos tests: each execution is a line in a file, so that lost and repeated are facts.
#pragma once

#include <cstdint>
#include <string>
#include <taskmesh/taskmesh.hpp>

namespace chaos {

/// Appends "number epoch pid" to the file when it begins, takes `ms`, answers the number.
inline constexpr taskmesh::Task<std::int64_t(std::string, std::int64_t, std::int64_t)> mark{"mark"};

}  // namespace chaos
