// Order: what a request asks the mesh to run, read from its query and its body.
//
// Pure; plain values; any thread. What is wrong is told as one FieldError for each wrong part; docs/http.md lists the
// options.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/json.hpp"
#include "taskmesh/http/fields.hpp"
#include "taskmesh/http/problem.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"

namespace taskmesh::http {

struct Order {
  detail::CallParts call;
  SubmitOptions options;
  Callback callback;
};

/// The names of all options, for documents and tests.
const std::vector<std::string>& option_names();

/// Sets one option by its name. The reason where it cannot be.
std::optional<std::string> set_option(Order& order, std::string_view name, const std::string& text);

/// POST /v1/tasks/NAME?priority=high with [2, 3] as its body; an empty body is no arguments. Wrong parts are appended to
/// `errors`; then the order is worth nothing.
Order read_order(const std::string& name, const Parameters& query, std::string_view body,
                 std::vector<FieldError>& errors);

/// An array of {"name": "add", "args": [2, 3], "priority": "high"}.
std::vector<Order> read_batch(std::string_view body, std::vector<FieldError>& errors);

}  // namespace taskmesh::http
