#include "cli/verbs.hpp"

namespace taskmesh::cli {

std::vector<Verb> verbs() {
  return {
      worker_verb(),  submit_verb(), status_verb(),     result_verb(), cancel_verb(),  tasks_verb(),
      workers_verb(), top_verb(),    callbacks_verb(),  listen_verb(), webhook_verb(), doctor_verb(),
      gateway_verb(), config_verb(), completion_verb(), man_verb(),    bench_verb(),
  };
}

}  // namespace taskmesh::cli
