#include "taskmesh/worker.hpp"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "taskmesh/core/tasks/epoch.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/memory_watch.hpp"
#include "taskmesh/io/process_executor.hpp"
#include "taskmesh/io/thread_executor.hpp"
#include "taskmesh/node_host.hpp"
#include "taskmesh/signal_watch.hpp"

namespace taskmesh {

namespace {

constexpr Duration idle_wait = 1h;  // run() waits for a signal in turns of this.

std::uint32_t slots_or_env(std::uint32_t option) {
  if (option != 0) return option;
  const std::string text = detail::option_or_env("", "TASKMESH_SLOTS", "");
  if (text.empty()) return std::max(1U, std::thread::hardware_concurrency());
  std::uint32_t slots = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), slots);
  if (error != std::errc{} || end != text.data() + text.size() || slots == 0 || slots > limits::slots_max) {
    throw Failure({.kind = ErrorKind::invalid,
                   .what = "TASKMESH_SLOTS is '" + text + "'",
                   .why = "it takes a whole number from 1 to " + std::to_string(limits::slots_max),
                   .fix = "set it to the number of tasks that may run at once"});
  }
  return slots;
}

Error serve_error(std::string_view name, std::string why, std::string fix) {
  return {.kind = ErrorKind::invalid,
          .what = "task '" + std::string(name.substr(0, 64)) + "' cannot be served",
          .why = std::move(why),
          .fix = std::move(fix)};
}

Error option_error(std::string_view option, std::string why, std::string fix) {
  return {.kind = ErrorKind::invalid,
          .what = "the worker's option " + std::string(option) + " cannot be used",
          .why = std::move(why),
          .fix = std::move(fix)};
}

void check_options(const WorkerOptions& options) {
  if (options.slots > limits::slots_max) {
    throw Failure(option_error(
        "slots",
        "it is " + std::to_string(options.slots) + ", the most is " + std::to_string(limits::slots_max),
        "give it about as many as there are cores, and start more workers"));
  }
  if (options.name.size() > limits::name_bytes) {
    throw Failure(option_error("name", "it is longer than " + std::to_string(limits::name_bytes) + " bytes",
                               "give it a shorter one"));
  }
  if (options.callback_attempts > limits::callback_attempts_max) {
    throw Failure(option_error("callback_attempts",
                               "it is above " + std::to_string(limits::callback_attempts_max),
                               "use 0 for as many as it takes"));
  }
  const auto check = [](std::string_view option, Duration value, Duration least) {
    constexpr Duration most = 24h * 36'500;  // What is added to a point in time must not overflow.
    if (value >= least && value <= most) return;
    throw Failure(option_error(option,
                               value < least ? "it is too short" : "it is longer than a hundred years",
                               "give it a duration such as 1h"));
  };
  check("result_ttl", options.result_ttl, Duration{1});
  check("callback_ttl", options.callback_ttl, Duration{1});
  check("webhooks.timeout", options.webhooks.timeout, 1ms);
  check("webhooks.ttl", options.webhooks.ttl, Duration{1});
  check("drain_timeout", options.drain_timeout, Duration::zero());
  if (options.webhooks.rate > limits::webhook_rate_max) {
    throw Failure(option_error("webhooks.rate", "it is above " + std::to_string(limits::webhook_rate_max),
                               "use 0 for no limit"));
  }
  // It goes into a header and is compared by others.
  const auto in_name = [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '_';
  };
  const std::string& origin = options.webhooks.origin;
  if (origin.size() > limits::name_bytes || !std::ranges::all_of(origin, in_name)) {
    throw Failure(option_error("webhooks.origin", "it is no DNS name in small letters",
                               "write a name of yours, like tasks.example.org"));
  }
}

/// One attempt: the user's function between decoding and encoding. Exceptions that are not ours pass through:
/// the executor names their type.
core::Finished run_attempt(const detail::Handler& handler, core::Run&& run, const io::StopToken& stop) {
  core::Finished finished;
  TaskContext context(run.id, std::move(run.name), run.attempt, run.reply_codec, run.deadline);
  context.with(stop.flag(), *run.headers, core::fence_of(run.epoch));
  try {
    detail::HandlerResult answer = handler(context, run.args, run.want_json);
    finished.result = std::move(answer.result);
    finished.json = std::move(answer.json);
  } catch (const Failure& failure) {
    finished.error = failure.error();
  }
  return finished;
}

}  // namespace

