#include "taskmesh/client.hpp"

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <utility>

#include "taskmesh/end_watch.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/random_seed.hpp"
#include "taskmesh/lister.hpp"
#include "taskmesh/node_host.hpp"
#include "taskmesh/submit_plan.hpp"
#include "taskmesh/ticket_book.hpp"

namespace taskmesh {

using detail::AnswerTicket;
using detail::CallParts;
using detail::TicketPtr;

namespace {

Error closed_error() {
  return {.kind = ErrorKind::unavailable,
          .what = "the client was closed",
          .why = "its destructor ran while this was under way",
          .fix = "keep the client alive until its answers are there"};
}

Error blocking_on_reactor() {
  return {.kind = ErrorKind::invalid,
          .what = "a blocking call was made on the client's reactor thread",
          .why = "continuations (.then, co_await) run there, so the answer could never come",
          .fix = "use async() there, or hand the work to another thread"};
}

Error in_flight_error(std::size_t limit) {
  return {.kind = ErrorKind::overloaded,
          .what = "the task was not submitted",
          .why = std::to_string(limit) + " tasks of this client are in flight, the limit",
          .fix = "wait for some of them, add workers, or raise in_flight_max"};
}

Error nil_id() {
  return {.kind = ErrorKind::invalid,
          .what = "a nil id names no task",
          .why = "it is what an id is before a task was submitted",
          .fix = "use the id that delay returned"};
}

/// As workers know it: they get numbers only.
Result<std::string> numeric_address(const std::string& address) {
  return address.empty() ? Result<std::string>{} : io::callback_address(address, false);
}

}  // namespace

class Client::Impl {
 public:
  explicit Impl(ClientOptions options) : options_(std::move(options)), instance_(io::random_u32()) {}

  Result<void> open();
  void close();

  /// `ticket` null: nobody waits. The room and the checks of every submit.
  Result<TaskId> start(CallParts call, const Callback& callback, const SubmitOptions& options,
                       TicketPtr ticket, core::Token* token_out = nullptr);
  Result<std::vector<TaskId>> start_batch(std::vector<TaskSpec> specs, Duration wait);
  proto::TaskReport run(CallParts call, const SubmitOptions& options);
  Result<CancelAnswer> cancel(TaskId id, Duration wait);
  std::vector<proto::TaskReport> await_all(const std::vector<TaskId>& ids, const WaitAllOptions& options,
                                           Codec codec);
  proto::TaskReport ask(TaskId id, Duration wait, Codec codec, bool until_end);
  Result<core::Acceptance> await_acceptance(TaskId id, Duration wait);
  std::vector<core::MemberView> members(Duration wait);
  /// The workers that can be asked, and until when.
  Result<detail::Lister> lister(Duration wait);
  /// timed_out, or unavailable where no worker is there.
  Error out_of_time(std::string what, Duration wait);
  std::size_t in_flight() const;

  ClientOptions options_;
  std::string mesh_;

 private:
  Result<std::vector<detail::SubmitPlan>> plan_batch(std::vector<TaskSpec> specs) const;
  TaskId post(detail::SubmitPlan&& plan, TicketPtr ticket, core::Token* token_out);
  bool try_reserve(std::size_t count);
  bool reserve(std::size_t count, Duration wait);
  void turned(const core::Node& node);
  TaskId next_id(std::uint16_t flags);

