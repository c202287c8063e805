// The commands that run a plan again, and the plan of a command.
//
// taskmesh_keepers FAULTS [SEEDS [REPLICAS [BROKEN_RULE [FIRST_SEED [NAME=VALUE...]]]]], and so taskmesh_joiners HOW ...
// The names are those of the plan; a flag alone means 1. What is not said is as in `usual_plan`.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/joiners.hpp"
#include "sim/keepers.hpp"

namespace taskmesh::sim {

template <class Plan>
struct Command {
  Plan plan;
  std::string how;
  int rule = 0;  ///< That is broken; 0: none.
  std::uint64_t first = 1;
  std::uint64_t count = 20;
  std::string wrong;  ///< The word that nobody understands; empty: there is none.
};

/// Of the swarm: some of everything.
KeeperPlan usual_plan(Faults faults);
/// Run this one seed of the plan, whatever the plan is.
std::string command_of(const KeeperPlan& plan, std::uint64_t seed);
std::string command_of(const JoinPlan& plan, std::uint64_t seed);
/// The words behind the program's name.
Command<KeeperPlan> read_keepers(const std::vector<std::string>& words);
Command<JoinPlan> read_joiners(const std::vector<std::string>& words);

}  // namespace taskmesh::sim
