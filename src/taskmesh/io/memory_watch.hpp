// MemoryWatch: how much memory this process has in use, told to the core each second.
// Spec: docs/limits.md, "Memory"; what follows from it is decided in core/tasks/executor_role.
//
// Between the high and the low mark memory that was freed is given back to the system before it is measured (the
// allocator would keep it, and a worker that let go of everything would still look full).
// Threads: the reactor's, after start(). Errors: none; where /proc cannot be read nothing is told.
#pragma once

#include <functional>
#include <string>

#include "taskmesh/io/discovery.hpp"

namespace taskmesh::io {

/// Octets of memory that this process has in use (resident). Nothing where the system does not say.
std::optional<std::uint64_t> resident_bytes();

/// The least memory.max of this process's control group (version 2) and of those above it. Nothing: none is set, or the
/// system does not say. `proc_cgroup` and `mount` are where the system tells it.
std::optional<std::uint64_t> cgroup_memory_max(const std::string& proc_cgroup = "/proc/self/cgroup",
                                               const std::string& mount = "/sys/fs/cgroup");

class MemoryWatch final : public Discovery {
 public:
  using Measure = std::function<std::optional<std::uint64_t>()>;

  /// The marks at which freed memory begins and ceases to be given back.
  MemoryWatch(std::uint64_t low, std::uint64_t high, Measure measure = resident_bytes);

  void start(Poller& poller, Mailbox& mailbox) override;
  void collect(TimePoint now, std::vector<core::Event>& out) override;
  std::optional<TimePoint> wake_at() const override { return next_look_; }
  void stop() override { next_look_.reset(); }

 private:
  std::uint64_t low_;
  std::uint64_t high_;
  Measure measure_;
  bool giving_back_ = false;
  std::optional<TimePoint> next_look_;
};

}  // namespace taskmesh::io
