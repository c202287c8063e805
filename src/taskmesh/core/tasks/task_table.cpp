#include "taskmesh/core/tasks/task_table.hpp"

#include <utility>

namespace taskmesh::core {

inline TaskTable::Number TaskTable::number_of(const TaskId& id) const {
  return index_.find(id, [this](Number number) -> const TaskId& {
    const Entry& entry = entries_[number];
    return entry.record != nullptr ? entry.record->submit.id : id_of(*entry.packed);
  });
}

TaskRecord* TaskTable::find(const TaskId& id) const {
  const Number number = number_of(id);
  if (number == TaskIndex::none) return nullptr;
  Entry& entry = entries_[number];
  if (entry.record == nullptr) [[unlikely]]
    unpack_here(entry, number);
  return entry.record;
}

bool TaskTable::is_packed(const TaskId& id) const {
  const Number number = number_of(id);
  return number != TaskIndex::none && entries_[number].record == nullptr;
}

void TaskTable::unpack_here(Entry& entry, Number number) const {
  const Number storage = records_.take();
  TaskRecord& task = records_[storage];
  task.number = storage;
  task.entry = number;
  unpack(*entry.packed, names_, task);
  entry.packed.reset();
  entry.record = &task;
  idle_.push_back(number);
}

TaskRecord& TaskTable::make(const TaskId& id) {
  TaskRecord& task = spare();
  task.entry = entries_.take();
  entries_[task.entry].record = &task;
  index_.insert(id, task.entry);
  return task;
}

void TaskTable::erase(TaskRecord& task) {
  index_.erase(task.submit.id, task.entry);
  entries_[task.entry].record = nullptr;
  entries_.give_back(task.entry);
  recycle(task);
}

TaskRecord& TaskTable::spare() {
  const Number storage = records_.take();
  TaskRecord& task = records_[storage];
  task.number = storage;
  return task;
}

void TaskTable::recycle(TaskRecord& task) {
  task.clear();
  records_.give_back(task.number);
}

void TaskTable::pack_idle() {
  for (const Number number : idle_) {
    Entry& entry = entries_[number];
    if (entry.record == nullptr) continue;
    entry.packed = pack(*entry.record);
    if (entry.packed) recycle(*std::exchange(entry.record, nullptr));
  }
  idle_.clear();
}

const TaskRecord* TaskTable::look(Number number) const {
  const Entry& entry = entries_[number];
  if (entry.packed == nullptr) return entry.record;
  shown_.clear();
  unpack(*entry.packed, names_, shown_);
  return &shown_;
}

}  // namespace taskmesh::core
