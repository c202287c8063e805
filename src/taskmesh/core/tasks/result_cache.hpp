// ResultCache: ended tasks, readable for their ttl within bounds of number and bytes; least recently used
// goes first. What goes leaves its state behind (no value), in a second bounded table.  proto/03-tasks.md 4.
//
// The newest result is kept even if it alone is above bytes_max: what is told can be read.
// A result is kept in two cache lines beside its payload: a hundred thousand of them lie around and are cold when they
// go. A large cache makes room for a batch at a time, and fetches it from memory side by side.
// Pure; one thread; `now` never decreases. Every call but expire() takes constant time on average.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/slab.hpp"
#include "taskmesh/core/tasks/task_index.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

class ResultCache {
 public:
  ResultCache(std::size_t results_max, std::uint64_t bytes_max, std::size_t remembered_max);

  void put(const Ended& ended, Duration ttl, TimePoint now);
  /// The ended task, touched as used; null if its value is gone or was never here. Its callback is not kept.
  EndedPtr find(const TaskId& id, TimePoint now);
  /// True if at least its state is still told.
  bool knows(const TaskId& id) const { return place_of(id) != none; }
  /// So long its end can still be read, unless room is needed; 0: not at all. This is no use of it.
  Duration kept_for(const TaskId& id, TimePoint now) const;
  /// What is still told after the value has gone: state, callback state, flags value_gone.
  std::optional<proto::TaskReport> remembered(const TaskId& id) const;
  void set_callback(const TaskId& id, CallbackState state);
  std::optional<CallbackState> callback(const TaskId& id) const;
  /// An ended task as others may look at it.
  struct View {
    const TaskId& id;
    bool kept = false;  ///< Else known by state alone: without name, worker and `started_at`.
    TaskState state = TaskState::unknown;
    CallbackState callback = CallbackState::none;
    std::uint32_t attempt = 0;
    WallTime started_at;
    WallTime completed_at;
    const std::string& name;
    const NodeId& worker;
  };
  /// Calls look(const View&) for what is in the places from `from` on until it says false or `budget` places were
  /// looked at. The place to go on from, which holds the same task as long as that is remembered; 0: the end.
  template <class Look>
  std::uint64_t visit(std::uint64_t from, std::size_t& budget, Look&& look) const {
    for (std::uint64_t place = from; place < entries_.size(); ++place) {
      if (budget == 0) return place;
      --budget;
      const Entry& entry = entries_[static_cast<Index>(place)];
      if (!entry.id) continue;
      if (!look(View{entry.id, entry.kept, entry.state, entry.callback, entry.attempt, entry.started_at,
                     entry.completed_at, entry.origin->name, entry.origin->worker})) {
        return place;
      }
    }
    return 0;
  }
  /// Drops what is past its ttl. Returns when to call again.
  std::optional<TimePoint> expire(TimePoint now);
  /// Lets go of values, least recently used first, until at least `bytes` of them are gone or none is left.
  void shed(std::uint64_t bytes);
  /// Results that can be read, and their size.
  std::size_t size() const { return size_; }
  std::uint64_t bytes() const { return bytes_; }
  /// Ended tasks that are known by state alone.
  std::size_t remembered_size() const { return remembered_size_; }

 private:
  using Index = TaskIndex::Number;
  static constexpr Index none = TaskIndex::none;
  struct Links {
    Index older = none;
    Index newer = none;
  };
  struct List {
    Index oldest = none;
    Index newest = none;
  };
  /// What tasks of one name that ran at one worker have in common.
  struct Origin {
    NodeId worker;
    std::string worker_name;
    std::string name;
    bool operator==(const Origin&) const = default;
  };
  /// What most results have not.
  struct Rest {
    Boxed<proto::Fault> fault;
    Boxed<proto::Joined> joined;
    Bytes json;
  };
  struct alignas(64) Entry {
    TaskId id;
    TimePoint expires{};
    WallTime completed_at;
    Links use;  // Least recently used first; without a value: first forgotten first.
    Links age;  // Within the ttl class.
    std::uint32_t attempt = 0;
    std::uint32_t bytes = 0;
    std::uint16_t ttl_class = 0;
    std::uint8_t fault_kind = 0;
    std::uint8_t flags = 0;
    TaskState state = TaskState::unknown;
    CallbackState callback = CallbackState::none;
    Codec codec = Codec::none;
    bool kept = false;  // Else known by state alone; what follows is empty then.
    WallTime started_at;
    Bytes result;
    Shared<Origin> origin;
    Boxed<Rest> rest;
  };
  static_assert(sizeof(Entry) == 128);
  // Results of about one ttl are a list: oldest first is nearly earliest expiry first, and nothing is sorted.
  static constexpr std::size_t ttl_classes = 8 * 64;
  static std::uint16_t class_of(Duration ttl);

  void append(List& list, Links Entry::*links, Index index);
  void remove(List& list, Links Entry::*links, Index index);
  static EndedPtr make_ended(const Entry& entry);
  const Shared<Origin>& origin_of(const proto::TaskReport& report);
  Index place_of(const TaskId& id) const;
  void make_room();
  void fetch_ahead() const;
  void drop_value(Index index);
  void erase(Index index);

  std::size_t results_max_;
  std::size_t batch_;
  std::uint64_t bytes_max_;
  std::size_t remembered_max_;
  Slab<Entry> entries_;
  Shared<Origin> last_origin_;  // One is made per name and worker, not per task, while they come in a row.
  TaskIndex by_id_;             // Places in entries_.
  List used_;
  List remembered_;
  std::array<List, ttl_classes> by_ttl_;
  std::optional<TimePoint> next_expiry_;
  std::size_t size_ = 0;
  std::size_t remembered_size_ = 0;
  std::uint64_t bytes_ = 0;
};

}  // namespace taskmesh::core
