// Task modules: shared libraries whose tasks a worker serves.  The contract: taskmesh/task_module.hpp.
//
// Loading runs the module's code in this process, with its rights. A module is never unloaded: the worker's handlers
// are functions in it.
// Errors: Failure (invalid): no such file, no library, no module, for another taskmesh, it threw, a name is taken.
#pragma once

#include <string>

namespace taskmesh {
class Worker;
}

namespace taskmesh::cli {

/// Loads the file (a path, never searched for) and lets it register its tasks. Throws Failure.
void load_task_module(Worker& worker, const std::string& path);

}  // namespace taskmesh::cli