class Worker::Impl {
 public:
  explicit Impl(WorkerOptions options);

  ~Impl();

  void add(std::string_view name, io::Handler function);
  void add_command(std::string_view name, std::string command);
  std::vector<std::string> tasks() const;
  void start();
  void stop();
  void wait();
  void run(const std::function<void()>& serving);
  WorkerCounters counters() const;

  WorkerOptions options_;
  std::string mesh_;
  std::string name_;
  NodeId id_;
  std::string endpoint_;

 private:
  detail::HostOptions host_options();

  io::Handlers functions_;
  std::shared_ptr<io::CommandStop> commands_ = std::make_shared<io::CommandStop>();
  std::atomic<bool> leaving_{false};
  detail::SignalWatch* watch_ = nullptr;  // Set while run() waits; guarded by watch_mutex_.
  std::mutex watch_mutex_;
  std::unique_ptr<detail::NodeHost> host_;
};

Worker::Impl::Impl(WorkerOptions options) : options_(std::move(options)) {
  check_options(options_);
  options_.slots = slots_or_env(options_.slots);
  mesh_ = detail::option_or_env(options_.mesh, "TASKMESH_MESH", "default");
  name_ = detail::option_or_env(options_.name, "TASKMESH_NAME",
                                detail::host_name() + "-" + std::to_string(::getpid()));
}

void Worker::Impl::add(std::string_view name, io::Handler function) {
  if (host_) throw Failure(serve_error(name, "the worker has started", "serve all tasks before start()"));
  if (name.empty() || name.size() > limits::name_bytes) {
    throw Failure(serve_error(name, "a name has 1 to " + std::to_string(limits::name_bytes) + " bytes",
                              "give it another name"));
  }
  if (functions_.size() >= limits::served_names_max) {
    throw Failure(
        serve_error(name, "a worker serves at most " + std::to_string(limits::served_names_max) + " names",
                    "make what differs an argument of one task, or serve the rest from another worker"));
  }
  if (!functions_.emplace(name, std::move(function)).second)
    throw Failure(serve_error(name, "it is served already", "serve each name once"));
}

void Worker::Impl::add_command(std::string_view name, std::string command) {
  if (command.empty())
    throw Failure(serve_error(name, "its command is empty", "say what the shell is to run"));
  add(name, io::Command(std::move(command), commands_));
}

Worker::Impl::~Impl() {
  commands_->stop();  // Slots that wait for a process get it back.
}

std::vector<std::string> Worker::Impl::tasks() const {
  std::vector<std::string> names;
  for (const auto& [name, function] : functions_) names.push_back(name);
  std::sort(names.begin(), names.end());
  return names;
}

detail::HostOptions Worker::Impl::host_options() {
  detail::HostOptions host;
  host.node.kind = core::NodeKind::worker;
  host.node.self.name = name_;
  host.node.self.slots = options_.slots;
  host.node.self.serves = tasks();
  host.node.queue_tasks_max = options_.queue_tasks_max;
  host.node.results_max = options_.results_max;
  host.node.results_bytes_max = options_.results_bytes_max;
  host.node.steals = options_.steals;
  host.node.memory_max = options_.memory_max ? *options_.memory_max : io::cgroup_memory_max().value_or(0);
  host.node.result_ttl = options_.result_ttl;
  host.node.callback_ttl = options_.callback_ttl;
  host.node.first_start_after = limits::first_start_after;
  host.node.callback_attempts = options_.callback_attempts;
  host.mesh = mesh_;
  host.bind = detail::option_or_env(options_.bind, "TASKMESH_BIND", "tcp://127.0.0.1:*");
  host.seeds = detail::list_or_env(options_.seeds, "TASKMESH_SEEDS");
  host.token_file = detail::option_or_env(options_.token_file, "TASKMESH_TOKEN_FILE", "");
  host.insecure = options_.insecure;
  host.webhooks = options_.webhooks;
  host.log = options_.log;
  host.make_executor = [this](io::Mailbox& mailbox) {
    try {
      return std::make_unique<io::ThreadExecutor>(options_.slots, functions_, mailbox);
    } catch (const std::system_error& error) {
      throw Failure({.kind = ErrorKind::unavailable,
                     .what = "the worker cannot start",
                     .why = "there are no threads for its " + std::to_string(options_.slots) +
                            " slots: " + error.what(),
                     .fix = "give it fewer slots, or raise the limits of processes and memory (ulimit -u)"});
    }
  };
  return host;
}

