// Manual pages in man(7) macros, written from the tables of verbs and settings that --help and the parser use.
#pragma once

#include <string>
#include <vector>

#include "cli/verb.hpp"

namespace taskmesh::cli {

struct Page {
  std::string name;     ///< "taskmesh-submit"
  std::string section;  ///< "1"
  std::string text;     ///< roff
  std::string file() const { return name + "." + section; }
};

/// taskmesh.1, taskmesh-VERB.1 for each verb, taskmesh.toml.5. `version` as in "0.1.0".
std::vector<Page> manual(const std::vector<Verb>& verbs, const std::string& version);

}  // namespace taskmesh::cli
