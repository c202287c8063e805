// The tasks that the worker program of these tests serves, and its callers call.
#pragma once

#include <cstdint>
#include <string>
#include <taskmesh/taskmesh.hpp>

namespace e2e {

/// Appends "caller number" to the file and answers caller * 1'000'000 + number: answers and executions can be counted.
inline constexpr taskmesh::Task<std::int64_t(std::string, std::int64_t, std::int64_t)> tally{"tally"};
inline constexpr taskmesh::Task<int(int, int)> add{"add"};
inline constexpr taskmesh::Task<int(int)> sleep_ms{"sleep_ms"};
inline constexpr taskmesh::Task<void(std::string)> fail{"fail"};
inline constexpr taskmesh::Task<std::int64_t()> pid{"pid"};
inline constexpr taskmesh::Task<void(std::string, std::string)> counter{"counter"};

inline std::int64_t tally_answer(std::int64_t caller, std::int64_t number) {
  return caller * 1'000'000 + number;
}

}  // namespace e2e
