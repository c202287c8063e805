#include "taskmesh/async.hpp"

#include "taskmesh/base/recycler.hpp"

namespace taskmesh::detail {

void Ticket::finish(proto::TaskReport&& report) {
  std::function<void(const proto::TaskReport&)> continuation;
  {
    const std::lock_guard lock(mutex_);
    if (finished_) return;
    report_ = std::move(report);
    finished_ = true;
    continuation = std::move(continuation_);
    // Under the lock: the waiter may destroy this ticket as soon as it can take it.
    ended_.notify_all();
  }
  if (continuation) continuation(report_);
}

bool Ticket::finished() const {
  const std::lock_guard lock(mutex_);
  return finished_;
}

bool Ticket::wait(Duration budget) {
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, budget, [this] { return finished_; });
}

void Ticket::then(std::function<void(const proto::TaskReport&)> continuation) {
  {
    const std::lock_guard lock(mutex_);
    if (!finished_) {
      continuation_ = std::move(continuation);
      return;
    }
  }
  continuation(report_);
}

TicketPtr make_ticket() { return make_recycled<Ticket>(); }

}  // namespace taskmesh::detail
