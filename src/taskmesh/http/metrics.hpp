// Metrics: which numbers /metrics tells, with their names and units. docs/metrics.md lists them, and a test compares.
//
// Series of a worker have its id; they are there while it is known to live, and no longer. No task ids, no texts of others but
// the names of workers. Pure but for what the process says of itself. One thread.
#pragma once

#include <array>
#include <map>
#include <utility>
#include <vector>

#include "taskmesh/core/types.hpp"
#include "taskmesh/http/exposition.hpp"
#include "taskmesh/http/routes.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh::http {

/// What the web side counts of itself.
class RequestNumbers {
 public:
  /// One was answered. Null: it found no route.
  void answered(const Route* route, int status, Duration took);
  void replayed() { ++replayed_; }
  void write(Exposition& out, std::size_t open, std::size_t questions) const;

 private:
  std::map<std::pair<std::string_view, int>, std::uint64_t> by_status_;  // By pattern.
  std::map<std::string_view, TimeCounts> times_;
  std::uint64_t replayed_ = 0;
};

/// This build and this process.
void write_process(Exposition& out);
/// The mesh as this gateway sees it.
void write_mesh(Exposition& out, const std::vector<core::MemberView>& members);
/// Streams of GET /v1/events, and what they missed.
void write_streams(Exposition& out, std::size_t streams, std::uint64_t missed);
/// Spans of this process: those of the gateway, and of the worker that it goes with.
void write_spans(Exposition& out, std::uint64_t exported, std::uint64_t dropped);
/// The worker in this process.
void write_worker(Exposition& out, const WorkerCounters& counters);

}  // namespace taskmesh::http