void Worker::Impl::start() {
  if (host_) return;
  host_ = value_or_throw(detail::NodeHost::start(host_options(), {}));
  id_ = host_->node();
  endpoint_ = host_->endpoint();
}

WorkerCounters Worker::Impl::counters() const {
  if (!host_) return {};
  const io::ReactorCounters all = host_->counters();
  const core::NodeCounters& node = all.node;
  const io::SpanCounters spans = host_->spans();
  return {.submitted = node.submits - node.duplicates,
          .repeated = node.duplicates,
          .busy = node.busy,
          .rejected = node.rejected,
          .started = node.started,
          .finished = node.finished,
          .retried = node.retried,
          .timed_out = node.timed_out,
          .cancelled = node.cancelled,
          .expired = node.expired,
          .condemned = node.condemned,
          .lost = node.lost,
          .taken_over = node.taken_over,
          .repaired = node.repaired,
          .under_replicated = node.under_replicated,
          .given = node.given,
          .stolen = node.stolen,
          .steal_asks = node.steal_asks,
          .hints = node.hints,
          .fenced = node.refused_claims,
          .events_sent = node.events_sent,
          .events_acked = node.events_acked,
          .events_undelivered = node.events_undelivered,
          .events_revived = node.events_revived,
          .bad_input = node.bad_input,
          .oversized = all.transport.oversized,
          .unsent = all.transport.unsent,
          .events_left_out = node.events_left_out,
          .spans_exported = spans.exported,
          .spans_dropped = spans.dropped,
          .queue_wait = node.queue_wait,
          .run_time = node.run_time,
          .end_to_end = node.end_to_end,
          .callback_delay = node.callback_delay};
}

void Worker::Impl::stop() {
  leaving_ = true;
  if (host_) host_->post(core::Drain{options_.drain_timeout});
  const std::lock_guard lock(watch_mutex_);
  if (watch_ != nullptr) watch_->wake();
}

void Worker::Impl::wait() {
  if (!host_) return;
  host_->wait_stopped(idle_wait * 24 * 365);
}

void Worker::Impl::run(const std::function<void()>& serving) {
  detail::SignalWatch watch(options_.handle_signals);
  {
    const std::lock_guard lock(watch_mutex_);
    watch_ = &watch;
  }
  start();
  if (serving) serving();
  while (!leaving_ && !watch.wait(idle_wait)) {
  }
  if (!leaving_) {
    host_->log().info("leaving: finishing what was accepted; a second signal ends at once");
    leaving_ = true;  // Not stop(): it rings the watch, and a second signal would be taken for its ringing.
    host_->post(core::Drain{options_.drain_timeout});
  }
  while (!host_->wait_stopped(50ms)) {
    if (!watch.wait(Duration::zero())) continue;
    host_->log().warning("stopped at once: what was not finished is lost");
    break;
  }
  const std::lock_guard lock(watch_mutex_);
  watch_ = nullptr;
}

Worker::Worker(WorkerOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {}
Worker::~Worker() = default;

Worker& Worker::add(std::string_view name, detail::Handler handler) {
  impl_->add(name, [handler = std::move(handler)](core::Run&& run, const io::StopToken& stop) {
    return run_attempt(handler, std::move(run), stop);
  });
  return *this;
}

Worker& Worker::serve_raw(std::string_view name, std::function<Payload(TaskContext&, const Payload&)> f) {
  return add(name, [f = std::move(f)](TaskContext& context, const Payload& args, bool want_json) {
    detail::HandlerResult answer{f(context, args), {}};
    if (want_json && answer.result.codec == Codec::json) answer.json = answer.result.bytes;
    return answer;
  });
}

Worker& Worker::serve_command(std::string_view name, std::string command) {
  impl_->add_command(name, std::move(command));
  return *this;
}

void Worker::start() { impl_->start(); }
void Worker::stop() { impl_->stop(); }
void Worker::wait() { impl_->wait(); }
void Worker::run(const std::function<void()>& serving) { impl_->run(serving); }
std::vector<std::string> Worker::tasks() const { return impl_->tasks(); }
NodeId Worker::id() const { return impl_->id_; }
const std::string& Worker::name() const { return impl_->name_; }
const std::string& Worker::mesh() const { return impl_->mesh_; }
WorkerCounters Worker::counters() const { return impl_->counters(); }
std::string Worker::endpoint() const { return impl_->endpoint_; }

}  // namespace taskmesh
