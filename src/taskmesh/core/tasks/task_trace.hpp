// The trace that a task belongs to, among its headers.  Spec: proto/03-tasks.md section 9.
//
// Pure; threads: any. What comes from others is looked at before it is told to anybody else: what is no valid trace
// context is none.
#pragma once

#include <vector>

#include "taskmesh/base/boxed.hpp"
#include "taskmesh/proto/tasks.hpp"

namespace taskmesh::core {

/// The headers `traceparent` and `tracestate`; an empty box where the first is missing or not valid.
Boxed<proto::Trace> trace_of(const std::vector<Header>& headers);

}  // namespace taskmesh::core
