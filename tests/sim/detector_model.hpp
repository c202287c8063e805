// DetectorModel: how soon is a dead worker known, and how often is a living one called dead, by the product's own code?
//
// Workers with a core::Membership each, all connected to all. A record that is lost is late (200 ms, doubling, as TCP
// sends it again) and holds up what is behind it on its connection. Some workers are starved: they run for Exp(1 s),
// stand still for Exp(2 s), at most 10 s, and so on; the others have a hiccup of Exp(30 ms) now and then. Each 20 s
// the host of a worker that is not starved is gone without a word; it is back 15 s later as a new one.
#pragma once

#include <cstdint>

#include "taskmesh/core/config.hpp"

namespace taskmesh::sim {

struct DetectorSetting {
  std::uint32_t nodes = 64;
  double loss = 0;
  double starved = 0;  ///< Share of the workers.
  core::DetectorRules rules;
  Duration span = 30min;
};

struct DetectorOutcome {
  std::uint32_t deaths = 0;
  double first_p50_s = 0;  ///< Until the first one knew.
  double all_p50_s = 0;    ///< Until all knew that are not starved.
  double all_p99_s = 0;
  double missed = 0;          ///< Share of the deaths that not all had noticed when it was back, 15 s later.
  double false_per_hour = 0;  ///< A worker that is not starved was called dead: per such worker and hour.
  double starved_per_hour = 0;    ///< The same for the starved ones.
  double records_per_second = 0;  ///< Sent by each worker.
};

/// Same setting and seed, same outcome.
DetectorOutcome run_detector(const DetectorSetting& setting, std::uint64_t seed);

}  // namespace taskmesh::sim
