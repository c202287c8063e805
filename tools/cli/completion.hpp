// Shell completion, written from the table of verbs: verbs, flags, and the values of those flags that have a known
// set of them or name a file. Plain text for each shell; nothing is asked of a mesh while somebody types.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.hpp"

namespace taskmesh::cli {

/// For bash, without the package bash-completion; also where '=' splits words.
std::string bash_completion(const std::vector<Verb>& verbs);
/// For zsh: a file `_taskmesh` in its fpath, or to be evaluated after compinit.
std::string zsh_completion(const std::vector<Verb>& verbs);
std::string fish_completion(const std::vector<Verb>& verbs);

}  // namespace taskmesh::cli
