// What happens to a worker's tasks, as lines of its log at level debug.  Spec: proto/07-events.md section 5.
//
//   event 01a2...-running-1 taskmesh.task.running.v1 task add attempt 1
//
// Id and type are those of the event wherever else it is told. Threads: any. Errors: none.
#pragma once

#include <string>

#include "taskmesh/base/log.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::io {

/// The line of one event of worker `told.worker`, without what the log puts before each.
std::string event_line(const proto::TaskEvent& event, const core::EventsTold& told);
/// A line for each, and one for those of the turn that are missing.
void log_events(const core::EventsTold& told, const Log& log);

}  // namespace taskmesh::io
