// BenchMesh: a mesh to be measured, as processes of its own: this program again, as workers. They serve the built-in tasks
// and two more: `stamp` returns the time at which it ends, `take_us` takes as long as it is told.
//
// All meshes are in one runtime directory that is made for this process (BenchHost), so that nobody else is seen. The
// processes end with their object, or with us. Errors: std::runtime_error.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/options.hpp"
#include "taskmesh/task.hpp"

namespace taskmesh::bench {

/// Of the clock that all processes of a machine share, in nanoseconds.
inline const Task<std::int64_t()> stamp{"stamp"};
inline const Task<int(int)> take_us{"take_us"};
std::int64_t steady_ns();

/// The runtime directory of this process and of all that it starts. One per process, before any mesh.
class BenchHost {
 public:
  BenchHost();
  ~BenchHost();
  BenchHost(const BenchHost&) = delete;
  BenchHost& operator=(const BenchHost&) = delete;

 private:
  std::string folder_;
};

struct WorkerShape {
  std::uint32_t slots = 1;
  double slowness = 1;  ///< `take_us` takes so many times as long.
  std::size_t queue_tasks_max = limits::queue_tasks_max;
};

class BenchMesh {
 public:
  /// Starts them; returns when all serve and know each other.
  explicit BenchMesh(const std::vector<WorkerShape>& workers);
  ~BenchMesh();
  BenchMesh(const BenchMesh&) = delete;
  BenchMesh& operator=(const BenchMesh&) = delete;

  /// For a client of this mesh.
  ClientOptions client() const;
  /// From the start of the first process until it served.
  std::chrono::nanoseconds first_start() const { return first_start_; }
  /// Processor time of all workers so far.
  std::chrono::nanoseconds processor_time() const;
  /// Memory of the first worker, in octets, and what of it is no other's: no code, no shared libraries.
  std::uint64_t memory() const;
  std::uint64_t own_memory() const;
  /// How often threads of the first worker have gone to sleep so far.
  std::uint64_t sleeps() const;
  /// The first worker stands still, and goes on.
  void pause() const;
  void go_on() const;

 private:
  struct Memory {
    std::uint64_t resident = 0;
    std::uint64_t shared = 0;
  };

  void start(const WorkerShape& shape);
  void wait_until_all_are_seen() const;
  void end();
  Memory memory_of_first() const;

  std::string name_;
  std::vector<pid_t> pids_;
  std::chrono::nanoseconds first_start_{};
};

/// Octets that this machine (this network namespace) has sent over loopback so far, with the headers of TCP and IP.
std::uint64_t loopback_octets();

/// How often threads of a process that still run have gone to sleep so far: voluntary context switches.
std::uint64_t sleeps_of(pid_t pid);

/// The other side: `PROGRAM worker MESH SLOTS SLOWNESS QUEUE_TASKS_MAX`. Returns the exit code.
int run_worker(const std::vector<std::string>& words);

}  // namespace taskmesh::bench
