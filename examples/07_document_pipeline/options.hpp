// The program's arguments.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "worker.hpp"

namespace pipeline {

struct Options {
  std::string folder;  ///< Empty: the default documents.
  std::string out_dir = "taskmesh-site";
  std::size_t limit = 300;  ///< Documents at most; 0: all.
  std::uint32_t workers = 3;
  std::uint32_t slots = 0;  ///< Per worker; 0: the cores, shared by the workers.
  bool plain = false;       ///< Print only what is the same on every run.
  bool kill_one = false;    ///< Kill a worker in the middle.
  bool help = false;
  bool is_worker = false;  ///< Started by ourselves as a worker: `worker` says which.
  WorkerSetup worker;
};

/// Throws std::invalid_argument with a text for people.
Options parse_options(int argc, const char* const* argv);

extern const char* const usage;

}  // namespace pipeline
