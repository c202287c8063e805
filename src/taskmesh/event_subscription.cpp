#include "taskmesh/event_subscription.hpp"

#include <condition_variable>
#include <deque>
#include <mutex>
#include <utility>

#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/random_seed.hpp"
#include "taskmesh/node_host.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh {

namespace {

constexpr core::Token token = 1;

std::uint32_t wanted(const std::vector<std::string>& types) {
  std::uint32_t bits = 0;
  for (const std::string& type : types) {
    const auto bit = wire::event_bit(type);
    if (!bit) {
      throw Failure(
          {.kind = ErrorKind::invalid,
           .what = "'" + type.substr(0, 64) + "' is no type of event",
           .why = "there are scheduled, queued, running, retrying, moved and five ends",
           .fix = "use one of these, succeeded, failed, cancelled, expired, lost, or a whole type"});
    }
    bits |= *bit;
  }
  return bits;
}

TaskEvent to_event(proto::TaskEvent&& told, const core::EventsTold& from, const std::string& mesh) {
  TaskEvent event{.task_id = told.id, .name = {}, .error = wire::error_of(told), .missed = {}, .mesh = mesh};
  const wire::Completion view = wire::completion_of(told, from.worker, from.worker_name, nullptr);
  event.event_id = wire::event_id(view);
  event.type = wire::event_type(view);
  event.state = told.state;
  event.attempt = told.attempt;
  event.worker = from.worker_name;
  event.worker_id = from.worker;
  event.at = told.at;
  event.submitted_at = view.submitted_at;
  event.started_at = told.started_at;
  event.completed_at = told.completed_at;
  event.moved_epoch = view.moved_epoch;
  event.traceparent = view.traceparent;
  event.tracestate = view.tracestate;
  event.name = std::move(told.name);
  return event;
}

}  // namespace

std::string TaskEvent::to_json() const {
  if (is_gap()) {
    return wire::gap_event(
        {.id = event_id, .missed = *missed, .worker = worker, .worker_id = worker_id, .at = at}, mesh);
  }
  return wire::cloud_event({.task_id = task_id,
                            .name = name,
                            .state = state,
                            .error = error ? &*error : nullptr,
                            .attempt = attempt,
                            .worker = worker,
                            .worker_id = worker_id,
                            .delivery = 0,
                            .submitted_at = submitted_at,
                            .started_at = started_at,
                            .completed_at = completed_at,
                            .at = at,
                            .moved_epoch = moved_epoch,
                            .traceparent = traceparent,
                            .tracestate = tracestate},
                           mesh);
}

class EventSubscription::Impl {
 public:
  explicit Impl(EventOptions options);
  ~Impl();

  bool begun(Duration wait);
  std::optional<TaskEvent> next(std::optional<Duration> wait);
  void close();

 private:
  void told(std::vector<core::Notice>& notices);
  void push(TaskEvent&& event);
  TaskEvent gap(const core::EventsTold& from);

  const std::size_t queue_max_;
  std::string mesh_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<TaskEvent> events_;
  std::optional<std::uint64_t>
      dropped_;  // Before the front of events_, not told yet; 0: nobody knows how many.
  std::uint64_t gaps_ = 0;
  bool begun_ = false;
  bool closed_ = false;
  std::unique_ptr<detail::NodeHost> host_;
};

EventSubscription::Impl::Impl(EventOptions options)
    : queue_max_(std::max<std::size_t>(options.queue_max, 1)) {
  const std::uint32_t events = wanted(options.types);
  detail::HostOptions host = detail::host_options_of(options.client, io::random_u32(), "events");
  mesh_ = host.mesh;
  host_ = value_or_throw(detail::NodeHost::start(
      std::move(host), {.notify = [this](std::vector<core::Notice>& notices) { told(notices); }}));
  host_->post(core::WatchEvents{.token = token, .events = events, .name = std::move(options.name)});
}

EventSubscription::Impl::~Impl() {
  close();
  host_->post(core::Abandon{.token = token});
  host_->drain(detail::farewell_wait);
  host_->stop();
}

void EventSubscription::Impl::close() {
  const std::lock_guard lock(mutex_);
  closed_ = true;
  changed_.notify_all();
}

TaskEvent EventSubscription::Impl::gap(const core::EventsTold& from) {
  TaskEvent event{
      .event_id = to_string(host_ ? host_->node() : NodeId{}) + "." + std::to_string(++gaps_) + "-gap",
      .type = std::string(wire::gap_type),
      .task_id = {},
      .name = {},
      .error = {},
      .missed = from.missed.value_or(0),
      .mesh = mesh_};
  event.worker = from.worker_name;
  event.worker_id = from.worker;
  event.at = io::wall_now();
  return event;
}

void EventSubscription::Impl::push(TaskEvent&& event) {
  if (events_.size() >= queue_max_) {
    const auto& oldest = events_.front();
    const std::uint64_t more = oldest.is_gap() ? *oldest.missed : 1;
    dropped_ = more == 0 || dropped_ == 0U ? 0 : dropped_.value_or(0) + more;
    events_.pop_front();
  }
  events_.push_back(std::move(event));
}

void EventSubscription::Impl::told(std::vector<core::Notice>& notices) {
  const std::lock_guard lock(mutex_);
  for (core::Notice& notice : notices) {
    auto* told = std::get_if<core::EventsTold>(&notice);
    if (told == nullptr) continue;
    begun_ = begun_ || told->begun;
    if (told->missed) push(gap(*told));
    for (proto::TaskEvent& event : told->events) push(to_event(std::move(event), *told, mesh_));
  }
  notices.clear();
  changed_.notify_all();
}

bool EventSubscription::Impl::begun(Duration wait) {
  std::unique_lock lock(mutex_);
  return changed_.wait_for(lock, wait, [this] { return begun_ || closed_; }) && begun_;
}

std::optional<TaskEvent> EventSubscription::Impl::next(std::optional<Duration> wait) {
  std::unique_lock lock(mutex_);
  const auto ready = [this] { return closed_ || !events_.empty(); };
  wait ? static_cast<void>(changed_.wait_for(lock, *wait, ready)) : changed_.wait(lock, ready);
  if (closed_ || events_.empty()) return std::nullopt;
  if (dropped_) return gap({.missed = std::exchange(dropped_, std::nullopt)});
  TaskEvent event = std::move(events_.front());
  events_.pop_front();
  return event;
}

EventSubscription::EventSubscription(EventOptions options)
    : impl_(std::make_unique<Impl>(std::move(options))) {}
EventSubscription::~EventSubscription() = default;

bool EventSubscription::begun(Duration wait) { return impl_->begun(wait); }
std::optional<TaskEvent> EventSubscription::next(Duration wait) { return impl_->next(wait); }
std::optional<TaskEvent> EventSubscription::next() { return impl_->next({}); }
void EventSubscription::close() { impl_->close(); }

}  // namespace taskmesh
