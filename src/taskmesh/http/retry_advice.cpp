#include "taskmesh/http/retry_advice.hpp"

#include <algorithm>

#include "taskmesh/http/limits.hpp"

namespace taskmesh::http {

namespace {
constexpr std::int64_t most_ms = 60'000;
}  // namespace

void RetryAdvice::saw(const std::string& name, Duration took) {
  auto found = by_name_.find(name);
  if (found == by_name_.end()) {
    if (by_name_.size() >= limits::http_timed_names_max) by_name_.erase(by_name_.begin());
    found = by_name_.emplace(name, Times{}).first;
  }
  Times& times = found->second;
  times.ms[times.count++ % kept] = std::clamp<std::int64_t>(took / 1ms, 0, most_ms);
}

std::uint64_t RetryAdvice::seconds(std::string_view name) const {
  const auto found = by_name_.find(std::string(name));
  if (found == by_name_.end()) return 1;
  auto times = found->second.ms;
  const auto count = static_cast<std::ptrdiff_t>(std::min(found->second.count, kept));
  std::nth_element(times.begin(), times.begin() + count / 2, times.begin() + count);
  const std::int64_t median = times[static_cast<std::size_t>(count / 2)];
  return static_cast<std::uint64_t>(std::max<std::int64_t>(1, (median + 999) / 1000));
}

}  // namespace taskmesh::http
