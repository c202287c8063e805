// Discovery: a source of "a worker can be reached there" and "that process has ended".
//
// The reactor asks every source in each turn. Sources have their descriptors in the reactor's Poller, so that
// news end its sleep; wake_at() is for what no descriptor tells. Threads: the reactor's, after start().
// Errors: none; what cannot be read is counted and left out.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "taskmesh/core/types.hpp"
#include "taskmesh/io/mailbox.hpp"
#include "taskmesh/io/poller.hpp"

namespace taskmesh::io {

class Discovery {
 public:
  Discovery() = default;
  Discovery(const Discovery&) = delete;
  Discovery& operator=(const Discovery&) = delete;
  virtual ~Discovery() = default;

  /// Called once on the reactor's thread before its first turn. `poller` and `mailbox` outlive the source.
  virtual void start(Poller& poller, Mailbox& mailbox) = 0;
  /// Appends Found and Gone events. Never blocks.
  virtual void collect(TimePoint now, std::vector<core::Event>& out) = 0;
  /// When to ask again although nothing happens.
  virtual std::optional<TimePoint> wake_at() const = 0;
  /// The node leaves: what it published is withdrawn, nothing more is watched.
  virtual void stop() = 0;
  /// Published by others and not usable.
  virtual std::uint64_t ignored() const { return 0; }
};

}  // namespace taskmesh::io
