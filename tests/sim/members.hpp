// Members: who is believed to be alive, while processes are paused, frozen, killed, restarted and cut off. One seed, one
// world; an oracle that knows every fault looks at every belief; then the faults stop, and all must agree within a minute.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/core/config.hpp"

namespace taskmesh::sim {

struct MembersOutcome {
  std::uint64_t seed = 0;
  std::uint64_t hash = 0;  ///< Of the whole history.
  std::vector<std::string> failures;
  std::vector<std::string> notes;
  core::NodeCounters counters;
  std::uint64_t early_deaths = 0;  ///< Called dead because a connection was refused.
};

/// All workers play by `rules`; other than the default ones should be found out.
MembersOutcome run_members(std::uint64_t seed, const core::DetectorRules& rules = {});

}  // namespace taskmesh::sim
