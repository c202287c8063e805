// A whole node among liars: a worker, a client or a listener that is fed with records of every kind on every link,
// connections that come and go, discovery, time that jumps, its own face and executor. Whatever comes, it does
// not crash, does not spin, sends nothing that cannot be read, keeps its bounds, and answers each caller once.
//
// Input: the node's kind and options in one octet, then steps: what happens in one octet, and what that needs.
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <variant>
#include <vector>

#include "fuzz/input.hpp"
#include "fuzz/record_maker.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/core/node.hpp"

namespace {

using namespace taskmesh;
using namespace taskmesh::core;
using fuzz::Input;

constexpr std::size_t steps_max = 300;
constexpr std::size_t inbound_links = 6;
constexpr int turns_at_once_max = 64;
constexpr std::uint32_t own_instance = 7;

NodeId node_id(std::uint8_t number) {
  NodeId id;
  id.bytes[0] = 0xA0;
  id.bytes[15] = number;
  return id;
}

NodeConfig config_of(NodeKind kind, std::uint8_t options) {
  NodeConfig config;
  config.kind = kind;
  config.self.node = node_id(0);
  config.self.incarnation = 5;
  config.self.name = "fuzzed";
  if ((options & 4) != 0) config.token = std::string(32, 't');
  config.client_instance = own_instance;
  config.loopback_only = (options & 8) != 0;
  config.takes_cereal = (options & 16) != 0;
  config.in_flight_max = 16;
  config.queue_tasks_max = 8;
  config.unpacked_max = 2;
  config.queue_bytes_max = 256;
  config.results_max = 4;
  config.results_bytes_max = 256;
  config.payload_max = 64;
  if (kind == NodeKind::worker) {
    config.self.slots = 2;
    config.self.endpoints = {"tcp://127.0.0.1:24800"};
    config.self.serves = {"add", "sleep"};
  }
  return config;
}

class World {
 public:
  World(NodeKind kind, std::uint8_t options, Input& input)
      : input_(input), kind_(kind), node_(config_of(kind, options)) {
    for (std::uint8_t i = 0; i < 4; ++i) pools_.nodes.push_back(node_id(i));
    for (std::uint32_t i = 0; i < 4; ++i)
      pools_.tasks.push_back(make_task_id(1'700'000'000'000, 0, 9, i + 1));
    pools_.texts = {std::string(32, 't'), "add", "sleep", "tcp://127.0.0.1:24801",
                    "ipc://@there",       "w1",  "[1,2]"};
  }

  void run() {
    for (std::size_t i = 0; i < steps_max && !input_.empty() && !stopped_; ++i) {
      step();
      if (input_.flag() || i + 1 == steps_max) end_turns();
    }
    if (!stopped_) end_turns();
  }

 private:
  /// One thing that happens.
  void step() {
    switch (input_.pick(12)) {
      case 0:
        return connect_or_cut();
      case 1:
        return discover();
      case 2:
      case 3:
        return pass_time();
      case 4:
      case 5:
        return act();
      case 6:
        return rest();
      default:
        return give(fuzz::make_record(input_, pools_, some_link()));
    }
  }

  void give(Event event) {
    ++events_;
    node_.step(std::move(event), now_, out_);
    check_effects();
  }

  LinkId some_link() {
    const std::size_t at = input_.pick(inbound_links + dialled_.size() + 1);
    if (at < inbound_links) return {LinkId::inbound_bit | (at + 1)};
    if (at - inbound_links < dialled_.size()) {
      return std::next(dialled_.begin(), static_cast<std::ptrdiff_t>(at - inbound_links))->first;
    }
    return {next_closed_};  // Told before the transport heard that it is closed.
  }

  void connect_or_cut() {
    const LinkId link = some_link();
    const bool up = input_.flag();
    if (link.inbound()) return give(LinkDown{link});
    const auto found = dialled_.find(link);
    if (found == dialled_.end()) return;
    found->second = up;
    if (up) {
      give(LinkUp{link});
    } else {
      give(LinkDown{link});
      if (input_.flag()) give(NobodyThere{link});
    }
  }

