// The trace that a task belongs to, among its headers.  Spec: proto/03-tasks.md section 4.
//
// Pure; threads: any. What comes from others is looked at before it is told to anybody else: what is no valid trace
// context is none.
#pragma once

#include <vector>

#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::core {

/// The headers `traceparent` and `tracestate`; empty where the first is missing or not valid.
proto::Trace trace_of(const std::vector<Header>& headers);
/// As it came, or empty where it is no valid trace context; without its state where that alone is not valid.
proto::Trace checked_trace(proto::Trace trace);

}  // namespace taskmesh::core
