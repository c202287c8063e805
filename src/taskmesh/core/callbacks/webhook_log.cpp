#include "taskmesh/core/callbacks/webhook_log.hpp"

#include <algorithm>
#include <functional>
#include <utility>

#include "taskmesh/base/limits.hpp"

namespace taskmesh::core {

namespace {

constexpr std::size_t log_row_bytes = 96;  // Without its texts: a little more than it takes.

}  // namespace

void WebhookLog::add(proto::PostRow row, const std::string& address) {
  if (row.why.size() > limits::webhook_log_text_bytes) row.why.resize(limits::webhook_log_text_bytes);
  entries_.push_back({std::move(row), std::hash<std::string>{}(address)});
  while (entries_.size() > rows_max_) {
    entries_.pop_front();
    ++first_;
  }
}

proto::PostList WebhookLog::list(const proto::ListPosts& ask) const {
  proto::PostList page{.request = ask.request};
  const std::size_t rows_max =
      ask.rows_max == 0 ? limits::list_rows_max : std::min<std::size_t>(ask.rows_max, limits::list_rows_max);
  const std::size_t address = std::hash<std::string>{}(ask.address);
  const std::uint64_t end = first_ + entries_.size();
  std::uint64_t at = ask.before == 0 ? end : std::min(ask.before, end);
  std::size_t bytes = 0;
  for (std::size_t looked = 0; at > first_; --at, ++looked) {
    if (looked >= limits::list_visits_max || page.rows.size() >= rows_max || bytes >= limits::list_bytes) {
      page.next = at;
      break;
    }
    const Entry& entry = entries_[static_cast<std::size_t>(at - 1 - first_)];
    if (ask.id && ask.id != entry.row.id) continue;
    if (!ask.address.empty() && entry.address != address && entry.row.endpoint != ask.address) continue;
    bytes += log_row_bytes + entry.row.endpoint.size() + entry.row.why.size();
    page.rows.push_back(entry.row);
  }
  return page;
}

}  // namespace taskmesh::core