  void discover() {
    const NodeId node = pools_.nodes[input_.pick(pools_.nodes.size())];
    const std::uint64_t incarnation = input_.number();
    switch (input_.pick(3)) {
      case 0:
        return give(Found{node, incarnation, {"tcp://127.0.0.1:2480" + std::to_string(input_.pick(10))}});
      case 1:
        return give(Found{{}, 0, {"tcp://127.0.0.1:2490" + std::to_string(input_.pick(10))}});
      default:
        return give(Gone{node, incarnation});
    }
  }

  void pass_time() {
    static constexpr std::array<Duration, 10> jumps{0ns, 1ms, 20ms, 60ms, 500ms, 1s, 2s, 9s, 61s, 25h};
    const Duration jump = jumps[input_.pick(jumps.size())];
    end_turns();
    now_.at += jump;
    // The wall clock is set by people and by time servers: it goes anywhere.
    now_.wall.unix_us += std::chrono::duration_cast<std::chrono::microseconds>(jump).count();
    if (input_.pick(8) == 7) now_.wall.unix_us = static_cast<std::int64_t>(input_.number() >> 2);
    give(Tick{});
  }

  /// What its own side does.
  void act() {
    if (kind_ == NodeKind::worker) return finish_one();
    if (kind_ == NodeKind::listener) return handle_one();
    switch (input_.pick(8)) {
      case 0:
        return ask();
      case 7:
        return ask_worker();
      case 4:
        return give(CancelTask{input_.flag() ? new_token() : 0, some_task()});
      case 1:
        return give(AwaitAccepted{new_token(), input_.flag() ? TaskId{} : some_task()});
      case 2:
        return abandon();
      case 3:
        return input_.pick(4) == 0 ? watch() : list();
      default:
        return submit();
    }
  }

  /// What is rare.
  void rest() {
    switch (input_.pick(4)) {
      case 0:
        return list();
      case 1:
        if (kind_ == NodeKind::worker && !out_.run.empty()) end_turns();
        return give_back();
      case 2:
        if (input_.pick(8) == 0) give(Drain{input_.flag() ? 1s : 0s});
        return;
      default:
        return give(
            BadInput{some_link(), static_cast<proto::Code>(input_.pick(20)), input_.octet(), "rubbish"});
    }
  }

  void ask_worker() {
    AskWorker ask{.token = new_token(), .node = pools_.nodes[input_.pick(pools_.nodes.size())], .what = {}};
    if (input_.flag()) ask.what = proto::ListCallbacks{.id = some_task()};
    if (input_.flag()) ask.what = proto::RetryCallbacks{.id = some_task()};
    if (input_.flag()) ask.what = proto::ListPosts{.id = some_task()};
    give(std::move(ask));
  }

  TaskId some_task() { return pools_.tasks[input_.pick(pools_.tasks.size())]; }
  /// `id`: of the task whose end it waits for.
  Token new_token(TaskId id = {}) {
    open_.emplace(++last_token_, id);
    return last_token_;
  }

