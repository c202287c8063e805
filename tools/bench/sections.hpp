// Sections: what taskmesh_bench can measure. Each starts the mesh it needs, warms up, takes slices in turn, and adds lines
// to its figures: ours beside raw libzmq where raw libzmq can do something alike, else beside what the line's title says.
//
// Errors: std::runtime_error where something cannot be started, or an answer was wrong or missing.
#pragma once

#include <string>
#include <vector>

#include "bench/bench_mesh.hpp"
#include "bench/figures.hpp"
#include "bench/raw_load.hpp"

namespace taskmesh::bench {

struct Bench {
  const RawPeer& peer;
  std::uint64_t rounds = 9;
  std::uint64_t tasks = 0;  ///< Per slice, or in all where a section has a number of its own; 0: its default.
  std::size_t crowd = 50;   ///< Workers of the largest mesh.
};

struct Section {
  const char* name;
  const char* help;
  const char* against;  ///< The heading of the last column.
  void (*measure)(const Bench& bench, Figures& figures);
};

const std::vector<Section>& sections();

// Wire: sections_wire.cpp.
void measure_payloads(const Bench& bench, Figures& figures);
void measure_switches(const Bench& bench, Figures& figures);
void measure_clients(const Bench& bench, Figures& figures);
void measure_copies(const Bench& bench, Figures& figures);
// Rest: sections_rest.cpp.
void measure_callbacks(const Bench& bench, Figures& figures);
void measure_start(const Bench& bench, Figures& figures);
void measure_memory(const Bench& bench, Figures& figures);
// Crowds: sections_crowd.cpp.
void measure_idle(const Bench& bench, Figures& figures);
void measure_workers(const Bench& bench, Figures& figures);
// Balance: sections_balance.cpp.
void measure_makespan(const Bench& bench, Figures& figures);
void measure_open_loop(const Bench& bench, Figures& figures);

/// A load of 100 octets, as the sections begin with. Longer slices of lone tasks than `taskmesh bench` takes.
inline Load usual_load(const Bench& bench) {
  Load load;
  load.latency_slice = std::chrono::milliseconds(60);
  load.tasks_max = bench.tasks;
  return load;
}

/// Waits until what the last slice has left behind is over: acknowledgements, copies that are let go.
void settle();

/// So many workers of so many slots.
inline std::vector<WorkerShape> alike(std::size_t workers, std::uint32_t slots) {
  return std::vector<WorkerShape>(workers, WorkerShape{.slots = slots});
}

}  // namespace taskmesh::bench
