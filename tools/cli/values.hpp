// Values: whether a text is of its flag's kind, wherever it came from: flag, variable or file.
//
// Pure. Errors: invalid; `what` names the value, not where it came from, which the caller adds.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::cli {

/// Checks one value against the flag's kind and bounds.
Result<void> check_value(const Flag& flag, const std::string& value);

/// Of a toggle's text that was checked.
bool is_true(const std::string& value);

/// Bytes: "4096", "64KiB", "256MiB", "1GiB". Error: invalid.
Result<std::uint64_t> parse_size(std::string_view text);
/// The shortest exact text that parse_size reads.
std::string size_text(std::uint64_t bytes);

/// Date and time, RFC 3339: "2026-11-22T09:30:00Z", "2026-11-22T10:30:00.250+01:00"; a blank may stand for the T.
/// Without a zone it is local time. Error: invalid.
Result<std::chrono::system_clock::time_point> parse_moment(std::string_view text);

/// The state of a task at a worker: "scheduled", "running", "lost". Error: invalid.
Result<TaskState> parse_task_state(std::string_view text);

/// The words that a kind takes, for completion; empty: any.
std::vector<std::string> choices(Kind kind);

/// The candidate that `word` was probably meant to be.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace taskmesh::cli
