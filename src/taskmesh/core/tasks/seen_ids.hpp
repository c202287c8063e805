// SeenIds: has this task id been accepted here before?  Spec: proto/03-tasks.md section 6.
//
// Exact, one bit per id: ids of one client differ by a counter, and every SUBMIT says below which counter
// its client never sends again (`settled`). So memory follows what is in flight, not the number of tasks ever
// run. Bounds: ids_max bits per client (older repeats are too_old), clients_max clients (the least recently
// heard goes first, not before dedup_window unless the table is full). Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <list>
#include <unordered_map>

#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::core {

class SeenIds {
 public:
  enum class Answer : std::uint8_t { fresh, seen, too_old };

  /// Asks and, when fresh, remembers. `again`: the client says it sent this id before.
  Answer check(const TaskId& id, std::uint32_t settled, bool again, TimePoint now);
  /// Takes back a fresh answer: the task was not accepted after all.
  void forget(const TaskId& id);
  std::size_t clients() const;
};

}  // namespace taskmesh::core
