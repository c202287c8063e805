// A module that cannot register its tasks.
#include <stdexcept>
#include <taskmesh/task_module.hpp>

TASKMESH_TASK_MODULE(worker) {
  worker.serve("never", [] { return 0; });
  throw std::runtime_error("the model file is not there");
}
