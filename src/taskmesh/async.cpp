#include "taskmesh/async.hpp"

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/recycler.hpp"

namespace taskmesh::detail {

void Ticket::finish(proto::TaskReport&& report) {
  report_ = std::move(report);
  const State before = state_.exchange(State::finished, std::memory_order_acq_rel);
  TASKMESH_CHECK(before != State::finished);
  if (before == State::continued) continuation_(report_);
  if (before != State::awaited) return;
  { const std::lock_guard lock(mutex_); }  // Who looked before the exchange sleeps now, and hears it.
  ended_.notify_all();
}

bool Ticket::finished() const { return state_.load(std::memory_order_acquire) == State::finished; }

bool Ticket::wait(Duration budget) {
  State open = State::open;
  state_.compare_exchange_strong(open, State::awaited, std::memory_order_acq_rel);
  std::unique_lock lock(mutex_);
  return ended_.wait_for(lock, budget, [this] { return finished(); });
}

void Ticket::then(std::function<void(const proto::TaskReport&)> continuation) {
  if (state_.load(std::memory_order_acquire) == State::continued) {
    throw Failure({.kind = ErrorKind::invalid,
                   .what = "two continuations were given to one AsyncResult",
                   .why = "then, future and co_await take the result each for itself",
                   .fix = "use one of them, once"});
  }
  continuation_ = std::move(continuation);
  State open = State::open;
  if (state_.compare_exchange_strong(open, State::continued, std::memory_order_acq_rel)) return;
  TASKMESH_CHECK(open == State::finished);  // Nobody waits on a ticket that is continued.
  continuation_(report_);
}

TicketPtr make_ticket() { return make_recycled<Ticket>(); }

}  // namespace taskmesh::detail
