// A task module of a user's project: built with an installed taskmesh, loaded by its binary.
#include <taskmesh/task_module.hpp>

TASKMESH_TASK_MODULE(worker) {
  worker.serve("multiply", [](int a, int b) { return a * b; });
}
