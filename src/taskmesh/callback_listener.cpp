#include "taskmesh/callback_listener.hpp"

#include <unistd.h>

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <thread>
#include <utility>

#include "taskmesh/core/tasks/task_trace.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/node_host.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh {

namespace {

constexpr Duration again_after = 1s;  // A handler that threw gets its event again.

CompletionEvent to_event(core::EventArrived&& arrived) {
  proto::TaskReport& report = arrived.notify.report.edit();
  CompletionEvent event{.event_id = wire::event_id_of(report.id),
                        .type = std::string(wire::event_type_of(report.state)),
                        .task_id = report.id,
                        .name = std::move(report.name),
                        .state = report.state,
                        .error = std::nullopt,
                        .result = {report.codec, std::move(report.result)},
                        .callback_data = std::move(arrived.notify.callback_data),
                        .attempt = report.attempt,
                        .worker = std::move(report.worker_name),
                        .worker_id = report.worker,
                        .delivery = arrived.notify.delivery,
                        .submitted_at = report.submitted_at,
                        .started_at = report.started_at,
                        .completed_at = report.completed_at};
  if (arrived.notify.trace.has_value()) {
    proto::Trace trace = core::checked_trace(*arrived.notify.trace);
    event.traceparent = std::move(trace.parent);
    event.tracestate = std::move(trace.state);
  }
  if (event.state != TaskState::success) event.error = detail::error_of(report);
  if (event.callback_data.empty()) event.callback_data = "null";
  return event;
}

/// For the log: which event this is, as everybody else calls it.
std::string words_of(const CompletionEvent& event) {
  return "event " + event.event_id + " (" + event.type + ") of task '" + event.name + "'";
}

}  // namespace

std::string CompletionEvent::result_json() const { return detail::payload_to_json(result); }

std::string CompletionEvent::to_json() const {
  return wire::completion_json({.task_id = task_id,
                                .name = name,
                                .state = state,
                                .result_json = result_json(),
                                .error = error ? &*error : nullptr,
                                .callback_data = callback_data,
                                .attempt = attempt,
                                .worker = worker,
                                .worker_id = worker_id,
                                .delivery = delivery,
                                .submitted_at = submitted_at,
                                .started_at = started_at,
                                .completed_at = completed_at});
}

class CallbackListener::Impl {
 public:
  Impl(std::string_view address, ListenerOptions options);
  ~Impl();

  void add_handler(std::string_view name, Handler handler);
  std::optional<CompletionEvent> next(Duration wait);

  std::string address_;

 private:
  void arrived(std::vector<core::Notice>& notices);
  void serve();
  void handle(core::EventArrived arrived);
  Handler handler_of(const std::string& name);

  std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<core::EventArrived> events_;  // Bounded: the node refuses more than listener_queue_max.
  std::map<std::string, Handler, std::less<>> handlers_;  // "" handles any.
  bool closing_ = false;
  std::thread thread_;
  std::unique_ptr<detail::NodeHost> host_;
};

CallbackListener::Impl::Impl(std::string_view address, ListenerOptions options) {
  detail::HostOptions host;
  host.node.kind = core::NodeKind::listener;
  host.node.takes_cereal = !options.json_results;
  host.node.self.name = "listener-" + std::to_string(::getpid());
  host.bind = std::string(address);
  host.insecure = options.insecure;
  host.log = options.log;
  host_ = value_or_throw(detail::NodeHost::start(
      std::move(host),
      {.notify = [this](std::vector<core::Notice>& notices) { arrived(notices); }, .turned = nullptr}));
  address_ = host_->endpoint();
}

CallbackListener::Impl::~Impl() {
  {
    const std::lock_guard lock(mutex_);
    closing_ = true;
    changed_.notify_all();
  }
  if (thread_.joinable()) thread_.join();
  host_->drain(limits::own_stall);  // The last acknowledgements go out.
}

void CallbackListener::Impl::arrived(std::vector<core::Notice>& notices) {
  const std::lock_guard lock(mutex_);
  for (core::Notice& notice : notices) {
    if (auto* event = std::get_if<core::EventArrived>(&notice)) events_.push_back(std::move(*event));
  }
  changed_.notify_all();
}

void CallbackListener::Impl::add_handler(std::string_view name, Handler handler) {
  const std::lock_guard lock(mutex_);
  handlers_.insert_or_assign(std::string(name), std::move(handler));
  if (!thread_.joinable()) thread_ = std::thread([this] { serve(); });
}

CallbackListener::Handler CallbackListener::Impl::handler_of(const std::string& name) {
  const std::lock_guard lock(mutex_);
  auto it = handlers_.find(name);
  if (it == handlers_.end()) it = handlers_.find("");
  return it == handlers_.end() ? Handler{} : it->second;
}

void CallbackListener::Impl::serve() {
  for (;;) {
    core::EventArrived event;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return closing_ || !events_.empty(); });
      if (closing_) return;
      event = std::move(events_.front());
      events_.pop_front();
    }
    handle(std::move(event));
  }
}

void CallbackListener::Impl::handle(core::EventArrived arrived) {
  core::EventHandled handled{.link = arrived.link, .seq = arrived.seq, .id = arrived.notify.report->id};
  const CompletionEvent event = to_event(std::move(arrived));
  try {
    const Handler handler = handler_of(event.name);
    if (handler) {
      handler(event);
    } else {
      host_->log().warning("no handler for " + words_of(event) + "; it is acknowledged");
    }
  } catch (const std::exception& error) {
    host_->log().warning("the handler threw at " + words_of(event) + ": " + error.what() +
                         "; it comes again");
    handled.retry_after = again_after;
  } catch (...) {
    host_->log().warning("the handler threw at " + words_of(event) + "; it comes again");
    handled.retry_after = again_after;
  }
  host_->post(handled);
}

std::optional<CompletionEvent> CallbackListener::Impl::next(Duration wait) {
  core::EventArrived event;
  {
    std::unique_lock lock(mutex_);
    if (!handlers_.empty()) {
      throw Failure({.kind = ErrorKind::invalid,
                     .what = "next() was called on a listener with handlers",
                     .why = "an event goes either to a handler or to next()",
                     .fix = "use one of the two"});
    }
    if (!changed_.wait_for(lock, wait, [this] { return !events_.empty(); })) return std::nullopt;
    event = std::move(events_.front());
    events_.pop_front();
  }
  host_->post(core::EventHandled{
      .link = event.link, .seq = event.seq, .id = event.notify.report->id, .retry_after = {}});
  return to_event(std::move(event));
}

CallbackListener::CallbackListener(std::string_view address, ListenerOptions options)
    : impl_(std::make_unique<Impl>(address, options)) {}
CallbackListener::~CallbackListener() = default;

static void check_handler(const CallbackListener::Handler& handler) {
  if (handler) return;
  throw Failure({.kind = ErrorKind::invalid,
                 .what = "a handler is empty",
                 .why = "its events would be acknowledged and lost",
                 .fix = "give a function, or register none"});
}

void CallbackListener::on(std::string_view name, Handler handler) {
  if (name.empty()) {
    throw Failure({.kind = ErrorKind::invalid,
                   .what = "a handler needs a task name",
                   .why = "the name is empty",
                   .fix = "use on_any for all"});
  }
  check_handler(handler);
  impl_->add_handler(name, std::move(handler));
}

void CallbackListener::on_any(Handler handler) {
  check_handler(handler);
  impl_->add_handler("", std::move(handler));
}

std::optional<CompletionEvent> CallbackListener::next(Duration wait) { return impl_->next(wait); }

const std::string& CallbackListener::address() const { return impl_->address_; }

}  // namespace taskmesh