  const std::uint32_t instance_;
  std::atomic<std::uint32_t> counter_{0};
  std::atomic<std::uint64_t> posted_{0};  // Submits given to the node, and those that have a place.
  std::atomic<std::uint64_t> ended_{0};   // Of them, those that are not in flight any more.
  std::atomic<int> room_waiters_{0};
  std::mutex room_mutex_;
  std::condition_variable room_;
  detail::TicketBook tickets_;
  std::unique_ptr<detail::NodeHost> host_;  // Last: its thread uses all of the above.
};

Result<void> Client::Impl::open() {
  detail::HostOptions host = detail::host_options_of(options_, instance_, "client");
  mesh_ = host.mesh;
  auto started = detail::NodeHost::start(
      std::move(host), {.notify = [this](std::vector<core::Notice>& notices) { tickets_.answer(notices); },
                        .turned = [this](const core::Node& node) { turned(node); }});
  if (!started) return fail(std::move(started.error()));
  host_ = std::move(*started);
  return {};
}

void Client::Impl::close() {
  if (!host_) return;
  if (in_flight() > 0 && !host_->on_reactor_thread()) {
    auto flushed = await_acceptance(TaskId{}, options_.flush_timeout);
    if (!flushed) host_->log().warning("closing with unaccepted tasks: " + to_string(flushed.error()));
  }
  // Ends that only this client can tell (refused, lost) go to their callback addresses first.
  if (!host_->on_reactor_thread()) host_->drain(detail::farewell_wait);
  host_->stop();
  tickets_.close(closed_error());
}

TaskId Client::Impl::next_id(std::uint16_t flags) {
  const auto unix_ms = static_cast<std::uint64_t>(io::wall_now().unix_us / 1000);
  return make_task_id(unix_ms, flags, instance_, counter_.fetch_add(1, std::memory_order_relaxed));
}

// ---- The in-flight limit ------------------------------------------------------------------------------

std::size_t Client::Impl::in_flight() const {
  // `ended_` first: it never runs ahead of `posted_`, so the difference never goes below zero.
  const std::uint64_t ended = ended_.load(std::memory_order_acquire);
  return static_cast<std::size_t>(posted_.load(std::memory_order_acquire) - ended);
}

void Client::Impl::turned(const core::Node& node) {
  ended_.store(node.counters().calls - node.submitter()->in_flight(), std::memory_order_release);
  if (room_waiters_.load() == 0) return;
  const std::lock_guard lock(room_mutex_);
  room_.notify_all();
}

bool Client::Impl::try_reserve(std::size_t count) {
  std::uint64_t posted = posted_.load(std::memory_order_acquire);
  do {
    const std::uint64_t ended = ended_.load(std::memory_order_acquire);
    const std::uint64_t flying = posted > ended ? posted - ended : 0;  // `ended` may be the newer of the two.
    if (flying + count > options_.in_flight_max) return false;
  } while (!posted_.compare_exchange_weak(posted, posted + count, std::memory_order_acq_rel));
  return true;
}

/// Places for that many tasks, which must be posted then.
bool Client::Impl::reserve(std::size_t count, Duration wait) {
  if (try_reserve(count)) return true;
  if (host_->on_reactor_thread()) return false;  // Nobody else could make room.
  std::unique_lock lock(room_mutex_);
  ++room_waiters_;
  const bool room = room_.wait_for(lock, wait, [&] { return try_reserve(count); });
  --room_waiters_;
  return room;
}

// ---- Submitting ---------------------------------------------------------------------------------------

TaskId Client::Impl::post(detail::SubmitPlan&& plan, TicketPtr ticket, core::Token* token_out) {
  const TaskId id = next_id(plan.id_flags);
  core::SubmitTask task = detail::event_of(std::move(plan), id);
  host_->trace(task);
  task.token = ticket ? tickets_.add(std::move(ticket)) : 0;
  // With a callback the end is waited for as well: if the worker dies, this client tells the listener `lost`.
  task.wait = task.token != 0 || !task.callback_address.empty();
  if (token_out != nullptr) *token_out = task.token;
  host_->post(std::move(task));
  return id;
}

Result<TaskId> Client::Impl::start(CallParts call, const Callback& callback, const SubmitOptions& options,
                                   TicketPtr ticket, core::Token* token_out) {
  auto plan = detail::plan_submit(std::move(call), callback, options, options_.insecure);
  if (!plan) return fail(std::move(plan.error()));
  if (!reserve(1, options.wait)) return fail(in_flight_error(options_.in_flight_max));
  return post(std::move(*plan), std::move(ticket), token_out);
}

Result<std::vector<detail::SubmitPlan>> Client::Impl::plan_batch(std::vector<TaskSpec> specs) const {
  std::vector<detail::SubmitPlan> plans;
  plans.reserve(specs.size());
  for (TaskSpec& spec : specs) {
    auto plan = detail::plan_submit({std::move(spec.name), std::move(spec.args), spec.reply_codec},
                                    spec.callback, spec.options, options_.insecure);
    if (!plan) {
      Error error = std::move(plan.error());
      error.what = "specs[" + std::to_string(plans.size()) + "], and with it the batch: " + error.what;
      return fail(std::move(error));
    }
    plans.push_back(std::move(*plan));
  }
  return plans;
}

Result<std::vector<TaskId>> Client::Impl::start_batch(std::vector<TaskSpec> specs, Duration wait) {
  const TimePoint until = io::steady_now() + wait;
  auto plans = plan_batch(std::move(specs));
  if (!plans) return fail(std::move(plans.error()));
  // All at once where it can be; else in parts small enough that room for the next comes while this one runs.
  const std::size_t limit = options_.in_flight_max;
  const std::size_t part_max = plans->size() <= limit ? limit : std::max<std::size_t>(1, limit / 4);
  std::vector<TaskId> ids;
  ids.reserve(plans->size());
  while (ids.size() < plans->size()) {
    const std::size_t part = std::min(part_max, plans->size() - ids.size());
    if (!reserve(part, until - io::steady_now())) {
      for (const TaskId& id : ids) host_->post(core::CancelTask{.token = 0, .id = id});
      Error error = in_flight_error(limit);
      error.what = "the batch was not submitted";
      if (!ids.empty())
        error.what += "; the " + std::to_string(ids.size()) + " tasks sent are being cancelled";
      return fail(std::move(error));
    }
    for (std::size_t i = 0; i < part; ++i) {
      ids.push_back(post(std::move((*plans)[ids.size()]), nullptr, nullptr));
    }
  }
  return ids;
}

proto::TaskReport Client::Impl::run(CallParts call, const SubmitOptions& options) {
  proto::TaskReport report;
  if (host_->on_reactor_thread()) {
    report.fault = proto::Fault::from(blocking_on_reactor());
    return report;
  }
  const TimePoint until = io::steady_now() + options.wait;
  auto ticket = detail::make_ticket();
  core::Token token = 0;
  const std::string name = call.name;
  auto id = start(std::move(call), {}, options, ticket, &token);
  if (!id) {
    report.fault = proto::Fault::from(id.error());
    return report;
  }
  if (ticket->wait(until - io::steady_now())) return ticket->report();
  if (!tickets_.drop(token)) {  // The answer came in this very moment.
    ticket->wait(limits::own_stall);
    return ticket->report();
  }
  report.id = *id;
  report.state = TaskState::pending;
  report.fault = proto::Fault::from(out_of_time("task '" + name + "' has no result", options.wait));
  host_->post(core::Abandon{.token = token, .withdraw = true, .id = *id});
  return report;
}

// ---- Asking -------------------------------------------------------------------------------------------

proto::TaskReport Client::Impl::ask(TaskId id, Duration wait, Codec codec, bool until_end) {
  proto::TaskReport report;
  report.id = id;
  if (host_->on_reactor_thread()) {
    report.fault = proto::Fault::from(blocking_on_reactor());
    return report;
  }
  auto ticket = std::make_shared<AnswerTicket>();
  const core::Token token = tickets_.add(ticket);
  host_->post(core::QueryTasks{.token = token, .ids = {id}, .wait = until_end, .reply_codec = codec});
  if (ticket->wait(wait) || !tickets_.drop(token)) {
    ticket->wait(limits::own_stall);  // Dropped too late: the answer is being written.
    if (until_end || ticket->reports.empty()) return ticket->report();
    return ticket->reports.front();
  }
  host_->post(core::Abandon{.token = token, .id = id});
  const char* what = until_end ? " has not ended" : " could not be asked for";
  report.fault = proto::Fault::from(out_of_time("task " + to_string(id) + what, wait));
  return report;
}

Result<core::Acceptance> Client::Impl::await_acceptance(TaskId id, Duration wait) {
  if (host_->on_reactor_thread()) return fail(blocking_on_reactor());
  auto ticket = std::make_shared<AnswerTicket>();
  const core::Token token = tickets_.add(ticket);
  host_->post(core::AwaitAccepted{.token = token, .id = id});
  if (!ticket->wait(wait) && tickets_.drop(token)) {
    host_->post(core::Abandon{.token = token});
    return fail(out_of_time(
        id ? "task " + to_string(id) + " was not accepted" : "not all tasks were accepted", wait));
  }
  ticket->wait(limits::own_stall);
  if (ticket->acceptance.error) return fail(*ticket->acceptance.error);
  return std::move(ticket->acceptance);
}

std::vector<proto::TaskReport> Client::Impl::await_all(const std::vector<TaskId>& ids,
                                                       const WaitAllOptions& options, Codec codec) {
  if (host_->on_reactor_thread()) {
    proto::TaskReport report;
    report.fault = proto::Fault::from(blocking_on_reactor());
    return {ids.size(), report};
  }
  detail::EndWatch watch(*host_, tickets_, ids, codec);
  if (watch.wait(io::steady_now() + options.wait, options.progress)) return watch.take();
  const Error late = out_of_time("the task has not ended", options.wait);
  return watch.take(late);
}

Result<CancelAnswer> Client::Impl::cancel(TaskId id, Duration wait) {
  if (!id) return fail(nil_id());
  if (host_->on_reactor_thread()) return fail(blocking_on_reactor());
  auto ticket = std::make_shared<AnswerTicket>();
  const core::Token token = tickets_.add(ticket);
  host_->post(core::CancelTask{.token = token, .id = id});
  if (!ticket->wait(wait) && tickets_.drop(token)) {
    host_->post(core::Abandon{.token = token});
    return fail(out_of_time("nobody has confirmed that task " + to_string(id) + " is cancelled", wait));
  }
  ticket->wait(limits::own_stall);
  const core::Cancellation& answer = ticket->cancellation;
  if (answer.error) return fail(*answer.error);
  return CancelAnswer{.task_id = id, .state = answer.state, .stopping = answer.stopping};
}

std::vector<core::MemberView> Client::Impl::members(Duration wait) {
  if (host_->on_reactor_thread()) return {};
  auto ticket = std::make_shared<AnswerTicket>();
  const core::Token token = tickets_.add(ticket);
  host_->post(core::ListMembers{.token = token, .settle = wait > Duration::zero()});
  const Duration patience = std::max<Duration>(wait, limits::own_stall) + limits::own_stall;
  if (ticket->wait(patience) || !tickets_.drop(token)) {
    ticket->wait(limits::own_stall);
    return std::move(ticket->members);
  }
  host_->post(core::Abandon{.token = token});
  return {};
}

Result<detail::Lister> Client::Impl::lister(Duration wait) {
  if (host_->on_reactor_thread()) return fail(blocking_on_reactor());
  const TimePoint until = io::steady_now() + wait;
  return detail::Lister(*host_, tickets_, members(std::min(wait, limits::own_stall)), until);
}

Error Client::Impl::out_of_time(std::string what, Duration wait) {
  const auto known = members(Duration::zero());
  const bool reachable = std::any_of(known.begin(), known.end(), [](const core::MemberView& view) {
    return view.liveness == core::Liveness::alive || view.liveness == core::Liveness::draining;
  });
  if (reachable) {
    return {.kind = ErrorKind::timed_out,
            .what = std::move(what),
            .why = "the time to wait ended after " + to_string(wait),
            .fix = "wait longer, add workers, or ask again later with its id"};
  }
  return {.kind = ErrorKind::unavailable,
          .what = std::move(what),
          .why = "no worker in mesh '" + mesh_ + "' answered within " + to_string(wait),
          .fix = "start one with `taskmesh worker --builtin`, or check the mesh name"};
}

// ---- The public face ----------------------------------------------------------------------------------

Client::Client(ClientOptions options) : impl_(std::make_unique<Impl>(std::move(options))) {
  value_or_throw(impl_->open());
}

Client::Client(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

Result<Client> Client::open(ClientOptions options) {
  auto impl = std::make_unique<Impl>(std::move(options));
  auto opened = impl->open();
  if (!opened) return fail(std::move(opened.error()));
  return Client(std::move(impl));
}

Client::Client(Client&&) noexcept = default;

Client& Client::operator=(Client&& other) noexcept {
  if (impl_ && this != &other) impl_->close();
  impl_ = std::move(other.impl_);
  return *this;
}

Client::~Client() {
  if (impl_) impl_->close();
}

Error Client::no_callback_address() {
  return {.kind = ErrorKind::invalid,
          .what = "the task was not submitted",
          .why = "its callback has no address",
          .fix = "give the address of a listener, or use delay"};
}

proto::TaskReport Client::run(CallParts call, const SubmitOptions& options) {
  return impl_->run(std::move(call), options);
}

Result<TaskId> Client::start(CallParts call, const Callback& callback, const SubmitOptions& options,
                             TicketPtr ticket) {
  return impl_->start(std::move(call), callback, options, std::move(ticket));
}

Result<std::vector<TaskId>> Client::try_submit_batch(std::vector<TaskSpec> specs, Duration wait) {
  return impl_->start_batch(std::move(specs), wait);
}

TaskId Client::start_async(CallParts call, const SubmitOptions& options, const TicketPtr& ticket) {
  auto id = impl_->start(std::move(call), {}, options, ticket);
  if (id) return *id;
  proto::TaskReport report;
  report.fault = proto::Fault::from(id.error());
  ticket->finish(std::move(report));
  return {};
}

proto::TaskReport Client::query(TaskId id, Duration wait, Codec codec) {
  return impl_->ask(id, wait, codec, false);
}

proto::TaskReport Client::await_end(TaskId id, Duration wait, Codec codec) {
  return impl_->ask(id, wait, codec, true);
}

std::vector<proto::TaskReport> Client::await_all(const std::vector<TaskId>& ids,
                                                 const WaitAllOptions& options, Codec codec) {
  return impl_->await_all(ids, options, codec);
}

Result<CancelAnswer> Client::try_cancel(TaskId id, Duration wait) { return impl_->cancel(id, wait); }

Result<Receipt> Client::accepted(TaskId id, Duration wait) {
  if (!id) return fail(nil_id());
  auto acceptance = impl_->await_acceptance(id, wait);
  if (!acceptance) return fail(std::move(acceptance.error()));
  return Receipt{id, std::move(acceptance->nodes)};
}

Result<void> Client::flush(Duration wait) {
  auto acceptance = impl_->await_acceptance(TaskId{}, wait);
  if (!acceptance) return fail(std::move(acceptance.error()));
  return {};
}

std::vector<WorkerInfo> Client::workers(Duration wait) {
  std::vector<WorkerInfo> list;
  for (core::MemberView& view : impl_->members(wait)) {
    list.push_back({.id = view.member.node,
                    .name = std::move(view.member.name),
                    .host = std::move(view.member.host),
                    .pid = view.member.pid,
                    .state = std::string(core::to_string(view.liveness)),
                    .endpoints = std::move(view.member.endpoints),
                    .tasks = std::move(view.member.serves),
                    .slots = view.member.slots,
                    .running = view.load.running,
                    .stuck = view.load.stuck,
                    .queued = view.load.queued,
                    .scheduled = view.load.scheduled,
                    .short_of_copies = (view.load.flags & proto::Load::copies_flag) != 0,
                    .short_of_memory = (view.load.flags & proto::Load::memory_flag) != 0,
                    .silence = view.silence});
  }
  return list;
}

Result<TaskListing> Client::try_tasks(const TaskFilter& filter, Duration wait) {
  if (filter.state == TaskState::pending || filter.state == TaskState::unknown) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "no worker lists tasks that are " + std::string(to_string(*filter.state)),
                 .why = "it is the state of a task that no worker knows",
                 .fix = "ask for another state, or by the task's id"});
  }
  auto lister = impl_->lister(wait);
  if (!lister) return fail(std::move(lister.error()));
  return lister->tasks(filter);
}

