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

std::uint32_t size_of(const Ended& ended) {
  const proto::Fault& fault = *ended.report.fault;
  const proto::Trace& trace = ended.callback->trace;
  return static_cast<std::uint32_t>(ended.report.result.size() + ended.json.size() + fault.what.size() +
                                    fault.why.size() + fault.fix.size() + trace.parent.size() +
                                    trace.state.size());
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

const Shared<ResultCache::Origin>& ResultCache::origin_of(const proto::TaskReport& report) {
  const Origin& last = *last_origin_;
  if (report.worker != last.worker || report.name != last.name || report.worker_name != last.worker_name) {
    last_origin_ = Origin{report.worker, report.worker_name, report.name};
  }
  return last_origin_;
}

void ResultCache::put(const Ended& ended, Duration ttl, TimePoint now) {
  const proto::TaskReport& report = ended.report;
  TASKMESH_CHECK(is_terminal(report.state));
  if (const Index known = place_of(report.id); known != none) erase(known);
  const Index index = entries_.take();
  Entry& entry = entries_[index];
  entry.id = report.id;
  entry.expires = now + ttl;
  entry.bytes = size_of(ended);
  entry.completed_at = report.completed_at;
  entry.attempt = report.attempt;
  entry.ttl_class = class_of(ttl);
  entry.fault_kind = report.fault->kind;
  entry.flags = report.flags;
  entry.state = report.state;
  entry.callback = report.callback;
  entry.codec = report.codec;
  entry.kept = true;
  entry.started_at = report.started_at;
  entry.result = report.result;
  entry.origin = origin_of(report);
  if (report.fault.has_value() || report.joined.has_value() || !ended.json.empty()) [[unlikely]] {
    entry.rest = Rest{report.fault, report.joined, ended.json};
  }
  by_id_.insert(report.id, index);
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
    prefetch(entries_[index].result.owner().get(), 1);
    index = entries_[index].use.newer;
  }
}

EndedPtr ResultCache::make_ended(const Entry& entry) {
  auto ended = make_recycled<Ended>();
  ended->report = {.id = entry.id,
                   .state = entry.state,
                   .callback = entry.callback,
                   .flags = entry.flags,
                   .attempt = entry.attempt,
                   .submitted_at = submitted_at(entry.id),
                   .started_at = entry.started_at,
                   .completed_at = entry.completed_at,
                   .worker = entry.origin->worker,
                   .worker_name = entry.origin->worker_name,
                   .name = entry.origin->name,
                   .fault = entry.rest->fault,
                   .codec = entry.codec,
                   .result = entry.result,
                   .joined = entry.rest->joined};
  ended->json = entry.rest->json;
  return ended;
}

EndedPtr ResultCache::find(const TaskId& id, TimePoint now) {
  const Index index = place_of(id);
  if (index == none) return nullptr;
  Entry& entry = entries_[index];
  if (!entry.kept) return nullptr;
  if (entry.expires <= now) {
    drop_value(index);
    return nullptr;
  }
  remove(used_, &Entry::use, index);
  append(used_, &Entry::use, index);
  return make_ended(entry);
}

Duration ResultCache::kept_for(const TaskId& id, TimePoint now) const {
  const Index index = place_of(id);
  if (index == none) return Duration::zero();
  const Entry& entry = entries_[index];
  return entry.kept ? std::max(entry.expires - now, Duration::zero()) : Duration::zero();
}

std::optional<proto::TaskReport> ResultCache::remembered(const TaskId& id) const {
  const Index index = place_of(id);
  if (index == none) return std::nullopt;
  const Entry& entry = entries_[index];
  if (entry.kept) return std::nullopt;
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
  if (const Index index = place_of(id); index != none) entries_[index].callback = state;
}

std::optional<CallbackState> ResultCache::callback(const TaskId& id) const {
  const Index index = place_of(id);
  if (index == none) return std::nullopt;
  return entries_[index].callback;
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
  entry.kept = false;
  entry.started_at = {};
  entry.result = {};
  entry.origin = {};
  entry.rest.reset();
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
  if (entry.kept) {
    --size_;
    bytes_ -= entry.bytes;
    remove(used_, &Entry::use, index);
    remove(by_ttl_[entry.ttl_class], &Entry::age, index);
  } else {
    --remembered_size_;
    remove(remembered_, &Entry::use, index);
  }
  by_id_.erase(entry.id, index);
  entry = Entry{};
  entries_.give_back(index);
}

ResultCache::Index ResultCache::place_of(const TaskId& id) const {
  return by_id_.find(id, [this](Index index) -> const TaskId& { return entries_[index].id; });
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
