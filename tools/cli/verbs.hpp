// The verbs of the binary, one file each. main.cpp puts them in a row; a new verb is a line here and one
// there.
#pragma once

#include "cli/verb.hpp"

namespace taskmesh::cli {

Verb worker_verb();
Verb submit_verb();
Verb status_verb();
Verb result_verb();
Verb workers_verb();
Verb listen_verb();
Verb bench_verb();

}  // namespace taskmesh::cli
