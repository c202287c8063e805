// A million tasks of all kinds through a worker and a client: nothing is left of them.
#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/node.hpp"

namespace many_tasks_test {

using namespace taskmesh;
using namespace taskmesh::core;

namespace {

/// A client and a worker that hear each other at once, and an executor of virtual time. Only the core is measured:
/// records are handed over, not encoded.
class Pair {
 public:
  explicit Pair(std::uint64_t seed)
      : random_(seed), worker_(config_of(NodeKind::worker)), client_(config_of(NodeKind::client)) {
    Effects out;
    const auto& self = worker_.config().self;
    client_.step(Found{self.node, self.incarnation, self.endpoints}, now(), out);
    client_.turn_end(now(), out);
    REQUIRE(out.dial.size() == 1);
    dialled_ = out.dial[0].link;
    to_client_.emplace_back(LinkUp{dialled_});
  }

  void submit() {
    const TaskId id = make_task_id(1'000, 0, 1, ++counter_);
    SubmitTask task;
    task.id = id;
    task.name = "work";
    task.args = {Codec::opaque, Bytes::copy_of("1234")};
    task.wait = random_.below(2) == 0;
    if (task.wait) task.token = ++tokens_;
    if (random_.below(8) == 0) task.deadline = 1ms + any(200ms);
    if (random_.below(8) == 0) task.time_limit = 1ms + any(3ms);
    if (random_.below(4) == 0) task.terms.edit().delay_ms = 1 + random_.below(200);
    if (random_.below(4) == 0) {
      task.terms.edit().retries = 1 + static_cast<std::uint32_t>(random_.below(3));
      task.terms.edit().retry_delay_ms = 1 + random_.below(20);
    }
    if (random_.below(16) == 0) task.terms.edit().key = "key " + std::to_string(random_.below(1'000));
    if (random_.below(16) == 0) task.terms.edit().headers = {{"tenant", "blue"}};
    waits_ += task.wait ? 1U : 0U;
    to_client_.emplace_back(std::move(task));
    if (random_.below(6) == 0) {
      const std::uint32_t back = static_cast<std::uint32_t>(random_.below(2'000));
      const TaskId who = make_task_id(1'000, 0, 1, counter_ > back ? counter_ - back : counter_);
      to_client_.emplace_back(CancelTask{++tokens_, who});
      ++cancels_;
    }
  }

  /// One turn of both, and of what runs.
  void step(Duration span) {
    at_ += span;
    finish_due();
    turn(client_, to_client_);
    turn(worker_, to_worker_);
  }
  bool busy() const {
    return !to_client_.empty() || !to_worker_.empty() || client_.submitter()->in_flight() > 0 ||
           !worker_.executor()->idle() || worker_.outbox().waiting_on_links() > 0 || told_ < waits_ ||
           answered_ < cancels_;
  }

  const Node& worker() const { return worker_; }
  const Node& client() const { return client_; }
  bool executor_empty() const { return ready_.empty() && running_.empty(); }
  std::uint64_t told() const { return told_; }
  std::uint64_t waits() const { return waits_; }
  std::uint64_t answered() const { return answered_; }
  std::uint64_t cancels() const { return cancels_; }
  std::size_t most_held() const { return most_held_; }

 private:
  struct Attempt {
    core::Stop at;
    TimePoint until{};
    bool fails = false;
    bool stopped = false;
  };
  static constexpr LinkId inbound{LinkId::inbound_bit | 1};
  static constexpr std::uint32_t slots = 64;

  static NodeConfig config_of(NodeKind kind) {
    NodeConfig config;
    config.kind = kind;
    config.client_instance = 1;
    config.self.node.bytes[0] = kind == NodeKind::worker ? 2 : 1;
    config.self.incarnation = 1;
    config.results_max = 10;
    if (kind != NodeKind::worker) return config;
    config.self.slots = slots;
    config.unpacked_max = 4;
    config.self.endpoints = {"tcp://127.0.0.1:24800"};
    config.self.serves = {"work"};
    return config;
  }
  Now now() const { return {TimePoint{} + 1h + at_, WallTime{1'000'000'000 + at_.count() / 1'000}}; }
  Duration any(Duration most) {
    return Duration{static_cast<Duration::rep>(random_.below(static_cast<std::uint64_t>(most.count())))};
  }

  void turn(Node& node, std::deque<Event>& inbox) {
    out_.clear();
    while (!inbox.empty()) {
      Event event = std::move(inbox.front());
      inbox.pop_front();
      node.step(std::move(event), now(), out_);
    }
    node.turn_end(now(), out_);
    const bool at_worker = &node == &worker_;
    for (Send& send : out_.send) {
      if (at_worker && send.link != inbound) continue;
      auto& to = at_worker ? to_client_ : to_worker_;
      to.emplace_back(Received{at_worker ? dialled_ : inbound, std::move(send.message)});
    }
    for (const Notice& notice : out_.notify) {
      if (std::holds_alternative<Completed>(notice)) ++told_;
      if (std::holds_alternative<Cancellation>(notice)) ++answered_;
    }
    if (at_worker) execute();
  }

  void execute() {
    for (Run& run : out_.run) {
      ready_.push_back({{run.id, run.attempt}, {}, random_.below(4) == 0, false});
    }
    for (const core::Stop& stop : out_.stop) {
      for (auto* attempts : {&ready_, &running_}) {
        for (Attempt& attempt : *attempts) attempt.stopped = attempt.stopped || attempt.at == stop;
      }
    }
    if (out_.recall) {
      Returned back;
      for (const Attempt& attempt : ready_) back.ids.push_back(attempt.at.id);
      ready_.clear();
      to_worker_.emplace_back(std::move(back));
    }
    while (running_.size() < slots && !ready_.empty()) {
      running_.push_back(ready_.front());
      ready_.pop_front();
      // Some of them never look whether they should stop.
      const bool long_one = random_.below(64) == 0;
      running_.back().until = now().at + (long_one ? any(20ms) : any(100us));
    }
    most_held_ = std::max(most_held_, worker_.executor()->entries() + worker_.executor()->records());
  }

  void finish_due() {
    for (std::size_t i = 0; i < running_.size();) {
      if (running_[i].until > now().at) {
        ++i;
        continue;
      }
      const Attempt attempt = running_[i];
      running_[i] = running_.back();
      running_.pop_back();
      Finished finished{.id = attempt.at.id, .attempt = attempt.at.attempt};
      finished.started_at = finished.completed_at = now().wall;
      finished.elapsed = 50us;
      if (attempt.fails) {
        finished.error = Error{.kind = ErrorKind::failed, .what = "it failed"};
      } else {
        finished.result = {Codec::opaque, Bytes::copy_of("sum")};
      }
      to_worker_.emplace_back(std::move(finished));
    }
  }

  Random random_;
  Node worker_;
  Node client_;
  LinkId dialled_;
  Duration at_{};
  Effects out_;
  std::deque<Event> to_client_;
  std::deque<Event> to_worker_;
  std::deque<Attempt> ready_;
  std::deque<Attempt> running_;
  std::uint32_t counter_ = 0;
  Token tokens_ = 0;
  std::uint64_t waits_ = 0;
  std::uint64_t cancels_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t answered_ = 0;
  std::size_t most_held_ = 0;
};

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t tasks = 100'000;  // A sanitizer takes ten times as long for each.
#else
constexpr std::uint32_t tasks = 1'000'000;
#endif

}  // namespace

TEST_CASE("of a million tasks, finished, cancelled, retried, delayed and timed out, no record is left",
          "[core]") {
  Pair pair{7};
  std::uint32_t submitted = 0;
  while (submitted < tasks) {
    for (int i = 0; i < 32 && pair.client().submitter()->in_flight() < 20'000; ++i, ++submitted)
      pair.submit();
    pair.step(50us);
  }
  for (int round = 0; round < 100'000 && pair.busy(); ++round) pair.step(1ms);
  REQUIRE_FALSE(pair.busy());
  for (int i = 0; i < 100; ++i) pair.step(1ms);  // What was given up returns, too.

  CHECK(pair.told() == pair.waits());
  CHECK(pair.answered() == pair.cancels());
  CHECK(pair.executor_empty());
  const ExecutorRole& executor = *pair.worker().executor();
  CHECK(executor.records() == 0);
  CHECK(executor.entries() < 200);
  CHECK(executor.queued() + executor.running() + executor.scheduled() + executor.stuck() == 0);
  CHECK(pair.client().submitter()->in_flight() == 0);
  CHECK(pair.client().submitter()->open_questions() == 0);
  CHECK(pair.worker().outbox().parked() == 0);
  const NodeCounters& counters = pair.worker().counters();
  CHECK(counters.submits >=
        tasks - counters.rejected - pair.client().counters().cancelled - pair.client().counters().expired);
  CHECK(counters.cancelled > tasks / 1'000);
  CHECK(counters.retried > tasks / 100);
  CHECK(counters.expired > tasks / 1'000);
  CHECK(counters.timed_out > tasks / 10'000);
  CHECK(counters.joined > tasks / 10'000);
  CHECK(pair.most_held() < 200'000);
}

}  // namespace many_tasks_test
