// SubmitPlan: what a call of Client asks for, checked, in the core's words. Internal to the face.
//
// Errors: invalid or refused, with what, why and fix; nothing has happened then. Pure but for the names of callback
// hosts, which are looked up, and the clock. Threads: any.
#pragma once

#include <optional>
#include <string>

#include "taskmesh/core/types.hpp"
#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"

namespace taskmesh::detail {

struct SubmitPlan {
  core::SubmitTask task;  ///< Without id, token and delay.
  std::optional<TimePoint> not_before{};
  std::uint16_t id_flags = 0;  ///< For make_task_id.
};

/// Checks everything that can be known here. `insecure`: callback addresses may be beyond this host.
Result<SubmitPlan> plan_submit(CallParts call, const Callback& callback, const SubmitOptions& options,
                               bool insecure);

/// The event, with what is left of its delay.
core::SubmitTask event_of(SubmitPlan&& plan, const TaskId& id);

}  // namespace taskmesh::detail
