#include "taskmesh/async.hpp"

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/recycler.hpp"

namespace taskmesh::detail {

namespace {

Failure taken_twice() {
  return Failure({.kind = ErrorKind::invalid,
                  .what = "two continuations were given to one AsyncResult",
                  .why = "then, future and co_await take the result each for itself",
                  .fix = "use one of them, once"});
}

}  // namespace

void Ticket::finish(Shared<proto::TaskReport> report) {
  if (state_.load(std::memory_order_acquire) == State::continued) {
    state_.store(State::finished, std::memory_order_release);
    return continuation_(*report);
  }
  report_ = std::move(report);
  const State before = state_.exchange(State::finished, std::memory_order_acq_rel);
  TASKMESH_CHECK(before != State::finished);
  if (before == State::continued) continuation_(*report_);
  if (before != State::awaited) return;
  // Under the lock: who has looked sleeps by now, and does not leave before we are through with its bed.
  const std::lock_guard lock(bed_->mutex);
  bed_->ended.notify_all();
}

bool Ticket::finished() const { return state_.load(std::memory_order_acquire) == State::finished; }

bool Ticket::wait(Duration budget) {
  if (!bed_) bed_ = std::make_unique<Bed>();
  State open = State::open;
  state_.compare_exchange_strong(open, State::awaited, std::memory_order_acq_rel);
  std::unique_lock lock(bed_->mutex);
  return bed_->ended.wait_for(lock, budget, [this] { return finished(); });
}

const proto::TaskReport& Ticket::report() const {
  if (!report_.has_value()) throw taken_twice();
  return *report_;
}

void Ticket::then(std::function<void(const proto::TaskReport&)> continuation) {
  const State now = state_.load(std::memory_order_acquire);
  if (now == State::continued || (now == State::finished && !report_.has_value())) throw taken_twice();
  continuation_ = std::move(continuation);
  State open = State::open;
  if (state_.compare_exchange_strong(open, State::continued, std::memory_order_acq_rel)) return;
  TASKMESH_CHECK(open == State::finished);  // Nobody waits on a ticket that is continued.
  continuation_(*report_);
}

TicketPtr make_ticket() { return make_recycled<Ticket>(); }

}  // namespace taskmesh::detail
