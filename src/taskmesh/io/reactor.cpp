#include "taskmesh/io/reactor.hpp"

#include <algorithm>
#include <bit>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/event_lines.hpp"
#include "taskmesh/io/own_thread.hpp"

namespace taskmesh::io {

namespace {

constexpr Duration goodbye_limit = 1s;  // For what is queued when the node has stopped.
/// Events between two looks at what follows from them. A flood is carried out while its records are still in
/// the cache, and the next thread works on the first part meanwhile; it still fills a frame.
constexpr std::size_t events_at_once = 128;

void sooner(std::optional<TimePoint>& at, std::optional<TimePoint> other) {
  if (other && (!at || *other < *at)) at = other;
}

}  // namespace

Reactor::~Reactor() { stop(); }

void Reactor::start(ReactorParts parts) {
  TASKMESH_CHECK(!node_ && parts.transport);
  parts_ = std::move(parts);
  node_ = std::make_unique<core::Node>(std::move(parts_.config));
  poller_.add(mailbox_.fd(), [this] { mailbox_.drain(); });
  thread_ = std::thread([this] {
    begin_own_thread("taskmesh-node");
    run();
  });
}

void Reactor::stop() {
  stop_.store(true);
  mailbox_.wake();
  if (thread_.joinable()) thread_.join();
}

bool Reactor::wait_stopped(Duration timeout) {
  std::unique_lock lock(ended_mutex_);
  return ended_changed_.wait_for(lock, timeout, [this] { return ended_; });
}

void Reactor::run() {
  for (const auto& source : parts_.discovery) source->start(poller_, mailbox_);
  while (!stop_.load(std::memory_order_relaxed)) {
    turn();
    if (effects_.stopped) break;
    sleep();
  }
  say_goodbye();
  const std::lock_guard lock(ended_mutex_);
  ended_ = true;
  ended_changed_.notify_all();
}

void Reactor::turn() {
  ++turns_;
  collect(steady_now());
  const Now at = now();
  std::size_t next = 0;
  do {
    effects_.clear();
    const std::size_t end = std::min(next + events_at_once, events_.size());
    for (; next < end; ++next) {
      if (parts_.spans != nullptr) [[unlikely]]
        parts_.spans->on_event(events_[next], at.wall);
      node_->step(std::move(events_[next]), at, effects_);
    }
    node_->turn_end(at, effects_, next == events_.size() && !parts_.transport->ready());
    if (parts_.spans != nullptr) [[unlikely]]
      parts_.spans->on_effects(effects_, at.wall);
    carry_out();
  } while (next < events_.size() && !effects_.stopped);
  events_.clear();
  if (parts_.turned) parts_.turned(*node_);
  publish();
}

void Reactor::collect(TimePoint at) {
  mailbox_.take(events_);
  parts_.transport->receive(events_);
  for (const auto& source : parts_.discovery) source->collect(at, events_);
  if (events_.empty() && wake_at_ && *wake_at_ <= at) events_.emplace_back(core::Tick{});
}

void Reactor::carry_out() {
  ZmqTransport& transport = *parts_.transport;
  for (const core::Dial& dial : effects_.dial) transport.dial(dial);
  for (const core::Send& send : effects_.send) transport.send(send.link, send.message);
  if (!effects_.run.empty()) {
    TASKMESH_CHECK(parts_.executor != nullptr);
    parts_.executor->run(effects_.run);
  }
  if (!effects_.stop.empty()) {
    TASKMESH_CHECK(parts_.executor != nullptr);
    parts_.executor->ask_to_stop(effects_.stop);
  }
  if (!effects_.post.empty()) {
    TASKMESH_CHECK(parts_.webhooks != nullptr);
    parts_.webhooks->post(effects_.post);
  }
  if (effects_.recall && parts_.executor != nullptr) {
    mailbox_.push(core::Returned{parts_.executor->recall()});
  }
  deliver_notices();
  // Frames leave last: a slot or a caller needs longer to wake up than it takes to hand them over.
  transport.flush();
  for (const core::LinkId link : effects_.close) transport.close(link);
  wake_at_ = effects_.wake_at;
}

void Reactor::deliver_notices() {
  std::erase_if(effects_.notify, [this](const core::Notice& notice) {
    if (const auto* told = std::get_if<core::EventsTold>(&notice)) {
      if (told->token == 0) log_events(*told, log_);
      return told->token == 0;
    }
    const auto* noted = std::get_if<core::Noted>(&notice);
    if (noted != nullptr) log_.write(noted->warning ? LogLevel::warning : LogLevel::info, noted->text);
    if (noted != nullptr && parts_.noted) parts_.noted(*noted);
    return noted != nullptr;
  });
  if (!effects_.notify.empty() && parts_.notify) parts_.notify(effects_.notify);
}

void Reactor::sleep() {
  if (parts_.transport->ready() || !mailbox_.arm()) {
    mailbox_.disarm();
    poller_.wait(Duration::zero());  // What else is ready goes into the next turn.
    return;
  }
  std::optional<TimePoint> until = wake_at_;
  for (const auto& source : parts_.discovery) sooner(until, source->wake_at());
  const TimePoint at = steady_now();
  if (const auto retry = parts_.transport->retry_in()) sooner(until, at + *retry);
  poller_.wait(until ? *until - at : Duration::max());
  mailbox_.disarm();
}

void Reactor::say_goodbye() {
  const TimePoint limit = steady_now() + goodbye_limit;
  parts_.transport->flush();
  while (parts_.transport->pending() && steady_now() < limit) {
    poller_.wait(*parts_.transport->retry_in());
    parts_.transport->flush();
  }
  parts_.transport->shut_down(limit - steady_now());
  // Last: whoever sees the entry go takes us for dead, and our last words should be with them by then.
  for (const auto& source : parts_.discovery) source->stop();
  publish();
}

void Reactor::publish() {
  ReactorCounters counters;
  counters.node = node_->counters();
  counters.transport = parts_.transport->counters();
  counters.members_alive = node_->membership().alive();
  for (const auto& source : parts_.discovery) counters.ignored_entries += source->ignored();
  counters.turns = turns_;
  static_assert(sizeof counters == sizeof(Published));
  const auto words =
      std::bit_cast<std::array<std::uint64_t, sizeof counters / sizeof(std::uint64_t)>>(counters);
  for (std::size_t i = 0; i < words.size(); ++i) published_[i].store(words[i], std::memory_order_relaxed);
}

ReactorCounters Reactor::counters() const {
  std::array<std::uint64_t, sizeof(ReactorCounters) / sizeof(std::uint64_t)> words{};
  for (std::size_t i = 0; i < words.size(); ++i) words[i] = published_[i].load(std::memory_order_relaxed);
  return std::bit_cast<ReactorCounters>(words);
}

}  // namespace taskmesh::io
