// WebhookLog: what was posted to webhooks and what came of it, the last of it.  Spec: proto/06-webhooks.md section 5.
//
// For people: nothing is decided by it. It holds no path and no query of an address, as these may be secrets. Bounded by
// number and, as each text is, by size; the oldest go first.
// Pure; one thread.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>

#include "taskmesh/proto/callback.hpp"

namespace taskmesh::core {

/// "1 event", "2 events".
inline std::string events_text(std::size_t count) {
  return std::to_string(count) + (count == 1 ? " event" : " events");
}

class WebhookLog {
 public:
  explicit WebhookLog(std::size_t rows_max) : rows_max_(rows_max) {}

  /// `address`: the whole of it, so that it can be asked for; it is not kept. A long `row.why` is cut off.
  void add(proto::PostRow row, const std::string& address);
  /// One page, the newest first; bounded work and size.
  proto::PostList list(const proto::ListPosts& ask) const;
  std::size_t size() const { return entries_.size(); }

 private:
  struct Entry {
    proto::PostRow row;
    std::size_t address = 0;  // Its hash: two that are alike show a row too many, and no more.
  };
  std::size_t rows_max_;
  std::deque<Entry> entries_;
  std::uint64_t first_ = 1;  // Number of the oldest entry.
};

}  // namespace taskmesh::core
