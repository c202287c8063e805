// The worker process: serves all five stages until SIGTERM.
#pragma once

#include <cstdint>
#include <string>

namespace pipeline {

struct WorkerSetup {
  std::string mesh;
  std::string name;
  std::uint32_t slots = 1;
};

/// Returns the exit code. Throws taskmesh::Failure if it cannot join the mesh.
int run_worker(const WorkerSetup& setup);

}  // namespace pipeline
