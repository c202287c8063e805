// A module beside another one: functions of the same names, tasks of other names.
#include <taskmesh/task_module.hpp>

TASKMESH_TASK_MODULE(worker) {
  worker.serve("second", [] { return 2; });
}
