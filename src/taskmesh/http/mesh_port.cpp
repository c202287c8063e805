#include "taskmesh/http/mesh_port.hpp"

#include <utility>

#include "taskmesh/http/limits.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/random_seed.hpp"
#include "taskmesh/token.hpp"

namespace taskmesh::http {

namespace {

constexpr Duration step = 100ms;

std::int64_t step_of(TimePoint at) { return at.time_since_epoch() / step; }

/// Calls `then` with what the notice holds, if it is of that kind.
template <class Answer, class F>
auto only(F then) {
  return [then = std::move(then)](core::Notice* notice) {
    then(notice == nullptr ? nullptr : std::get_if<Answer>(notice));
  };
}

}  // namespace

bool takes_tasks(const core::MemberView& member) { return member.liveness == core::Liveness::alive; }

bool answers_questions(const core::MemberView& member) {
  return member.liveness == core::Liveness::alive || member.liveness == core::Liveness::draining;
}

ClientPort::ClientPort(std::function<void()> wake, std::function<void()> soon)
    : wake_(std::move(wake)), soon_(std::move(soon)), instance_(io::random_u32()) {}

ClientPort::~ClientPort() {
  if (!host_) return;
  flush();
  host_->drain(detail::farewell_wait);
  host_->stop();
}

Result<std::unique_ptr<ClientPort>> ClientPort::open(const ClientOptions& options, std::function<void()> wake,
                                                     std::function<void()> soon) {
  std::unique_ptr<ClientPort> port(new ClientPort(std::move(wake), std::move(soon)));
  auto started = port->start(options);
  if (!started) return fail(std::move(started.error()));
  return port;
}

Result<void> ClientPort::start(const ClientOptions& options) {
  detail::HostOptions host = detail::host_options_of(options, instance_, "gateway");
  mesh_ = host.mesh;
  auto started = detail::NodeHost::start(
      std::move(host), {.notify = [this](std::vector<core::Notice>& notices) { heard(notices); }});
  if (!started) return fail(std::move(started.error()));
  host_ = std::move(*started);
  return {};
}

/// On the node's thread: one wake for all that comes until pump() has run.
void ClientPort::heard(std::vector<core::Notice>& notices) {
  bool first = false;
  {
    const std::lock_guard lock(mutex_);
    first = heard_.empty();
    for (core::Notice& notice : notices) hear(std::move(notice));
  }
  notices.clear();
  if (first) wake_();
}

/// This thread is told events quicker than the other one can write them: what it cannot is a gap.
void ClientPort::hear(core::Notice&& notice) {
  const auto* told = std::get_if<core::EventsTold>(&notice);
  if (told != nullptr) {
    if (events_heard_ + told->events.size() > limits::http_events_kept) {
      events_dropped_ += told->events.size();
      return;
    }
    events_heard_ += told->events.size();
  }
  heard_.push_back(std::move(notice));
}

void ClientPort::pump() {
  {
    const std::lock_guard lock(mutex_);
    handing_out_.swap(heard_);
    events_heard_ = 0;
    const std::uint64_t dropped = std::exchange(events_dropped_, 0);
    for (auto at = watches_.begin(); dropped > 0 && at != watches_.end(); ++at) {
      handing_out_.emplace_back(core::EventsTold{.token = at->first, .worker_name = {}, .missed = dropped});
    }
  }
  for (core::Notice& notice : handing_out_) {
    try {
      hand_out(notice);
    } catch (
        const std::exception&) {  // No memory to tell it with: who asked is not answered, the others are.
    }
  }
  handing_out_.clear();
}

void ClientPort::hand_out(core::Notice& notice) {
  if (auto* told = std::get_if<core::EventsTold>(&notice)) {
    const auto watch = watches_.find(told->token);
    if (watch != watches_.end()) watch->second(std::move(*told));
  } else if (Then then = take(detail::token_of(notice))) {
    then(&notice);
  }
}

void ClientPort::send(core::Event&& event) {
  asked_.push_back(std::move(event));
  if (asked_.size() == 1) soon_();
}

/// The first of them wakes the node, and finds all: what is pushed while it wakes up wakes nobody.
void ClientPort::flush() {
  try {
    for (core::Event& event : asked_) host_->post(std::move(event));
  } catch (...) {
    asked_
        .clear();  // Those who asked hear nothing and give up; what is left here would keep later ones from being sent.
    throw;
  }
  asked_.clear();
}

void ClientPort::tick(TimePoint now) {
  while (!due_.empty() && due_.begin()->first <= step_of(now)) {
    const auto tokens = std::move(due_.begin()->second);
    due_.erase(due_.begin());
    for (const core::Token token : tokens) expire(token);
  }
}

void ClientPort::give_up() {
  std::vector<core::Token> tokens;
  for (const Question& question : questions_) {
    if (question.token != 0) tokens.push_back(question.token);
  }
  for (const core::Token token : tokens) expire(token);
}

core::Token ClientPort::ask(Duration budget, Then then, TaskId awaited) {
  if (free_.empty()) {
    free_.push_back(static_cast<std::uint32_t>(questions_.size()));
    questions_.emplace_back();
  }
  const std::uint32_t place = free_.back();
  free_.pop_back();
  const core::Token token = detail::token_for(place, ++uses_);
  questions_[place] = {.token = token, .awaited = awaited, .then = std::move(then)};
  due_[step_of(io::steady_now() + budget) + 1].push_back(token);
  ++open_;
  return token;
}

ClientPort::Then ClientPort::take(core::Token token) {
  const std::uint32_t place = detail::place_of(token);
  if (token == 0 || place >= questions_.size() || questions_[place].token != token) return {};
  Then then = std::move(questions_[place].then);
  questions_[place] = {};
  free_.push_back(place);
  --open_;
  return then;
}

void ClientPort::expire(core::Token token) {
  const std::uint32_t place = detail::place_of(token);
  if (place >= questions_.size() || questions_[place].token != token) return;  // Answered long ago.
  send(core::Abandon{.token = token, .id = questions_[place].awaited});
  if (Then then = take(token)) then(nullptr);
}

TaskId ClientPort::next_id(std::uint16_t flags) {
  const auto unix_ms = static_cast<std::uint64_t>(io::wall_now().unix_us / 1000);
  return make_task_id(unix_ms, flags, instance_, counter_++);
}

TaskId ClientPort::submit(detail::SubmitPlan plan) {
  const TaskId id = next_id(plan.id_flags);
  core::SubmitTask task = detail::event_of(std::move(plan), id);
  host_->trace(task);
  // With a callback the end is waited for as well: if the worker dies, this client tells the listener `lost`.
  task.wait = !task.callback_address.empty();
  send(std::move(task));
  return id;
}

TaskId ClientPort::submit(detail::SubmitPlan plan, Duration budget, OnReport ended) {
  const TaskId id = next_id(plan.id_flags);
  core::SubmitTask task = detail::event_of(std::move(plan), id);
  host_->trace(task);
  task.token = ask(
      budget,
      [then = std::move(ended)](core::Notice* notice) {
        const auto* end = notice == nullptr ? nullptr : std::get_if<core::Completed>(notice);
        then(end == nullptr ? nullptr : &*end->report);
      },
      id);
  task.wait = true;
  send(std::move(task));
  return id;
}

void ClientPort::accepted(TaskId id, Duration budget, OnAcceptance then) {
  send(core::AwaitAccepted{.token = ask(budget, only<core::Acceptance>(std::move(then))), .id = id});
}

void ClientPort::status(TaskId id, Duration budget, OnReport then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* answer = notice == nullptr ? nullptr : std::get_if<core::Answered>(notice);
    then(answer == nullptr || answer->reports.empty() ? nullptr : &answer->reports.front());
  });
  send(core::QueryTasks{.token = token, .ids = {id}, .wait = false, .reply_codec = Codec::json});
}

