// The verbs of the binary, one file each. A new verb is a line here and one in verbs.cpp: parser, help, completion
// and manual pages follow.
#pragma once

#include <vector>

#include "cli/verb.hpp"

namespace taskmesh::cli {

Verb worker_verb();
Verb submit_verb();
Verb status_verb();
Verb result_verb();
Verb cancel_verb();
Verb tasks_verb();
Verb workers_verb();
Verb top_verb();
Verb callbacks_verb();
Verb listen_verb();
Verb webhook_verb();
Verb config_verb();
Verb doctor_verb();
Verb gateway_verb();
Verb completion_verb();
Verb man_verb();
Verb bench_verb();

/// All of them, in the order of the overview.
std::vector<Verb> verbs();

}  // namespace taskmesh::cli
