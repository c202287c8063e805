// Swarm: one world per seed. The seed chooses the processes, the weather, the work and the faults; then the
// faults stop, and everything must come true that was promised.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/core/config.hpp"

namespace taskmesh::sim {

struct Outcome {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;     ///< Of the whole history.
  std::uint64_t entries = 0;  ///< Events that nodes have handled.
  std::vector<std::string> failures;
  std::vector<std::string> notes;
  core::NodeCounters counters;
  std::uint64_t parked = 0;    ///< Listeners that came back to parked events.
  std::uint64_t breakers = 0;  ///< Listeners left alone after bad answers.
  std::uint64_t told_lost = 0;
};

Outcome run_seed(std::uint64_t seed);

}  // namespace taskmesh::sim