void ClientPort::end(TaskId id, Duration budget, OnReport then) {
  const core::Token token = ask(
      budget,
      [then = std::move(then)](core::Notice* notice) {
        const auto* end = notice == nullptr ? nullptr : std::get_if<core::Completed>(notice);
        then(end == nullptr ? nullptr : &*end->report);
      },
      id);
  send(core::QueryTasks{.token = token, .ids = {id}, .wait = true, .reply_codec = Codec::json});
}

void ClientPort::cancel(TaskId id, Duration budget, OnCancellation then) {
  send(core::CancelTask{.token = ask(budget, only<core::Cancellation>(std::move(then))), .id = id});
}

void ClientPort::withdraw(TaskId id) { send(core::CancelTask{.token = 0, .id = id}); }

void ClientPort::members(Duration budget, OnMembers then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* list = notice == nullptr ? nullptr : std::get_if<core::MemberList>(notice);
    then(list == nullptr ? std::vector<core::MemberView>{} : list->members);
  });
  send(core::ListMembers{.token = token, .settle = false});
}

template <class Body>
void ClientPort::ask_worker(NodeId worker, core::AskWorker::What what, Duration budget,
                            std::function<void(const Body*)> then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* answer = notice == nullptr ? nullptr : std::get_if<core::WorkerAnswer>(notice);
    then(answer == nullptr ? nullptr : std::get_if<Body>(&answer->body));
  });
  send(core::AskWorker{.token = token, .node = worker, .what = std::move(what)});
}

void ClientPort::tasks(NodeId worker, proto::ListTasks which, Duration budget, OnTasks then) {
  ask_worker<proto::TaskList>(worker, std::move(which), budget, std::move(then));
}

void ClientPort::callbacks(NodeId worker, proto::ListCallbacks which, Duration budget, OnCallbacks then) {
  ask_worker<proto::CallbackList>(worker, std::move(which), budget, std::move(then));
}

void ClientPort::posts(NodeId worker, proto::ListPosts which, Duration budget, OnPosts then) {
  ask_worker<proto::PostList>(worker, std::move(which), budget, std::move(then));
}

void ClientPort::retry(NodeId worker, proto::RetryCallbacks which, Duration budget, OnRetried then) {
  ask_worker<proto::CallbacksRetried>(worker, std::move(which), budget, std::move(then));
}

core::Token ClientPort::watch(OnEvents then) { return watch_tasks({}, std::move(then)); }

/// Its token is that of no question: those have a place.
core::Token ClientPort::watch_tasks(std::vector<TaskId> ids, OnEvents then) {
  const core::Token watch = static_cast<core::Token>(++uses_) << 32U;
  watches_.emplace(watch, std::move(then));
  change_watch(watch, std::move(ids));
  return watch;
}

void ClientPort::change_watch(core::Token watch, std::vector<TaskId> ids) {
  send(core::WatchEvents{.token = watch, .name = {}, .ids = std::move(ids)});
}

void ClientPort::unwatch(core::Token watch) {
  if (watches_.erase(watch) > 0) send(core::Abandon{.token = watch});
}

}  // namespace taskmesh::http
