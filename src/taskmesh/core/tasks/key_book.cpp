#include "taskmesh/core/tasks/key_book.hpp"

#include <iterator>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

TaskId KeyBook::first(std::string_view name, std::string_view key) const {
  const auto found = by_key_.find(text_of(name, key));
  return found == by_key_.end() ? TaskId{} : found->second->second;
}

void KeyBook::remember(std::string_view name, std::string_view key, const TaskId& id) {
  std::string text = text_of(name, key);
  if (const auto old = by_key_.find(text); old != by_key_.end()) {
    const auto place = old->second;
    by_key_.erase(old);
    order_.erase(place);
  }
  order_.emplace_back(std::move(text), id);
  by_key_.emplace(order_.back().first, std::prev(order_.end()));
  if (order_.size() <= keys_max_) return;
  by_key_.erase(order_.front().first);
  order_.pop_front();
}

void KeyBook::forget(std::string_view name, std::string_view key, const TaskId& id) {
  const auto found = by_key_.find(text_of(name, key));
  if (found == by_key_.end() || found->second->second != id) return;
  const auto place = found->second;
  by_key_.erase(found);
  order_.erase(place);
}

void KeyBook::join(const TaskId& first, const TaskId& id) {
  const bool fresh = firsts_.emplace(id, first).second;
  TASKMESH_CHECK(fresh);
  waiting_[first].insert(id);
}

void KeyBook::leave(const TaskId& id) {
  const auto found = firsts_.find(id);
  if (found == firsts_.end()) return;
  if (const auto others = waiting_.find(found->second); others != waiting_.end()) {
    others->second.erase(id);
    if (others->second.empty()) waiting_.erase(others);
  }
  firsts_.erase(found);
}

TaskId KeyBook::joined(const TaskId& id) const {
  const auto found = firsts_.find(id);
  return found == firsts_.end() ? TaskId{} : found->second;
}

std::set<TaskId> KeyBook::take_waiting(const TaskId& first) {
  const auto found = waiting_.find(first);
  if (found == waiting_.end()) return {};
  std::set<TaskId> ids = std::move(found->second);
  waiting_.erase(found);
  return ids;
}

}  // namespace taskmesh::core
