// PackedTask: a task that waits, far from its turn, in as few octets as say all of it.
//
// A TaskRecord has room for whatever may happen to a task. To one that was accepted and waits nothing has happened yet:
// what it was submitted with is all there is to know, in one piece of memory together with its arguments. So a worker with
// a million waiting tasks needs a third of what records of them take (docs/performance.md, docs/decisions/0032).
// What only its acceptance needed (Submit::flags, settled, age_ms) is not kept. Plain values; any thread.
#pragma once

#include <memory>
#include <new>
#include <string>
#include <vector>

#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

struct PackedTask;  // Longer than its type says: made by pack() alone.
struct FreePacked {
  void operator()(PackedTask* task) const noexcept { ::operator delete(static_cast<void*>(task)); }
};
using PackedTaskPtr = std::unique_ptr<PackedTask, FreePacked>;

/// The task, if all there is to say of it can be packed, and that is worth it; else null. The record stays as it is.
PackedTaskPtr pack(const TaskRecord& task);
/// Into a record that is clear. `names`: of tasks, by their numbers in records.
void unpack(const PackedTask& packed, const std::vector<std::string>& names, TaskRecord& task);
const TaskId& id_of(const PackedTask& packed);

}  // namespace taskmesh::core
