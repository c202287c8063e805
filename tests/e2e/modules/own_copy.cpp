// A module that was linked with a library of its own, which it should not be: it calls its worker's all the same.
#include <taskmesh/taskmesh.hpp>

TASKMESH_TASK_MODULE(worker) {
  worker.serve("own_copy", [](taskmesh::TaskContext& context, const std::string& text) {
    if (text.empty()) throw taskmesh::Failure({.kind = taskmesh::ErrorKind::refused, .what = "no text"});
    taskmesh::Client client;
    return client.submit_task<std::string>("echo", text + " " + std::to_string(context.attempt())).value();
  });
}
