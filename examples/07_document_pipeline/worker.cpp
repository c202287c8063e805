#include "worker.hpp"

#include <taskmesh/taskmesh.hpp>

#include "stages/classify.hpp"
#include "stages/extract.hpp"
#include "stages/generate.hpp"
#include "stages/postprocess.hpp"
#include "stages/rules.hpp"
#include "tasks.hpp"

namespace pipeline {

int run_worker(const WorkerSetup& setup) {
  taskmesh::Worker worker{{.mesh = setup.mesh, .name = setup.name, .slots = setup.slots}};
  worker.serve(tasks::extract, extract);
  worker.serve(tasks::classify, classify);
  worker.serve(tasks::apply_rules, apply_rules);
  worker.serve(tasks::generate, generate);
  worker.serve(tasks::postprocess, postprocess);
  worker.run();
  return 0;
}

}  // namespace pipeline