  void submit() {
    SubmitTask task;
    task.id = make_task_id(1'700'000'000'000, 0, own_instance, ++last_counter_);
    fuzz::Pools::keep(pools_.tasks, task.id);
    task.name = input_.flag() ? "add" : "sleep";
    task.args = {Codec::cereal, Bytes::copy_of(input_.text(80))};
    task.priority = static_cast<Priority>(input_.pick(4));
    task.wait = input_.flag();
    if (task.wait) task.token = new_token(task.id);
    if (input_.pick(4) == 0) task.callback_address = "tcp://127.0.0.1:6000";
    if (input_.flag()) task.deadline = std::chrono::milliseconds(input_.number() % 100'000);
    if (input_.flag()) fuzz::Filler(input_, pools_)(task.terms.edit());
    give(std::move(task));
  }

  void ask() {
    QueryTasks query{.token = 0, .ids = {}, .wait = input_.flag()};
    const std::size_t count = query.wait ? 1 : 1 + input_.pick(4);
    for (std::size_t i = 0; i < count; ++i) query.ids.push_back(some_task());
    query.token = new_token(query.ids.front());
    give(std::move(query));
  }

  void abandon() {
    if (open_.empty()) return;
    const auto at = std::next(open_.begin(), static_cast<std::ptrdiff_t>(input_.pick(open_.size())));
    const auto [token, id] = *at;
    open_.erase(at);
    give(Abandon{token, input_.flag(), id});
  }

  void list() { give(ListMembers{new_token(), input_.flag()}); }
  void watch() {
    WatchEvents wish{.token = new_token(), .name = input_.flag() ? "add" : ""};
    if (input_.flag()) wish.ids.push_back(some_task());
    give(std::move(wish));
  }

  void finish_one() {
    if (running_.empty()) return;
    const auto at = std::next(running_.begin(), static_cast<std::ptrdiff_t>(input_.pick(running_.size())));
    Finished done{.id = at->first, .attempt = at->second};
    running_.erase(at);
    if (input_.flag()) {
      done.error = Error{ErrorKind::failed, "no", "because", ""};
    } else {
      done.result = {Codec::cereal, Bytes::copy_of(input_.text(80))};
    }
    done.elapsed = std::chrono::microseconds(input_.number() % 1'000'000);
    give(std::move(done));
  }

  /// Some of what was handed over ahead had not been started.
  void give_back() {
    if (kind_ != NodeKind::worker) return;
    Returned returned;
    for (auto at = ahead_.begin(); at != ahead_.end();) {
      const bool is_there = running_.contains(*at);  // Else it has finished.
      const bool started = is_there && input_.flag();
      if (is_there && !started) {
        returned.ids.push_back(at->first);
        running_.erase(*at);
      }
      at = started ? std::next(at) : ahead_.erase(at);
    }
    give(std::move(returned));
  }

  void handle_one() {
    if (arrived_.empty()) return;
    const std::size_t at = input_.pick(arrived_.size());
    EventHandled handled = arrived_[at];
    arrived_.erase(arrived_.begin() + static_cast<std::ptrdiff_t>(at));
    if (input_.pick(4) == 0) handled.retry_after = std::chrono::milliseconds(input_.number() % 100'000);
    give(handled);
  }

  /// The turn's end, and those that the node asks for at once: it must come to rest.
  void end_turns() {
    for (int turns = 0;; ++turns) {
      TASKMESH_CHECK(turns < turns_at_once_max);
      node_.turn_end(now_, out_);
      check_effects();
      check_bounds();
      const auto wake = out_.wake_at;
      stopped_ = stopped_ || out_.stopped;
      out_.clear();
      checked_ = Checked{};
      events_ = 0;
      if (!wake || *wake > now_.at || stopped_) return;
      node_.step(Tick{}, now_, out_);
    }
  }

  /// Looks at what has been added to the effects since it was last called.
  void check_effects() {
    for (; checked_.dial < out_.dial.size(); ++checked_.dial) {
      const Dial& dial = out_.dial[checked_.dial];
      TASKMESH_CHECK(!dial.link.inbound() && dial.link && !dial.endpoint.empty());
      TASKMESH_CHECK(dialled_.emplace(dial.link, false).second);
    }
    for (; checked_.send < out_.send.size(); ++checked_.send) check_sent(out_.send[checked_.send]);
    for (; checked_.close < out_.close.size(); ++checked_.close) {
      dialled_.erase(out_.close[checked_.close]);
      next_closed_ = out_.close[checked_.close].value;
    }
    for (; checked_.run < out_.run.size(); ++checked_.run) {
      const Run& run = out_.run[checked_.run];
      TASKMESH_CHECK(running_.emplace(run.id, run.attempt).second);
      if (run.ahead) ahead_.emplace(run.id, run.attempt);
    }
    for (; checked_.stop < out_.stop.size(); ++checked_.stop) {
      TASKMESH_CHECK(running_.contains({out_.stop[checked_.stop].id, out_.stop[checked_.stop].attempt}));
    }
    for (; checked_.notify < out_.notify.size(); ++checked_.notify) {
      std::visit([&](const auto& notice) { check_told(notice); }, out_.notify[checked_.notify]);
    }
  }

  void check_sent(const Send& send) {
    const auto read = fuzz::over_the_wire(send.message);
    TASKMESH_CHECK(std::holds_alternative<proto::Message>(read));
    TASKMESH_CHECK(std::get<proto::Message>(read) == send.message);
    // So that others can name what only the node knows.
    if (const auto* hello = std::get_if<proto::CbHello>(&send.message)) {
      fuzz::Pools::keep(pools_.texts, hello->nonce);
    }
  }

  void told(Token token) { TASKMESH_CHECK(open_.erase(token) == 1); }
  void check_told(const Completed& notice) {
    told(notice.token);
    TASKMESH_CHECK(is_terminal(notice.report->state) || notice.report->state == TaskState::unknown);
  }
  void check_told(const Answered& notice) { told(notice.token); }
  void check_told(const Acceptance& notice) { told(notice.token); }
  void check_told(const Cancellation& notice) { told(notice.token); }
  void check_told(const MemberList& notice) { told(notice.token); }
  void check_told(const WorkerAnswer& notice) { told(notice.token); }
  void check_told(const EventArrived& event) {
    TASKMESH_CHECK(kind_ == NodeKind::listener && is_terminal(event.notify.report->state));
    arrived_.push_back({.link = event.link, .seq = event.seq, .id = event.notify.report->id});
  }
  void check_told(const EventsTold& told) { TASKMESH_CHECK(open_.contains(told.token)); }
  void check_told(const Noted& noted) { TASKMESH_CHECK(!noted.text.empty() && noted.text.size() < 4'096); }

  void check_bounds() const {
    const NodeConfig& config = node_.config();
    // A record of a few octets may ask for an answer per id and per peer, not for more.
    TASKMESH_CHECK(out_.send.size() <= (events_ + 1) * 64 + 4 * steps_max);
    TASKMESH_CHECK(node_.outbox().listeners() <= steps_max && node_.outbox().parked() <= steps_max);
    if (const ExecutorRole* executor = node_.executor()) {
      const std::size_t handed_over = running_.size();
      TASKMESH_CHECK(executor->running() <= config.self.slots);
      TASKMESH_CHECK(executor->queued() <= config.queue_tasks_max + config.self.slots + handed_over);
    }
    if (const SubmitterRole* submitter = node_.submitter()) {
      TASKMESH_CHECK(submitter->pending() <= submitter->in_flight());
    }
  }

  struct Checked {
    std::size_t dial = 0;
    std::size_t send = 0;
    std::size_t close = 0;
    std::size_t run = 0;
    std::size_t stop = 0;
    std::size_t notify = 0;
  };

  Input& input_;
  NodeKind kind_;
  Node node_;
  Effects out_;
  Checked checked_;
  Now now_{TimePoint{1h}, WallTime{1'700'000'000'000'000}};
  fuzz::Pools pools_;
  std::map<LinkId, bool> dialled_;
  std::uint64_t next_closed_ = 999;
  std::set<std::pair<TaskId, std::uint32_t>>
      running_;  // Attempts: one that was given up may be beside the next.
  std::set<std::pair<TaskId, std::uint32_t>> ahead_;
  std::vector<EventHandled> arrived_;
  std::map<Token, TaskId> open_;  // Asked, and not answered.
  Token last_token_ = 0;
  std::uint32_t last_counter_ = 0;
  std::size_t events_ = 0;
  bool stopped_ = false;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  Input input(data, size);
  const std::uint8_t options = input.octet();
  World(static_cast<NodeKind>((options & 3) % 3), options, input).run();
  return 0;
}
