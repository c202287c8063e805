// Help: a verb's table as text for people. What it does, examples, arguments and flags with their units and
// defaults, exit codes.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.hpp"

namespace taskmesh::cli {

std::string help_of(const Verb& verb);
/// `taskmesh --help`: every verb in a line.
std::string overview(const std::vector<Verb>& verbs);

}  // namespace taskmesh::cli
