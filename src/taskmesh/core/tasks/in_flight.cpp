#include "taskmesh/core/tasks/in_flight.hpp"

#include <algorithm>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/prefetch.hpp"

namespace taskmesh::core {

namespace {

/// Stale entries are swept when there are more of them than this beside the
/// living.
constexpr std::size_t sweep_slack = 4'096;

}  // namespace

/// What holds memory goes, and nobody finds it by its old number any more. The
/// rest is for renew().
void FlyingTask::release() {
  submit.args = {};
  submit.callback_address.clear();
  submit.callback_data.clear();
  submit.terms.reset();
  more.clear();
  copies.reset();
  moved.reset();
  stage = Stage::free;
  serial = 0;
}

void FlyingTask::renew(std::uint64_t number, Now now) {
  sent_before = bereaved = wait_said = acceptance_awaited = cancel_wanted = false;
  refusals = 0;
  serial = number;
  seq = 0;
  worker = nullptr;
  bytes = 0;
  submitted_at = now.at;
  submitted_wall = now.wall;
  deadline = give_up_at = TimePoint::max();
  unknown_at.reset();
  name = nullptr;
}

/// The next task will take this one: it was last touched long ago.
void InFlight::fetch_next() {
  if (const FlyingTask* next = tasks_.next()) prefetch(next, sizeof(FlyingTask));
}

/// Null: not of this client.
std::uint32_t* InFlight::ring_place(const TaskId& id) {
  return instance_of(id) == instance_ ? &ring_[counter_of(id) % ring_size] : nullptr;
}

std::uint32_t InFlight::allocate(const TaskId& id, Now now) {
  const std::uint32_t slot = tasks_.take();
  std::uint32_t* const place = ring_place(id);
  if (place != nullptr && *place == no_slot) {
    *place = slot;
  } else {
    const bool inserted = index_.insert({id, slot}).second;
    TASKMESH_CHECK(inserted);
  }
  ++size_;
  at(slot).renew(next_serial_++, now);
  fetch_next();
  return slot;
}

std::uint32_t InFlight::insert(SubmitTask&& submit, Now now) {
  const std::uint32_t slot = allocate(submit.id, now);
  FlyingTask& task = at(slot);
  task.submit = std::move(submit);
  if (!task.submit.wait) task.submit.token = 0;
  task.stage = FlyingTask::Stage::waiting;
  task.bytes = task.submit.args.bytes.size();
  if (task.submit.deadline) {
    task.deadline = now.at + *task.submit.deadline;
    task.give_up_at = task.deadline;
    watch(slot);
  }
  if (instance_of(task.submit.id) == instance_) track_counter(slot);
  return slot;
}

std::uint32_t InFlight::adopt(const TaskId& id, Codec reply_codec, Now now) {
  const std::uint32_t slot = allocate(id, now);
  FlyingTask& task = at(slot);
  task.submit = {};
  task.submit.id = id;
  task.submit.reply_codec = reply_codec;
  task.submit.wait = true;
  return slot;
}

std::uint32_t InFlight::find(const TaskId& id) const {
  if (instance_of(id) == instance_) {
    const std::uint32_t slot = ring_[counter_of(id) % ring_size];
    if (slot != no_slot && at(slot).submit.id == id) return slot;
  }
  if (index_.empty()) return no_slot;
  const auto found = index_.find(id);
  return found == index_.end() ? no_slot : found->second;
}

void InFlight::erase(std::uint32_t slot) {
  unlink(slot);
  FlyingTask& task = at(slot);
  std::uint32_t* const place = ring_place(task.submit.id);
  if (place != nullptr && *place == slot) {
    *place = no_slot;
  } else {
    index_.erase(task.submit.id);
  }
  --size_;
  task.release();
  tasks_.give_back(slot);
}

void InFlight::append(SlotList& list, std::uint32_t slot) {
  FlyingTask& task = at(slot);
  TASKMESH_CHECK(task.list == nullptr);
  task.list = &list;
  task.prev = list.tail;
  task.next = no_slot;
  (list.tail == no_slot ? list.head : at(list.tail).next) = slot;
  list.tail = slot;
}

void InFlight::unlink(std::uint32_t slot) {
  FlyingTask& task = at(slot);
  if (task.list == nullptr) return;
  (task.prev == no_slot ? task.list->head : at(task.prev).next) = task.next;
  (task.next == no_slot ? task.list->tail : at(task.next).prev) = task.prev;
  task.list = nullptr;
  task.prev = no_slot;
  task.next = no_slot;
}

bool InFlight::open(const Counter& entry) const {
  const FlyingTask& task = at(entry.slot);
  return task.serial == entry.serial && task.pending();
}

void InFlight::track_counter(std::uint32_t slot) {
  if (counters_.size() > 2 * size() + sweep_slack) {
    std::erase_if(counters_, [this](const Counter& entry) { return !open(entry); });
  }
  const FlyingTask& task = at(slot);
  const Counter entry{counter_of(task.submit.id), slot, task.serial};
  auto place = counters_.end();
  while (place != counters_.begin() && std::prev(place)->counter > entry.counter) --place;
  counters_.insert(place, entry);
  next_counter_ = std::max(next_counter_, entry.counter + 1);
}

std::uint32_t InFlight::settled() {
  while (!counters_.empty() && !open(counters_.front())) counters_.pop_front();
  const std::uint32_t young = next_counter_ > settled_slack ? next_counter_ - settled_slack : 0;
  return counters_.empty() ? young : std::min(young, counters_.front().counter);
}

bool InFlight::current(const Deadline& entry) const {
  const FlyingTask& task = at(entry.slot);
  return task.serial == entry.serial && task.give_up_at == entry.at;
}

void InFlight::watch(std::uint32_t slot) {
  if (deadlines_.size() > 2 * size() + sweep_slack) {
    std::erase_if(deadlines_, [this](const Deadline& entry) { return !current(entry); });
    std::make_heap(deadlines_.begin(), deadlines_.end(), std::greater<>{});
  }
  deadlines_.push_back({at(slot).give_up_at, slot, at(slot).serial});
  std::push_heap(deadlines_.begin(), deadlines_.end(), std::greater<>{});
}

std::optional<TimePoint> InFlight::next_deadline() {
  while (!deadlines_.empty() && !current(deadlines_.front())) {
    std::pop_heap(deadlines_.begin(), deadlines_.end(), std::greater<>{});
    deadlines_.pop_back();
  }
  if (deadlines_.empty()) return std::nullopt;
  return deadlines_.front().at;
}

std::uint32_t InFlight::take_overdue(TimePoint now) {
  const auto next = next_deadline();
  if (!next || *next > now) return no_slot;
  const std::uint32_t slot = deadlines_.front().slot;
  std::pop_heap(deadlines_.begin(), deadlines_.end(), std::greater<>{});
  deadlines_.pop_back();
  return slot;
}

WorkerLink* HolderRing::find(const TaskId& id) const {
  const std::size_t place = place_of(id);
  const auto& page = pages_[place / page_places];
  if (!page || (*page)[place % page_places].id != id) return nullptr;
  return (*page)[place % page_places].worker;
}

WorkerLink* HolderRing::put(const TaskId& id, WorkerLink& worker) {
  const std::size_t place = place_of(id);
  auto& page = pages_[place / page_places];
  if (!page) page = std::make_unique<Page>();
  WorkerLink* former = (*page)[place % page_places].worker;
  (*page)[place % page_places] = {id, &worker};
  return former;
}

}  // namespace taskmesh::core
