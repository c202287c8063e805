#include "bench/callback_load.hpp"

#include <stdexcept>

#include "bench/statistics.hpp"

namespace taskmesh::bench {

namespace {

void expect(bool came) {
  if (!came) throw std::runtime_error("an event did not come");
}

}  // namespace

CallbackLoad::CallbackLoad(ClientOptions options, const Load& load)
    : load_(load), listener_("tcp://127.0.0.1:*"), client_(std::move(options)) {
  // An event twice would be counted twice: the listener drops what it has acknowledged.
  listener_.on_any([this](const CompletionEvent& event) {
    const std::int64_t now_ns = steady_ns();
    const auto ended_ns = event.result_as<std::int64_t>();
    if (ended_ns) {
      const std::lock_guard lock(mutex_);
      delays_us_.push_back(static_cast<double>(now_ns - *ended_ns) / 1000);
    }
    window_.leave();
  });
}

void CallbackLoad::submit_one() {
  client_.delay_with_callback(stamp(), {.address = listener_.address()}, {.replicas = 0});
}

double CallbackLoad::events() {
  Slice slice(load_.throughput_slice, load_.tasks_max);
  while (slice.more(clock_stride)) {
    expect(window_.enter(load_.window));
    submit_one();
  }
  expect(window_.wait_for_all());
  return slice.rate();
}

Latency CallbackLoad::delays() {
  {
    const std::lock_guard lock(mutex_);
    delays_us_.clear();
  }
  std::uint64_t sent = 0;
  for (Slice slice(load_.latency_slice, load_.tasks_max); slice.more(); ++sent) {
    expect(window_.enter(1));
    submit_one();
    expect(window_.wait_for_all());
  }
  const std::lock_guard lock(mutex_);
  if (delays_us_.size() != sent) throw std::runtime_error("an event has no result");
  return {.p50_us = percentile(delays_us_, 0.50), .p99_us = percentile(delays_us_, 0.99), .count = sent};
}

}  // namespace taskmesh::bench
