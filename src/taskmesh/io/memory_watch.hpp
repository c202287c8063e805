// MemoryWatch: how much memory this process has in use, told to the core each second, and whenever tasks and results
// of `step` octets have come in: before them, so that what would be too much is refused and not seen a second later.
// Spec: docs/limits.md, "Tasks"; what follows from it is decided in core/tasks/executor_role.
//
// From the high mark on, until it is below the low one, memory that was freed is given back to the system before it is
// measured (the allocator would keep it, and a worker that let go of everything would still look full).
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

  struct Marks {
    std::uint64_t low = 0;
    std::uint64_t high = 0;
    std::uint64_t step = 0;  ///< So much may come in between two looks.
  };
  explicit MemoryWatch(Marks marks, Measure measure = resident_bytes);

  void start(Poller& poller, Mailbox& mailbox) override;
  void collect(TimePoint now, std::vector<core::Event>& out) override;
  std::optional<TimePoint> wake_at() const override { return next_look_; }
  void stop() override { next_look_.reset(); }

 private:
  std::optional<std::uint64_t> look(TimePoint now);

  Marks marks_;
  Measure measure_;
  bool giving_back_ = false;
  std::uint64_t came_in_ = 0;  // Since the last look.
  TimePoint not_before_{};     // While giving back: the next look because of what came in.
  std::optional<TimePoint> next_look_;
};

}  // namespace taskmesh::io
