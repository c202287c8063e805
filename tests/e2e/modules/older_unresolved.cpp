// A module for an older taskmesh that calls a function which is there no more: it cannot even be loaded.
namespace taskmesh {
void gone_since(int);
}

extern "C" const char* taskmesh_task_module(const char*, void*) {
  taskmesh::gone_since(7);
  return "taskmesh task module for 0.0.6, libstdc++";
}
