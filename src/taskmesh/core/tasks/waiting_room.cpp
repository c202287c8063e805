#include "taskmesh/core/tasks/waiting_room.hpp"

#include <algorithm>

#include "taskmesh/base/check.hpp"

namespace taskmesh::core {

namespace {

/// Names without tasks that are kept, so that a flood under one name does not
/// make it anew each turn.
constexpr std::size_t empty_names_max = 1'024;

/// Under what the lane of one worker is found; task names have no such prefix.
std::string lane_text(std::string_view name, const NodeId& node) {
  std::string text("\0", 1);
  for (const std::uint8_t octet : node.bytes) text += static_cast<char>(octet);
  return text.append(name);
}

}  // namespace

WaitingName& WaitingRoom::name_of(std::string_view text, NodeId lane) {
  if (last_ != nullptr && last_->text == text) return *last_;
  const auto found = names_.find(text);
  if (found != names_.end()) {
    last_ = found->second.get();
    return *last_;
  }
  forget_empty_names();
  auto name = std::make_unique<WaitingName>();
  name->text = std::string(text);
  name->lane = lane;
  last_ = name.get();
  names_.emplace(last_->text, std::move(name));
  return *last_;
}

void WaitingRoom::forget_empty_names() {
  if (names_.size() < empty_names_max || !heap_.empty()) return;
  last_ = nullptr;
  std::erase_if(names_, [](const auto& entry) { return entry.second->size == 0 && !entry.second->blocked; });
}

std::uint32_t WaitingRoom::front_of(const WaitingName& name) const {
  for (const auto& lane : name.lanes) {
    if (!lane.returned.empty()) return lane.returned.head;
    if (!lane.fresh.empty()) return lane.fresh.head;
  }
  return no_slot;
}

std::uint64_t WaitingRoom::key_of(const WaitingName& name) const {
  const std::uint32_t slot = front_of(name);
  if (slot == no_slot) return 0;
  return key_of(tasks_.at(slot));
}

std::uint64_t WaitingRoom::key_of(const FlyingTask& task) {
  return static_cast<std::uint64_t>(task.submit.priority) << 62 | task.serial;
}

void WaitingRoom::queue(WaitingName& name) {
  const std::uint64_t key = name.blocked ? 0 : key_of(name);
  if (key == 0 || (name.queued != 0 && name.queued <= key)) return;
  name.queued = key;
  heap_.push_back({key, &name});
  std::push_heap(heap_.begin(), heap_.end(), std::greater<>{});
}

void WaitingRoom::push(std::uint32_t slot, bool returned, NodeId lane_of) {
  FlyingTask& task = tasks_.at(slot);
  WaitingName& name =
      lane_of ? name_of(lane_text(task.submit.name, lane_of), lane_of) : name_of(task.submit.name, {});
  auto& lane = name.lanes[static_cast<std::size_t>(task.submit.priority) & 3];
  task.stage = FlyingTask::Stage::waiting;
  task.worker = nullptr;
  task.name = &name;
  tasks_.append(returned ? lane.returned : lane.fresh, slot);
  ++name.size;
  ++size_;
  // A flood under one name: what waits longer is in the heap for it already.
  if (name.queued != 0 && name.queued <= key_of(task)) return;
  queue(name);
}

void WaitingRoom::remove(std::uint32_t slot) {
  FlyingTask& task = tasks_.at(slot);
  TASKMESH_CHECK(task.name != nullptr);
  tasks_.unlink(slot);
  --task.name->size;
  --size_;
  task.name = nullptr;
}

std::uint32_t WaitingRoom::front() {
  while (!heap_.empty()) {
    const Entry entry = heap_.front();
    WaitingName& name = *entry.name;
    const std::uint64_t key = name.blocked ? 0 : key_of(name);
    if (entry.key == name.queued && entry.key == key) return front_of(name);
    if (heap_.size() == 1 && entry.key == name.queued && key != 0) {
      heap_.front().key = name.queued = key;  // Its front has gone, and no other name waits.
      return front_of(name);
    }
    std::pop_heap(heap_.begin(), heap_.end(), std::greater<>{});
    heap_.pop_back();
    if (entry.key != name.queued) continue;
    name.queued = 0;
    queue(name);
  }
  return no_slot;
}

bool WaitingRoom::wait_for(std::uint32_t slot, NodeId node) {
  FlyingTask& task = tasks_.at(slot);
  if (!node || task.name->lane == node) return false;
  remove(slot);
  push(slot, task.sent_before, node);
  return true;
}

void WaitingRoom::block(std::uint32_t slot, bool unserved) {
  WaitingName& name = *tasks_.at(slot).name;
  name.blocked = true;
  name.unserved = unserved;
  blocked_.push_back(&name);
}

void WaitingRoom::unblock() {
  for (WaitingName* name : blocked_) {
    name->blocked = false;
    name->unserved = false;
    queue(*name);
  }
  blocked_.clear();
}

void WaitingRoom::for_each_unserved_front(const std::function<void(std::uint32_t)>& visit) const {
  for (const WaitingName* name : blocked_) {
    if (!name->unserved) continue;
    for (const auto& lane : name->lanes) {
      if (!lane.returned.empty()) visit(lane.returned.head);
      if (!lane.fresh.empty()) visit(lane.fresh.head);
    }
  }
}

std::uint32_t WaitingRoom::unserved_since(TimePoint then) const {
  std::uint32_t found = no_slot;
  for_each_unserved_front([&](std::uint32_t slot) {
    if (found == no_slot && tasks_.at(slot).submitted_at <= then) found = slot;
  });
  return found;
}

std::optional<TimePoint> WaitingRoom::oldest_unserved() const {
  std::optional<TimePoint> oldest;
  for_each_unserved_front([&](std::uint32_t slot) {
    const TimePoint at = tasks_.at(slot).submitted_at;
    if (!oldest || at < *oldest) oldest = at;
  });
  return oldest;
}

}  // namespace taskmesh::core
