// WaitingRoom: tasks that have no worker yet, by name, four priorities, first
// in, first out inside each. Spec: proto/03-tasks.md section 5.
//
// What could not be placed blocks its name, not its neighbours, until something
// changes: so a turn without a change costs nothing, however many wait. Tasks
// that came back from a worker go before those never sent. Entries live in
// InFlight; this only chains them. Pure; one thread.
#pragma once

#include <array>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "taskmesh/core/tasks/in_flight.hpp"

namespace taskmesh::core {

/// All that waits under one task name; of tasks with a key, all that waits for
/// one worker besides.
struct WaitingName {
  struct Lane {
    SlotList returned;
    SlotList fresh;
  };
  std::string text;
  NodeId lane;                ///< The one worker that will do; nil: any.
  std::array<Lane, 4> lanes;  ///< By priority.
  std::size_t size = 0;
  bool blocked = false;
  bool unserved = false;     ///< Blocked because reachable workers do not serve it.
  std::uint64_t queued = 0;  ///< Key of its valid entry in the heap; 0: none.
};

class WaitingRoom {
 public:
  explicit WaitingRoom(InFlight& tasks) : tasks_(tasks) {}

  /// The task waits from now on; `returned`: a worker gave it back.
  void push(std::uint32_t slot, bool returned) { push(slot, returned, NodeId{}); }
  /// It waits no more (placed or ended).
  void remove(std::uint32_t slot);
  /// The most urgent task of the names that are not blocked; no_slot: none.
  std::uint32_t front();
  /// It waits for this worker alone, and holds up nobody who does not. False:
  /// it did so already.
  bool wait_for(std::uint32_t slot, NodeId node);
  /// Nothing under this task's name can be placed until unblock().
  void block(std::uint32_t slot, bool unserved);
  void unblock();

  /// A waiting task of an unserved name that was submitted by `then`; no_slot:
  /// none.
  std::uint32_t unserved_since(TimePoint then) const;
  /// The earliest submission of such a task.
  std::optional<TimePoint> oldest_unserved() const;

  std::size_t size() const { return size_; }
  bool blocked() const { return !blocked_.empty(); }

 private:
  struct Entry {
    std::uint64_t key = 0;
    WaitingName* name = nullptr;
    bool operator>(const Entry& other) const { return key > other.key; }
  };

  void push(std::uint32_t slot, bool returned, NodeId lane);
  WaitingName& name_of(std::string_view text, NodeId lane);
  std::uint32_t front_of(const WaitingName& name) const;
  std::uint64_t key_of(const WaitingName& name) const;
  static std::uint64_t key_of(const FlyingTask& task);
  void queue(WaitingName& name);
  void forget_empty_names();
  void for_each_unserved_front(const std::function<void(std::uint32_t)>& visit) const;

  InFlight& tasks_;
  std::unordered_map<std::string_view, std::unique_ptr<WaitingName>> names_;  // Keys look into the values.
  WaitingName* last_ = nullptr;
  std::vector<Entry> heap_;  // Smallest key first; entries whose key is not the
                             // name's are stale.
  std::vector<WaitingName*> blocked_;
  std::size_t size_ = 0;
};

}  // namespace taskmesh::core
