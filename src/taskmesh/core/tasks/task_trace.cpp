#include "taskmesh/core/tasks/task_trace.hpp"

#include <algorithm>

#include "taskmesh/base/trace_context.hpp"

namespace taskmesh::core {

Boxed<proto::Trace> trace_of(const std::vector<Header>& headers) {
  const auto parent = std::ranges::find(headers, "traceparent", &Header::name);
  if (parent == headers.end() || !is_traceparent(parent->value)) return {};
  proto::Trace trace{.parent = parent->value, .state = {}};
  const auto state = std::ranges::find(headers, "tracestate", &Header::name);
  if (state != headers.end() && is_tracestate(state->value)) trace.state = state->value;
  return trace;
}

}  // namespace taskmesh::core
