// A module that registers nothing.
#include <taskmesh/task_module.hpp>

TASKMESH_TASK_MODULE(worker) { static_cast<void>(worker); }
