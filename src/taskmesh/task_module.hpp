// Task module: a shared library that `taskmesh worker --tasks FILE` loads and whose tasks it serves.
//
//   #include <taskmesh/task_module.hpp>
//   TASKMESH_TASK_MODULE(worker) {
//     worker.serve("add", [](int a, int b) { return a + b; });
//   }
//
// Build it with taskmesh_add_module (CMake), or as any shared library with taskmesh's headers in sight. A module has
// no taskmesh of its own: it calls the one of the worker that loads it. So both must be of one version, compiled
// with one kind of standard library; the worker checks that first, and refuses others. See docs/task_modules.md.
// Lifetime: a module stays loaded until the process ends.
// Errors: what is thrown while it registers keeps the worker from starting.
#pragma once

#include <cstring>

#include "taskmesh/version.hpp"
#include "taskmesh/worker.hpp"

#if defined(_LIBCPP_VERSION)
#define TASKMESH_MODULE_LIBRARY "libc++"
#elif defined(_GLIBCXX_DEBUG)
#define TASKMESH_MODULE_LIBRARY "libstdc++ in debug mode"
#elif defined(_GLIBCXX_USE_CXX11_ABI) && !_GLIBCXX_USE_CXX11_ABI
#define TASKMESH_MODULE_LIBRARY "libstdc++ with its old strings"
#else
#define TASKMESH_MODULE_LIBRARY "libstdc++"
#endif

/// What worker and module must agree on. The words before the version tell what it is to who finds it in a file.
#define TASKMESH_MODULE_MARK "taskmesh task module for "
#define TASKMESH_MODULE_BUILT_FOR TASKMESH_MODULE_MARK TASKMESH_HEADER_VERSION ", " TASKMESH_MODULE_LIBRARY

/// The one function that a module exports; the macro below writes it. `host` is the TASKMESH_MODULE_BUILT_FOR of the
/// caller. The same as ours: registers the tasks, returns nullptr, throws what registering throws. Another: does
/// nothing and returns ours.
extern "C" __attribute__((visibility("default"))) const char* taskmesh_task_module(const char* host,
                                                                                   taskmesh::Worker* worker);

/// Once per module, outside of functions; a body follows that registers tasks with the Worker& of that name. It runs
/// once, before the worker starts: start(), stop() and run() are not its business.
#define TASKMESH_TASK_MODULE(worker)                                                          \
  static void taskmesh_register_tasks(::taskmesh::Worker& worker);                            \
  extern "C" const char* taskmesh_task_module(const char* host, ::taskmesh::Worker* served) { \
    static const char built_for[] = TASKMESH_MODULE_BUILT_FOR;                                \
    if (::std::strcmp(host, built_for) != 0) return built_for;                                \
    taskmesh_register_tasks(*served);                                                         \
    return nullptr;                                                                           \
  }                                                                                           \
  static void taskmesh_register_tasks(::taskmesh::Worker& worker)
