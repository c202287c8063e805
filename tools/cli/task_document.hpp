// A task as one JSON document, and what its state means for the exit code.
//
// Members: task_id, status, stopping, result, error {kind, what, why, fix}, worker, worker_id, attempt, submitted_at,
// started_at, completed_at (RFC 3339), joined, callback. What is not there yet is null.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "cli/verb.hpp"
#include "taskmesh/base/json.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::cli {

/// `error` as the task has it, or as the question ended.
std::string task_document(const TaskResult<Json>& task, const std::optional<Error>& error);

/// What a caller who waited for the end is told: done, failed, unreachable or late.
Exit exit_of(const TaskResult<Json>& task);

/// Prints the result (or with `as_document` the whole task) and, where there is none, the error.
Exit print_task(const TaskResult<Json>& task, bool as_document);

}  // namespace taskmesh::cli
