// Doctor: why is a mesh not seen from here? Each thing that has to be right is looked at and told as a Finding.
//
// Nothing is changed: no directory or token is made, no entry removed, no task submitted.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/inspection.hpp"

namespace taskmesh::cli {

enum class Verdict { ok, warning, problem };

struct Finding {
  Verdict verdict = Verdict::ok;
  std::string check;  ///< "directory", "token", ...
  std::string what;
  std::string why = {};
  std::string fix = {};
};
using Findings = std::vector<Finding>;

/// What a node would join, and what is there.
struct Patient {
  std::string mesh;
  std::vector<std::string> seeds;
  std::string token_file;
  bool insecure = false;
  Duration wait{};
  io::HostSurvey survey;
};

/// Directory, space, token, clock.
Findings examine_directory(const Patient& patient);
/// Workers of this host and seeds, by a real greeting; other meshes and sessions where none is found.
Findings examine_workers(const Patient& patient);
/// Open files, ports, libzmq, notifications.
Findings examine_machine();

}  // namespace taskmesh::cli
