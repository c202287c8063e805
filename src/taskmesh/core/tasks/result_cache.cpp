#include "taskmesh/core/tasks/result_cache.hpp"

#include <algorithm>
#include <bit>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/prefetch.hpp"

namespace taskmesh::core {

namespace {

/// A batch is at most this many, and this part of all: 1 where few results are kept.
constexpr std::size_t batch_max = 32;
constexpr std::size_t batch_part = 1'024;

std::uint64_t size_of(const Ended& ended) {
  const proto::Fault& fault = *ended.report.fault;
  return ended.report.result.size() + ended.json.size() + ended.callback_address.size() +
         ended.callback_data.size() + fault.what.size() + fault.why.size() + fault.fix.size();
}

}  // namespace

ResultCache::ResultCache(std::size_t results_max, std::uint64_t bytes_max, std::size_t remembered_max)
    : results_max_(std::max<std::size_t>(results_max, 1)),
      batch_(std::clamp<std::size_t>(results_max_ / batch_part, 1, batch_max)),
      bytes_max_(bytes_max),
      remembered_max_(remembered_max) {
  TASKMESH_CHECK(results_max_ + remembered_max_ < none);
}

/// Eight classes per power of two: what is in one class differs by less than an eighth.
std::uint16_t ResultCache::class_of(Duration ttl) {
  const auto ticks = static_cast<std::uint64_t>(std::max<Duration::rep>(ttl.count(), 8));
  const int power = static_cast<int>(std::bit_width(ticks)) - 1;
  return static_cast<std::uint16_t>(power * 8 + static_cast<int>(ticks >> (power - 3) & 7));
}

void ResultCache::put(EndedPtr ended, Duration ttl, TimePoint now) {
  const proto::TaskReport& report = ended->report;
  TASKMESH_CHECK(is_terminal(report.state));
  if (const auto known = by_id_.find(report.id); known != by_id_.end()) erase(known->second);
  const Index index = new_entry();
  Entry& entry = entries_[index];
  entry.id = report.id;
  entry.expires = now + ttl;
  entry.bytes = size_of(*ended);
  entry.completed_at = report.completed_at;
  entry.attempt = report.attempt;
  entry.ttl_class = class_of(ttl);
  entry.fault_kind = report.fault->kind;
  entry.state = report.state;
  entry.callback = report.callback;
  by_id_.emplace(report.id, index);
  entry.ended = std::move(ended);
  append(used_, &Entry::use, index);
  append(by_ttl_[entry.ttl_class], &Entry::age, index);
  ++size_;
  bytes_ += entry.bytes;
  if (!next_expiry_ || entry.expires < *next_expiry_) next_expiry_ = entry.expires;
  make_room();
}

void ResultCache::make_room() {
  if (size_ > results_max_) {
    fetch_ahead();
    for (std::size_t i = 0; i < batch_; ++i) drop_value(used_.oldest);
  }
  while (size_ > 1 && bytes_ > bytes_max_) drop_value(used_.oldest);
}

void ResultCache::shed(std::uint64_t bytes) {
  const std::uint64_t target = bytes_ - std::min(bytes, bytes_);
  while (size_ > 0 && bytes_ > target) drop_value(used_.oldest);
}

void ResultCache::fetch_ahead() const {
  Index index = used_.oldest;
  for (std::size_t i = 0; i < batch_; ++i) {
    const Ended* const ended = entries_[index].ended.get();
    prefetch(ended, sizeof *ended);
    index = entries_[index].use.newer;
  }
  index = used_.oldest;
  for (std::size_t i = 0; i < batch_; ++i) {
    prefetch(entries_[index].ended->report.result.owner().get(), 1);
    index = entries_[index].use.newer;
  }
}

EndedPtr ResultCache::find(const TaskId& id, TimePoint now) {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return nullptr;
  const Index index = found->second;
  Entry& entry = entries_[index];
  if (!entry.ended) return nullptr;
  if (entry.expires <= now) {
    drop_value(index);
    return nullptr;
  }
  remove(used_, &Entry::use, index);
  append(used_, &Entry::use, index);
  return entry.ended;
}

std::optional<proto::TaskReport> ResultCache::remembered(const TaskId& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  const Entry& entry = entries_[found->second];
  if (entry.ended) return std::nullopt;
  proto::TaskReport report{.id = entry.id, .state = entry.state, .callback = entry.callback};
  report.flags = proto::TaskReport::value_gone_flag;
  report.attempt = entry.attempt;
  report.completed_at = entry.completed_at;
  if (entry.fault_kind != 0) {
    report.fault =
        proto::Fault{entry.fault_kind, "task " + to_string(id) + " did not succeed",
                     "the details are no longer kept: its result_ttl or the room for results is used up",
                     "ask sooner, or raise result_ttl"};
  }
  return report;
}

void ResultCache::set_callback(const TaskId& id, CallbackState state) {
  if (const auto found = by_id_.find(id); found != by_id_.end()) entries_[found->second].callback = state;
}

std::optional<CallbackState> ResultCache::callback(const TaskId& id) const {
  const auto found = by_id_.find(id);
  if (found == by_id_.end()) return std::nullopt;
  return entries_[found->second].callback;
}

std::optional<TimePoint> ResultCache::expire(TimePoint now) {
  if (!next_expiry_ || now < *next_expiry_) return next_expiry_;
  next_expiry_.reset();
  for (List& list : by_ttl_) {
    while (list.oldest != none && entries_[list.oldest].expires <= now) drop_value(list.oldest);
    if (list.oldest == none) continue;
    const TimePoint first = entries_[list.oldest].expires;
    if (!next_expiry_ || first < *next_expiry_) next_expiry_ = first;
  }
  return next_expiry_;
}

/// The state stays, in the table of the remembered.
void ResultCache::drop_value(Index index) {
  Entry& entry = entries_[index];
  entry.ended.reset();
  --size_;
  bytes_ -= entry.bytes;
  remove(used_, &Entry::use, index);
  remove(by_ttl_[entry.ttl_class], &Entry::age, index);
  append(remembered_, &Entry::use, index);
  ++remembered_size_;
  if (remembered_size_ > remembered_max_) erase(remembered_.oldest);
}

void ResultCache::erase(Index index) {
  Entry& entry = entries_[index];
  if (entry.ended) {
    --size_;
    bytes_ -= entry.bytes;
    remove(used_, &Entry::use, index);
    remove(by_ttl_[entry.ttl_class], &Entry::age, index);
  } else {
    --remembered_size_;
    remove(remembered_, &Entry::use, index);
  }
  by_id_.erase(entry.id);
  entry = Entry{};
  free_.push_back(index);
}

ResultCache::Index ResultCache::new_entry() {
  if (!free_.empty()) {
    const Index index = free_.back();
    free_.pop_back();
    return index;
  }
  entries_.emplace_back();
  return static_cast<Index>(entries_.size() - 1);
}

void ResultCache::append(List& list, Links Entry::*links, Index index) {
  entries_[index].*links = {.older = list.newest, .newer = none};
  if (list.newest != none) (entries_[list.newest].*links).newer = index;
  list.newest = index;
  if (list.oldest == none) list.oldest = index;
}

void ResultCache::remove(List& list, Links Entry::*links, Index index) {
  const Links place = entries_[index].*links;
  if (place.older != none) (entries_[place.older].*links).newer = place.newer;
  if (place.newer != none) (entries_[place.newer].*links).older = place.older;
  if (list.oldest == index) list.oldest = place.newer;
  if (list.newest == index) list.newest = place.older;
}

}  // namespace taskmesh::core