Result<CallbackListing> Client::try_callbacks(const CallbackFilter& filter, Duration wait) {
  auto address = numeric_address(filter.address);
  if (!address) return fail(std::move(address.error()));
  auto lister = impl_->lister(wait);
  if (!lister) return fail(std::move(lister.error()));
  return lister->callbacks({.task_id = filter.task_id, .address = *address, .limit = filter.limit});
}

Result<WebhookLog> Client::try_webhook_log(const WebhookFilter& filter, Duration wait) {
  auto lister = impl_->lister(wait);
  if (!lister) return fail(std::move(lister.error()));
  return lister->webhook_log(filter);
}

Result<RetryAnswer> Client::try_retry_callbacks(const CallbackChoice& which, Duration wait) {
  auto address = numeric_address(which.address);
  if (!address) return fail(std::move(address.error()));
  auto lister = impl_->lister(wait);
  if (!lister) return fail(std::move(lister.error()));
  const std::string what = "no callback was tried again";
  if (!lister->has_workers()) return fail(impl_->out_of_time(what, wait));
  auto answer = lister->retry({.task_id = which.task_id, .address = *address});
  if (answer) return answer;
  return fail(answer.error().kind == ErrorKind::timed_out ? impl_->out_of_time(what, wait) : answer.error());
}

std::size_t Client::in_flight() const { return impl_->in_flight(); }

const std::string& Client::mesh() const { return impl_->mesh_; }

}  // namespace taskmesh
