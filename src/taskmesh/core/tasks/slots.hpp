// Slots: what the executor of this process holds: one task per slot, and short
// ones handed over ahead. Spec: proto/03-tasks.md section 4.
//
// A flood of short tasks must not cost one thread hop per task. So a task may
// be handed over although every slot is taken, if its name is known to be
// short: the expected times of all that is handed over stay below short_task
// per slot that is not held by a long task, and hand_over_max tasks per slot.
// When a slot is answered for, the oldest task that is ahead counts as started
// in it. The executor may let known short ones share a thread, so even one with
// a slot of its own may wait there. A task with a time limit is never handed over ahead: nobody could say
// when its time begins. What may still wait behind a task that turned out to be
// long is recalled after recall_after. Records are the caller's; they must not
// move or die while handed over. Pure; one thread.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "taskmesh/core/config.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

class EventTap;

class Slots {
 public:
  /// What is handed over ahead and not started by then is taken back.
  static constexpr Duration recall_after = 5ms;

  /// `names`: how many task names are served here; records carry a number below
  /// it.
  Slots(std::uint32_t slots, std::size_t names, NodeCounters& counters, EventTap& tap);

  enum class Room : std::uint8_t { none, slot, ahead };
  /// Where a waiting task may go now.
  Room room_for(const TaskRecord& task, TimePoint now) const;
  /// `room` as room_for said.
  void hand_over(TaskRecord& task, Room room, Now now);
  /// The executor says that it was started, whatever we thought.
  void mark_started(TaskRecord& task, Now now);
  /// `heir` is in the executor in place of `task` from now on, which is
  /// nowhere.
  void hand_on(TaskRecord& task, TaskRecord& heir);
  /// The executor is through with it, or gave it back. The oldest task ahead
  /// moves up.
  void release(TaskRecord& task, Now now);
  /// One attempt of that name took so long. Longer is believed at once, shorter
  /// slowly.
  void learn(std::uint32_t name, Duration elapsed);

  /// When to take back what is not started; nullopt: nothing can be waiting
  /// behind another task.
  std::optional<TimePoint> recall_due() const;
  /// It was asked for.
  void recalled(TimePoint now);

  std::uint32_t total() const { return total_; }
  std::uint32_t in_slots() const { return in_slots_; }
  std::uint32_t ahead() const { return ahead_; }
  std::uint32_t free() const { return total_ - in_slots_; }
  /// None of them holds a task that is known to be short.
  bool all_long() const { return long_in_slots_ >= total_; }
  /// The task that occupies its slot longest; null if all are free.
  const TaskRecord* oldest() const { return slot_list_.oldest; }
  /// What an attempt of that name takes; zero: unknown, or too long to be
  /// handed over ahead.
  Duration expected(std::uint32_t name) const;
  /// An attempt of that name has ended in this process.
  bool has_ended(std::uint32_t name) const { return estimates_[name] != Duration::zero(); }
  /// What an attempt took lately, over all names.
  Duration usual() const { return usual_; }

 private:
  struct List {
    TaskRecord* oldest = nullptr;
    TaskRecord* newest = nullptr;
    void append(TaskRecord& task);
    void remove(TaskRecord& task);
    void replace(TaskRecord& task, TaskRecord& heir);
  };
  void put_into_slot(TaskRecord& task, Now now);
  std::uint32_t overdue(TimePoint now) const;

  std::uint32_t total_;
  NodeCounters& counters_;
  EventTap& tap_;
  std::vector<Duration> estimates_;  // Zero: never seen.
  List slot_list_;
  List ahead_list_;
  std::uint32_t in_slots_ = 0;
  std::uint32_t ahead_ = 0;
  std::uint32_t long_in_slots_ = 0;
  std::uint32_t may_wait_ = 0;  // In a slot by our own reckoning, not yet recalled.
  Duration short_sum_{};        // Expected times of all short ones that are handed over.
  Duration usual_{};
  TimePoint last_recall_{};
};

}  // namespace taskmesh::core
