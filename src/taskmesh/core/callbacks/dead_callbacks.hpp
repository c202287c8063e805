// DeadCallbacks: events whose delivery was given up, kept for a while so that somebody can see them and have them
// tried again.  Spec: proto/04-callbacks.md section 6.
//
// Bounded by number, size and time; the oldest go first, and nobody is told. One event per task.
// Pure; one thread; time never decreases.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/core/tasks/task_record.hpp"
#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class DeadCallbacks {
 public:
  struct Dead {
    EndedPtr ended;
    std::uint32_t deliveries = 0;
    std::string why;
    TimePoint since{};
    TimePoint until{};
  };

  DeadCallbacks(std::size_t count_max, std::uint64_t bytes_max)
      : count_max_(count_max), bytes_max_(bytes_max) {}

  /// `until` never decreases from call to call.
  void add(Dead dead);
  /// The one of this task, and it is not here any more.
  std::optional<Dead> take(const TaskId& id);
  /// The tasks whose events are here, oldest first; of one address, or (empty) of all.
  std::vector<TaskId> ids(const std::string& address) const;
  void expire(TimePoint now);
  std::size_t size() const { return dead_.size(); }
  std::uint64_t bytes() const { return bytes_; }

  /// Calls look(const Dead&) from number `from` on, oldest first, until it says false or `budget` were looked at.
  /// The number to go on from; 0: the end.
  template <class Look>
  std::uint64_t visit(std::uint64_t from, std::size_t& budget, Look&& look) const {
    for (auto at = dead_.lower_bound(from); at != dead_.end(); ++at) {
      if (budget == 0) return at->first;
      --budget;
      if (!look(at->second)) return at->first;
    }
    return 0;
  }

 private:
  using Table = std::map<std::uint64_t, Dead>;
  void drop(Table::iterator at);

  std::size_t count_max_;
  std::uint64_t bytes_max_;
  Table dead_;  // By age.
  std::unordered_map<TaskId, std::uint64_t> by_id_;
  std::uint64_t next_number_ = 1;
  std::uint64_t bytes_ = 0;
};

}  // namespace taskmesh::core
