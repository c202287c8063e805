#include "taskmesh/core/tasks/task_trace.hpp"

#include <algorithm>
#include <string>
#include <utility>

#include "taskmesh/base/trace_context.hpp"

namespace taskmesh::core {

proto::Trace checked_trace(proto::Trace trace) {
  if (!is_traceparent(trace.parent)) return {};
  if (!is_tracestate(trace.state)) trace.state.clear();
  return trace;
}

proto::Trace trace_of(const std::vector<Header>& headers) {
  const auto value = [&](std::string_view name) {
    const auto found = std::ranges::find(headers, name, &Header::name);
    return found == headers.end() ? std::string() : found->value;
  };
  std::string parent = value("traceparent");
  if (parent.empty()) return {};
  return checked_trace({.parent = std::move(parent), .state = value("tracestate")});
}

}  // namespace taskmesh::core
