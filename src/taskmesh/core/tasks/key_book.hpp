// KeyBook: which task was the first with a key, and which ones wait for its end.  Spec: proto/03-tasks.md section 11.
//
// Remembers keys_max keys, the oldest go first; whether a first task is still worth joining is the caller's to say.
// Who waits is bounded by the caller, too. Pure; one thread.
#pragma once

#include <cstdint>
#include <list>
#include <set>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>

#include "taskmesh/base/ids.hpp"

namespace taskmesh::core {

class KeyBook {
 public:
  explicit KeyBook(std::size_t keys_max) : keys_max_(keys_max) {}

  /// The first task of that name with that key; nil: none is remembered.
  TaskId first(std::string_view name, std::string_view key) const;
  /// In the place of an older one.
  void remember(std::string_view name, std::string_view key, const TaskId& id);
  /// If `id` is who is remembered by it.
  void forget(std::string_view name, std::string_view key, const TaskId& id);

  /// `id` waits for the end of `first`.
  void join(const TaskId& first, const TaskId& id);
  /// It waits no more.
  void leave(const TaskId& id);
  /// Somebody waits for its end.
  bool is_awaited(const TaskId& first) const { return waiting_.contains(first); }
  /// Whom a task has joined; nil: nobody.
  TaskId joined(const TaskId& id) const;
  /// Who waits for this one's end: it has come. Each of them still has to leave.
  std::set<TaskId> take_waiting(const TaskId& first);

  std::size_t keys() const { return by_key_.size(); }
  std::size_t waiting() const { return firsts_.size(); }

 private:
  using Order = std::list<std::pair<std::string, TaskId>>;
  static std::string text_of(std::string_view name, std::string_view key) {
    std::string text(name);
    text.append(1, '\0').append(key);
    return text;
  }

  std::size_t keys_max_;
  Order order_;                                                   // Oldest first.
  std::unordered_map<std::string_view, Order::iterator> by_key_;  // Looks into order_.
  std::unordered_map<TaskId, TaskId> firsts_;                     // By who waits.
  std::unordered_map<TaskId, std::set<TaskId>> waiting_;          // By whom they wait for.
};

}  // namespace taskmesh::core
