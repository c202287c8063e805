#include "taskmesh/core/tasks/task_index.hpp"

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

const TaskIndex::Page* TaskIndex::look_up(std::uint64_t key) const {
  const auto found = places_.find(key);
  if (found == places_.end()) {
    absent_ = key;
    return nullptr;
  }
  turn_to(found->second);
  return &pages_[last_];
}

/// It is the last page from now on; the one before goes if it is empty.
void TaskIndex::turn_to(Place place) const {
  if (last_ != none && pages_[last_].used == 0) {
    places_.erase(pages_[last_].key);
    free_.push_back(last_);
  }
  last_ = place;
  last_key_ = pages_[place].key;
}

TaskIndex::Page& TaskIndex::make_page(std::uint64_t key) {
  if (free_.empty()) {
    free_.push_back(static_cast<Place>(pages_.size()));
    pages_.emplace_back();
  }
  const Place place = free_.back();
  free_.pop_back();
  pages_[place].key = key;
  absent_ = UINT64_MAX;
  places_.emplace(key, place);
  turn_to(place);
  return pages_[place];
}

void TaskIndex::insert(const TaskId& id, Number number) {
  TASKMESH_CHECK(number != none);
  ++size_;
  const auto* known = page_of(id);
  Page& page = known != nullptr ? pages_[last_] : make_page(key_of(id));
  Number& at = page.numbers[counter_of(id) % page_ids];
  if (at != none) [[unlikely]] {
    const bool inserted = aside_.emplace(id, number).second;
    TASKMESH_CHECK(inserted);
    return;
  }
  at = number;
  ++page.used;
}

void TaskIndex::erase(const TaskId& id, Number number) {
  --size_;
  if (page_of(id) != nullptr) {
    Page& page = pages_[last_];
    Number& at = page.numbers[counter_of(id) % page_ids];
    if (at == number) [[likely]] {
      at = none;
      --page.used;
      return;
    }
  }
  const std::size_t erased = aside_.erase(id);
  TASKMESH_CHECK(erased == 1);
}

TaskIndex::Number TaskIndex::find_aside(const TaskId& id) const {
  const auto found = aside_.find(id);
  return found == aside_.end() ? none : found->second;
}

}  // namespace taskmesh::core
