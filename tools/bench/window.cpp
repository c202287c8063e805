#include "bench/window.hpp"

#include "bench/slice.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::bench {

namespace {
constexpr auto look_again = std::chrono::milliseconds(1);
}  // namespace

bool Window::enter(std::uint64_t size) {
  bool room = true;
  if (sent_ - answered_seen_ >= size) {
    answered_seen_ = answered_count_.load(std::memory_order_acquire);
    if (sent_ - answered_seen_ >= size) room = wait_for(sent_ - size / 2);
  }
  ++sent_;
  return room;
}

void Window::leave() {
  const std::uint64_t count = answered_count_.load(std::memory_order_relaxed) + 1;
  answered_count_.store(count, std::memory_order_release);
  const std::uint64_t wanted = wanted_.load(std::memory_order_relaxed);
  if (wanted == 0 || count < wanted) return;
  { const std::lock_guard lock(mutex_); }
  answered_.notify_one();
}

bool Window::wait_for(std::uint64_t count) {
  std::unique_lock lock(mutex_);
  wanted_ = count;
  const auto give_up = Clock::now() + limits::wait_budget;
  const auto there = [&] { return answered_count_.load(std::memory_order_acquire) >= count; };
  // Looks again each millisecond: the other thread may have passed `count` before it saw what is wanted.
  while (!answered_.wait_for(lock, look_again, there) && Clock::now() < give_up) {
  }
  const bool answered = there();
  wanted_ = 0;
  answered_seen_ = answered_count_.load();
  return answered;
}

}  // namespace taskmesh::bench
