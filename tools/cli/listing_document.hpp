// Workers and tasks in lists, as JSON: the members that docs/cli.md names.
#pragma once

#include "taskmesh/base/json.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::cli {

void write_worker(JsonWriter& writer, const WorkerInfo& worker);
void write_task(JsonWriter& writer, const TaskInfo& task);

}  // namespace taskmesh::cli
