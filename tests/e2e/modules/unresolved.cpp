// A module of the right version that was linked without a library which it uses.
#include <taskmesh/task_module.hpp>

namespace pictures {
int size_of(int);
}

TASKMESH_TASK_MODULE(worker) { worker.serve("size", &pictures::size_of); }
