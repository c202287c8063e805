// PlacementModel: how long do tasks wait, when clients place them with the product's own code?
//
// Workers with one slot run first in, first out. Tasks arrive as a Poisson process, each at a random client, and
// take a bounded Pareto time (a = 1.5, 1:5000, mean 10 ms); each record is 0.25 ms under way. Every client has a
// core::Membership, LoadView and Placement of its own, fed by what the workers say: WELCOME, ACCEPTED, NOTIFY and
// HEARTBEAT. The yardstick is one ideal queue before all workers, with the same arrivals and task times.
#pragma once

#include <cstdint>
#include <vector>

namespace taskmesh::sim {

/// One setting, and the most that placement may cost there as a multiple of the ideal queue (docs/performance.md).
struct PlacementCell {
  std::uint32_t workers = 1;
  std::uint32_t clients = 1;
  std::uint32_t load_percent = 80;
  double goal_p50 = 0;
  double goal_p99 = 0;
};

/// Times from submit to end.
struct Sojourn {
  double p50_ms = 0;
  double p99_ms = 0;
};

struct PlacementOutcome {
  Sojourn placed;
  Sojourn ideal;
  Sojourn reference;  ///< The textbook rule C3 on the same arrivals: load of the last answer + own x clients.
  double p50() const { return placed.p50_ms / ideal.p50_ms; }
  double p99() const { return placed.p99_ms / ideal.p99_ms; }
  double reference_p50() const { return reference.p50_ms / ideal.p50_ms; }
  double reference_p99() const { return reference.p99_ms / ideal.p99_ms; }
};

/// The nine settings of the table.
const std::vector<PlacementCell>& placement_cells();

/// Same cell, tasks and seeds, same outcome: the mean over the seeds 1 to `seeds`.
PlacementOutcome run_placement(const PlacementCell& cell, std::uint32_t tasks, std::uint32_t seeds);

}  // namespace taskmesh::sim
