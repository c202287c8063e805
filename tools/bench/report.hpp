// Report: what a run has measured, as text for people and as one JSON document. Ratios first, each formed per
// round, the absolute figures beside them; no verdict.
#pragma once

#include <string>
#include <vector>

#include "bench/mesh_load.hpp"
#include "bench/slice.hpp"

namespace taskmesh::bench {

/// The figures of one round; all slices were taken within a second of each other.
struct Round {
  Latency lone;
  Latency raw;
  double flood = 0;
  double flood_copied = 0;  ///< Each task held by one more worker; 0 where there is none.
  double fire_and_forget = 0;
  double raw_echo = 0;
  double raw_one_way = 0;
};

/// What the figures depend on.
struct Facts {
  unsigned cores = 0;
  double load_average = 0;  ///< Of the last minute, when the run began.
  std::string mesh;
  std::size_t workers = 0;
  std::uint64_t slots = 0;  ///< Of all workers together.
};
/// This machine now.
Facts machine_facts();

struct Report {
  Load load;
  Facts facts;
  std::vector<Round> rounds;
  Answers answers;
};

std::string to_text(const Report& report);
std::string to_json(const Report& report);

}  // namespace taskmesh::bench
