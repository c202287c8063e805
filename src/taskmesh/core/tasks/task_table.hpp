// TaskTable: the tasks that a worker has accepted and that have not ended, by id.
//
// Those that are said to wait far from their turn are packed (packed_task.hpp) at the end of a turn, and unpacked by the
// first who asks for them: nobody else needs to know. Also the records of what is left of given-up attempts.
// Pure; one thread, const calls included: they unpack, which changes nothing that is told.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "taskmesh/core/tasks/packed_task.hpp"
#include "taskmesh/core/tasks/slab.hpp"
#include "taskmesh/core/tasks/task_index.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::core {

class TaskTable {
 public:
  using Number = std::uint32_t;

  /// `names`: of tasks, by their numbers in records.
  explicit TaskTable(const std::vector<std::string>& names) : names_(names) {}

  /// Null: it is not here. The record stays where it is until erase(); if it waits, until the next pack_idle().
  TaskRecord* find(const TaskId& id) const;
  /// It is here, and waits as a packed one does.
  bool is_packed(const TaskId& id) const;
  /// The id must not be in. The caller fills in the task, its id first.
  TaskRecord& make(const TaskId& id);
  void erase(TaskRecord& task);
  /// A record that is in no table, until recycle().
  TaskRecord& spare();
  void recycle(TaskRecord& task);

  /// It waits far from its turn.
  void set_aside(const TaskRecord& task) { idle_.push_back(task.entry); }
  /// Packs what was set aside, or unpacked and not started, since the last time.
  void pack_idle();

  std::size_t size() const { return index_.size(); }
  /// Numbers of entries are below. A task keeps its number.
  Number numbers() const { return entries_.size(); }
  /// To be looked at until the next call; null: nobody has that number. Unpacks nothing for long.
  const TaskRecord* look(Number number) const;
  /// look() at each, in an order that depends on what was put in and taken out, and on nothing else.
  template <class Look>
  void for_each(Look&& visit) const {
    index_.for_each([&](Number number) { visit(*look(number)); });
  }

 private:
  /// One of the two; neither: free.
  struct Entry {
    TaskRecord* record = nullptr;
    PackedTaskPtr packed;
  };
  Number number_of(const TaskId& id) const;
  void unpack_here(Entry& entry, Number number) const;

  const std::vector<std::string>& names_;
  TaskIndex index_;  // Numbers of entries.
  mutable Slab<Entry> entries_;
  mutable Slab<TaskRecord> records_;
  mutable std::vector<Number> idle_;
  mutable TaskRecord shown_;  // By look().
};

}  // namespace taskmesh::core
