// A module as an older taskmesh would have made it: it finds another version, does nothing and says its own.
extern "C" const char* taskmesh_task_module(const char*, void*) {
  return "taskmesh task module for 0.0.7, libstdc++";
}
