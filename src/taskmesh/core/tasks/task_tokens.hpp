// TaskTokens: callers that wait for one thing to be known of a task, found by the task and by their token.
//
// Pure; one thread. Bounded by the calls that are under way.
#pragma once

#include <unordered_map>
#include <utility>
#include <vector>

#include "taskmesh/core/types.hpp"

namespace taskmesh::core {

class TaskTokens {
 public:
  void add(const TaskId& id, Token token) {
    by_task_[id].push_back(token);
    by_token_[token] = id;
  }
  /// All that wait for this task, in the order of add(); nobody waits afterwards.
  std::vector<Token> take(const TaskId& id) {
    const auto found = by_task_.find(id);
    if (found == by_task_.end()) return {};
    std::vector<Token> tokens = std::move(found->second);
    by_task_.erase(found);
    for (const Token token : tokens) by_token_.erase(token);
    return tokens;
  }
  /// It waits no more. False: it did not wait here.
  bool drop(Token token) {
    const auto found = by_token_.find(token);
    if (found == by_token_.end()) return false;
    const auto tokens = by_task_.find(found->second);
    std::erase(tokens->second, token);
    if (tokens->second.empty()) by_task_.erase(tokens);
    by_token_.erase(found);
    return true;
  }
  /// Tasks that somebody waits for.
  std::size_t size() const { return by_task_.size(); }

 private:
  std::unordered_map<TaskId, std::vector<Token>> by_task_;
  std::unordered_map<Token, TaskId> by_token_;
};

}  // namespace taskmesh::core
