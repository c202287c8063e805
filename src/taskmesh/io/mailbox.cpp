#include "taskmesh/io/mailbox.hpp"

#include <sys/eventfd.h>

#include <iterator>

#include "taskmesh/base/check.hpp"

namespace taskmesh::io {

Mailbox::Mailbox() : wake_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { TASKMESH_CHECK(wake_); }

void Mailbox::kick() const {
  const std::uint64_t one = 1;
  // Fails only where the counter is full, and then the reactor is awake anyway.
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

void Mailbox::push(core::Event&& event) {
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex_);
    events_.push_back(std::move(event));
    sleeps = std::exchange(armed_, false);
  }
  if (sleeps) kick();
}

void Mailbox::push(std::vector<core::Event>& batch) {
  if (batch.empty()) return;
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex_);
    if (events_.empty()) {
      events_.swap(batch);
    } else {
      std::move(batch.begin(), batch.end(), std::back_inserter(events_));
    }
    sleeps = std::exchange(armed_, false);
  }
  batch.clear();
  if (sleeps) kick();
}

void Mailbox::wake() {
  bool sleeps = false;
  {
    const std::lock_guard lock(mutex_);
    woken_ = true;
    sleeps = std::exchange(armed_, false);
  }
  if (sleeps) kick();
}

void Mailbox::take(std::vector<core::Event>& out) {
  {
    const std::lock_guard lock(mutex_);
    events_.swap(taken_);
    woken_ = false;
  }
  if (out.empty()) {
    out.swap(taken_);
  } else {
    std::move(taken_.begin(), taken_.end(), std::back_inserter(out));
  }
  taken_.clear();
}

bool Mailbox::arm() {
  const std::lock_guard lock(mutex_);
  armed_ = events_.empty() && !woken_;
  return armed_;
}

void Mailbox::disarm() {
  const std::lock_guard lock(mutex_);
  armed_ = false;
}

void Mailbox::drain() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(wake_.get(), &count, sizeof count);
}

}  // namespace taskmesh::io
