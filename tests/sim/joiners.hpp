// Joiners: a mesh that grows (and shrinks) under load, with keyed tasks among the others.
// Spec: proto/03-tasks.md section 11, proto/05-keepers.md sections 9 and 11.
//
// A worker that joins, or comes back with empty memory, knows nothing of what was submitted before. Still the work of a key
// is done under one task only, whoever submits it where and when; nothing is lost, and without faults nothing runs twice.
// One seed, one history.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/rules.hpp"

namespace taskmesh::sim {

struct JoinPlan {
  int workers = 3;
  int joins = 6;
  int leaves = 0;
  int crashes = 0;  ///< Workers that die, one each 20 s; back soon, or later...
  int pauses =
      0;  ///< Workers that stand still for a while, one each 20 s, half of them just when they ask about a key.
  int tasks = 240;
  int replicas = 1;
  double keyed = 0.4;
  double once = 0;
  double cancels = 0;
  Duration remembers = 30s;  ///< Keys are used again for so long after they were used last.
  bool lossy = false;
  bool at_once = false;    ///< ... or before anybody can notice.
  bool scattered = false;  ///< Clients send tasks of one key to any worker.
  bool seed_only = false;  ///< Who joins learns of the others from one of them.
  core::Rules rules;
};

struct JoinOutcome {
  std::uint64_t hash = 0;  ///< Of the whole history.
  std::uint64_t accepted = 0;
  std::uint64_t lost = 0;       ///< Accepted, and its end is `lost` or was never told.
  std::uint64_t leaked = 0;     ///< Records at the end.
  std::uint64_t extra = 0;      ///< Starts of a task beyond its first.
  std::uint64_t keys = 0;       ///< That were submitted more than once.
  std::uint64_t forgotten = 0;  ///< Tasks that were started although another one with their key had been.
  core::NodeCounters counters;
  std::vector<std::string> failures;
  std::vector<std::string> notes;

  void add(const JoinOutcome& one);
};

JoinOutcome run_joiners(std::uint64_t seed, const JoinPlan& plan);

}  // namespace taskmesh::sim
