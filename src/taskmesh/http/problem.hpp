// Problems: everything that a web answer can complain about, as RFC 9457 says it. One catalogue, nothing in free text only.
//
// Each type has a page of its own, docs/problems/NAME.md, which the gateway serves under /problems/NAME; that is also
// the type's URI. A test compares the pages with this table (TASKMESH_REWRITE_PROBLEMS=1 writes them). Pure; plain
// values; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/error.hpp"
#include "taskmesh/base/ids.hpp"

namespace taskmesh::http {

/// The types; the order is that of the table.
enum class Problem : std::uint8_t {
  bad_request,
  bad_arguments,
  not_authenticated,
  not_allowed,
  no_such_page,
  unknown_type,
  unknown_task,
  wrong_method,
  conflict,
  no_result,
  not_finished,
  expired,
  too_large,
  headers_too_large,
  wrong_content_type,
  key_reused,
  rate_limited,
  internal,
  no_capacity,
};

/// What is known of a type without looking at a request.
struct ProblemType {
  Problem problem;
  std::string_view name;  ///< "unknown-type": the last part of its URI.
  int status;
  std::string_view title;
  bool retryable;  ///< The same request may succeed later.
  std::string_view meaning;
  std::string_view remedy;
};

/// All of them, in the order of the enumeration.
std::span<const ProblemType> problem_types();
const ProblemType& type_of(Problem problem);
/// The type of that name; null if there is none.
const ProblemType* find_problem(std::string_view name);

/// One wrong field of a request.
struct FieldError {
  std::string field;  ///< "header Prefer", "query limit", "body".
  std::string why;
  bool operator==(const FieldError&) const = default;
};

/// One complaint.
struct Complaint {
  Problem problem = Problem::internal;
  std::string detail;  ///< For people: what, why and fix of this very case.
  TaskId task_id{};    ///< Nil: it is about no task, or none yet.
  std::vector<FieldError> errors{};
  std::string state{};  ///< Of the task, where that is the matter: "success"; else empty.
};

/// The body, application/problem+json. `instance`: the path that was asked for.
std::string to_json(const Complaint& complaint, std::string_view instance);

/// What an error of the mesh is to somebody behind HTTP.
Problem problem_of(ErrorKind kind);
Complaint complaint_of(const Error& error);

/// The page of a type, Markdown.
std::string problem_page(const ProblemType& type);

}  // namespace taskmesh::http
