#include "taskmesh/core/callbacks/dead_callbacks.hpp"

namespace taskmesh::core {

namespace {

std::uint64_t size_of(const Ended& ended) {
  const proto::Trace& trace = ended.callback->trace;
  return ended.report.result.size() + ended.json.size() + ended.callback_data.size() + trace.parent.size() +
         trace.state.size() + sizeof ended;
}

}  // namespace

void DeadCallbacks::add(Dead dead) {
  const TaskId id = dead.ended->report.id;
  take(id);
  bytes_ += size_of(*dead.ended);
  by_id_.emplace(id, next_number_);
  dead_.emplace_hint(dead_.end(), next_number_++, std::move(dead));
  while (dead_.size() > count_max_ || (bytes_ > bytes_max_ && !dead_.empty())) drop(dead_.begin());
}

std::optional<DeadCallbacks::Dead> DeadCallbacks::take(const TaskId& id) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  const auto at = dead_.find(found->second);
  Dead dead = at->second;
  drop(at);
  return dead;
}

std::vector<TaskId> DeadCallbacks::ids(const std::string& address) const {
  std::vector<TaskId> found;
  for (const auto& [number, dead] : dead_) {
    if (address.empty() || dead.ended->callback_address == address) found.push_back(dead.ended->report.id);
  }
  return found;
}

void DeadCallbacks::expire(TimePoint now) {
  while (!dead_.empty() && dead_.begin()->second.until <= now) drop(dead_.begin());
}

void DeadCallbacks::drop(Table::iterator at) {
  bytes_ -= size_of(*at->second.ended);
  by_id_.erase(at->second.ended->report.id);
  dead_.erase(at);
}

}  // namespace taskmesh::core
