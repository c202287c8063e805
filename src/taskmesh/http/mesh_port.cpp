#include "taskmesh/http/mesh_port.hpp"

#include <unistd.h>

#include <utility>

#include "taskmesh/http/limits.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/random_seed.hpp"

namespace taskmesh::http {

namespace {

constexpr Duration step = 100ms;
constexpr Duration farewell_wait = 1s;

std::int64_t step_of(TimePoint at) { return at.time_since_epoch() / step; }

core::Token token_of(const core::Notice& notice) {
  return std::visit(
      [](const auto& body) -> core::Token {
        if constexpr (requires { body.token; })
          return body.token;
        else
          return 0;
      },
      notice);
}

std::uint32_t place_of(core::Token token) { return static_cast<std::uint32_t>(token) - 1; }

/// Calls `then` with what the notice holds, if it is of that kind.
template <class Answer, class F>
auto only(F then) {
  return [then = std::move(then)](core::Notice* notice) {
    then(notice == nullptr ? nullptr : std::get_if<Answer>(notice));
  };
}

}  // namespace

bool takes_tasks(const core::MemberView& member) { return member.liveness == core::Liveness::alive; }

ClientPort::ClientPort(std::function<void()> wake) : wake_(std::move(wake)), instance_(io::random_u32()) {}

ClientPort::~ClientPort() {
  if (!host_) return;
  host_->drain(farewell_wait);
  host_->stop();
}

Result<std::unique_ptr<ClientPort>> ClientPort::open(const ClientOptions& options,
                                                     std::function<void()> wake) {
  std::unique_ptr<ClientPort> port(new ClientPort(std::move(wake)));
  auto started = port->start(options);
  if (!started) return fail(std::move(started.error()));
  return port;
}

Result<void> ClientPort::start(const ClientOptions& options) {
  mesh_ = detail::option_or_env(options.mesh, "TASKMESH_MESH", "default");
  detail::HostOptions host;
  host.node.kind = core::NodeKind::client;
  host.node.client_instance = instance_;
  host.node.in_flight_max = options.in_flight_max;
  host.node.self.name = options.name.empty() ? "gateway-" + std::to_string(::getpid()) : options.name;
  host.mesh = mesh_;
  host.seeds = detail::list_or_env(options.seeds, "TASKMESH_SEEDS");
  host.token_file = detail::option_or_env(options.token_file, "TASKMESH_TOKEN_FILE", "");
  host.insecure = options.insecure;
  host.log = options.log;
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
    for (core::Notice& notice : notices) heard_.push_back(std::move(notice));
  }
  notices.clear();
  if (first) wake_();
}

void ClientPort::pump() {
  {
    const std::lock_guard lock(mutex_);
    handing_out_.swap(heard_);
  }
  for (core::Notice& notice : handing_out_) {
    if (Then then = take(token_of(notice))) then(&notice);
  }
  handing_out_.clear();
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
  const core::Token token = (static_cast<core::Token>(++uses_) << 32U) | (place + 1U);
  questions_[place] = {.token = token, .awaited = awaited, .then = std::move(then)};
  due_[step_of(io::steady_now() + budget) + 1].push_back(token);
  ++open_;
  return token;
}

ClientPort::Then ClientPort::take(core::Token token) {
  const std::uint32_t place = place_of(token);
  if (token == 0 || place >= questions_.size() || questions_[place].token != token) return {};
  Then then = std::move(questions_[place].then);
  questions_[place] = {};
  free_.push_back(place);
  --open_;
  return then;
}

void ClientPort::expire(core::Token token) {
  const std::uint32_t place = place_of(token);
  if (place >= questions_.size() || questions_[place].token != token) return;  // Answered long ago.
  host_->post(core::Abandon{.token = token, .id = questions_[place].awaited});
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
  host_->post(std::move(task));
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
  host_->post(std::move(task));
  return id;
}

void ClientPort::accepted(TaskId id, Duration budget, OnAcceptance then) {
  host_->post(core::AwaitAccepted{.token = ask(budget, only<core::Acceptance>(std::move(then))), .id = id});
}

void ClientPort::status(TaskId id, Duration budget, OnReport then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* answer = notice == nullptr ? nullptr : std::get_if<core::Answered>(notice);
    then(answer == nullptr || answer->reports.empty() ? nullptr : &answer->reports.front());
  });
  host_->post(core::QueryTasks{.token = token, .ids = {id}, .wait = false, .reply_codec = Codec::json});
}

void ClientPort::end(TaskId id, Duration budget, OnReport then) {
  const core::Token token = ask(
      budget,
      [then = std::move(then)](core::Notice* notice) {
        const auto* end = notice == nullptr ? nullptr : std::get_if<core::Completed>(notice);
        then(end == nullptr ? nullptr : &*end->report);
      },
      id);
  host_->post(core::QueryTasks{.token = token, .ids = {id}, .wait = true, .reply_codec = Codec::json});
}

void ClientPort::cancel(TaskId id, Duration budget, OnCancellation then) {
  host_->post(core::CancelTask{.token = ask(budget, only<core::Cancellation>(std::move(then))), .id = id});
}

void ClientPort::withdraw(TaskId id) { host_->post(core::CancelTask{.token = 0, .id = id}); }

void ClientPort::members(Duration budget, OnMembers then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* list = notice == nullptr ? nullptr : std::get_if<core::MemberList>(notice);
    then(list == nullptr ? std::vector<core::MemberView>{} : list->members);
  });
  host_->post(core::ListMembers{.token = token, .settle = false});
}

void ClientPort::tasks(NodeId worker, proto::ListTasks which, Duration budget, OnTasks then) {
  const core::Token token = ask(budget, [then = std::move(then)](core::Notice* notice) {
    const auto* answer = notice == nullptr ? nullptr : std::get_if<core::WorkerAnswer>(notice);
    then(answer == nullptr ? nullptr : std::get_if<proto::TaskList>(&answer->body));
  });
  host_->post(core::AskWorker{.token = token, .node = worker, .what = std::move(which)});
}

}  // namespace taskmesh::http
