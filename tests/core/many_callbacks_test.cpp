// A million tasks whose ends are called back: client, worker and listener hold no more of them than their bounds say.
#include <catch2/catch.hpp>
#include <deque>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/node.hpp"

namespace many_callbacks_test {

using namespace taskmesh;
using namespace taskmesh::core;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint32_t tasks = 100'000;  // A sanitizer takes ten times as long for each.
#else
constexpr std::uint32_t tasks = 1'000'000;
#endif
constexpr std::size_t results_max = 1'000;
constexpr std::uint32_t in_flight_max = 2'000;
const std::string address = "tcp://127.0.0.1:25000";

/// A client, a worker and a callback listener that hear each other at once. Records of tasks and of their ends come twice
/// now and then; what the listener does with an event takes it a turn or more, and sometimes it wants it again.
class Three {
 public:
  explicit Three(std::uint64_t seed)
      : random_(seed),
        worker_(config_of(NodeKind::worker)),
        client_(config_of(NodeKind::client)),
        listener_(config_of(NodeKind::listener)) {
    const auto& self = worker_.config().self;
    to_client_.emplace_back(Found{self.node, self.incarnation, self.endpoints});
  }

  void submit() {
    SubmitTask task;
    task.id = make_task_id(1'000, 0, 1, ++submitted_);
    task.name = "work";
    task.args = {Codec::opaque, Bytes::copy_of("1234")};
    task.wait = random_.below(4) == 0;
    if (task.wait) task.token = ++tokens_;
    waits_ += task.wait ? 1U : 0U;
    if (random_.below(8) != 0) {
      task.callback_address = address;
      task.callback_data = "{}";
      ++callbacks_;
    }
    to_client_.emplace_back(std::move(task));
    if (random_.below(16) != 0) return;
    to_client_.emplace_back(QueryTasks{.token = ++tokens_, .ids = {any_id()}, .wait = false});
    ++questions_;
  }

  void step(Duration span) {
    at_ += span;
    turn(client_, to_client_);
    turn(worker_, to_worker_);
    turn(listener_, to_listener_);
  }
  bool busy() const {
    return client_.submitter()->in_flight() + worker_.executor()->records() + worker_.outbox().parked() > 0 ||
           !to_client_.empty() || !to_worker_.empty() || !to_listener_.empty();
  }
  /// More than its bound in any table: its name.
  std::string beyond() const {
    const SubmitterRole& client = *client_.submitter();
    const ExecutorRole& worker = *worker_.executor();
    const ListenerRole& listener = *listener_.listener();
    if (client.in_flight() > in_flight_max + 64) return "tasks of the client";
    if (client.remembered() > limits::remembered_max) return "ends that the client remembers";
    if (client.open_questions() > 1'000) return "questions of the client";
    if (worker.records() > in_flight_max + 64) return "tasks of the worker";
    if (worker.entries() > 2 * in_flight_max + 1'000) return "entries of the worker's queue";
    if (worker.results().size() > results_max + results_max / 8) return "results";
    if (worker.results().remembered_size() > limits::remembered_max) return "states without results";
    if (worker.seen().clients() > 1 || worker.seen().pages() > 64) return "ids that were seen";
    if (worker_.outbox().listeners() > 1) return "listeners";
    if (worker_.outbox().parked() > in_flight_max + limits::callbacks_per_listener_max)
      return "parked events";
    if (listener.waiting() > limits::listener_queue_max) return "events with the handler";
    if (listener.remembered() > limits::heard_events_max) return "events that the listener remembers";
    return {};
  }

  const Node& client() const { return client_; }
  const Node& worker() const { return worker_; }
  const Node& listener() const { return listener_; }
  std::uint64_t waits() const { return waits_; }
  std::uint64_t told() const { return told_; }
  std::uint64_t callbacks() const { return callbacks_; }
  std::uint64_t handled() const { return handled_; }
  std::uint64_t questions() const { return questions_; }
  std::uint64_t answered() const { return answered_; }

 private:
  static constexpr LinkId from_client{LinkId::inbound_bit | 1};
  static constexpr LinkId from_worker{LinkId::inbound_bit | 2};

  static NodeConfig config_of(NodeKind kind) {
    NodeConfig config;
    config.kind = kind;
    config.client_instance = 1;
    config.self.node.bytes[0] = static_cast<std::uint8_t>(kind) + 1;
    config.self.incarnation = 1;
    config.results_max = results_max;
    config.in_flight_max = in_flight_max;
    if (kind != NodeKind::worker) return config;
    config.self.slots = 64;
    config.self.endpoints = {"tcp://127.0.0.1:24800"};
    config.self.serves = {"work"};
    return config;
  }
  Now now() const { return {TimePoint{} + 1h + at_, WallTime{1'000'000'000 + at_.count() / 1'000}}; }
  TaskId any_id() {
    return make_task_id(1'000, 0, 1, 1 + static_cast<std::uint32_t>(random_.below(submitted_)));
  }

  void turn(Node& node, std::deque<Event>& inbox) {
    out_.clear();
    for (std::size_t left = inbox.size(); left > 0; --left) {
      Event event = std::move(inbox.front());
      inbox.pop_front();
      node.step(std::move(event), now(), out_);
    }
    node.turn_end(now(), out_);
    for (const Dial& dial : out_.dial) {
      (&node == &client_ ? client_dials_ : worker_dials_) = dial.link;
      inbox.emplace_back(LinkUp{dial.link});
    }
    for (Send& send : out_.send) carry(node, std::move(send));
    for (const Run& run : out_.run) {
      Finished finished{
          .id = run.id, .attempt = run.attempt, .result = {Codec::opaque, Bytes::copy_of("sum")}};
      finished.started_at = finished.completed_at = now().wall;
      finished.elapsed = 50us;
      to_worker_.emplace_back(std::move(finished));
    }
    if (out_.recall) to_worker_.emplace_back(Returned{});
    for (Notice& notice : out_.notify) take(notice);
  }

  /// Tasks and ends come twice now and then.
  void carry(const Node& from, Send&& send) {
    const bool to_listener = &from == &worker_ && send.link == worker_dials_;
    auto& to = &from == &worker_ ? (to_listener ? to_listener_ : to_client_) : to_worker_;
    const LinkId link = &from == &client_     ? from_client
                        : &from == &listener_ ? worker_dials_
                        : to_listener         ? from_worker
                                              : client_dials_;
    const bool may_repeat = std::holds_alternative<proto::Submit>(send.message) ||
                            std::holds_alternative<proto::Notify>(send.message);
    if (may_repeat && random_.below(10) == 0) to.emplace_back(Received{link, send.message});
    to.emplace_back(Received{link, std::move(send.message)});
  }

  void take(Notice& notice) {
    if (std::holds_alternative<Completed>(notice)) ++told_;
    if (std::holds_alternative<Answered>(notice)) ++answered_;
    const auto* event = std::get_if<EventArrived>(&notice);
    if (event == nullptr) return;
    EventHandled handled{.link = event->link, .seq = event->seq, .id = event->notify.report->id};
    if (random_.below(100) == 0) {
      handled.retry_after = 1ms;
    } else {
      ++handled_;
    }
    to_listener_.emplace_back(handled);
  }

  Random random_;
  Node worker_;
  Node client_;
  Node listener_;
  LinkId client_dials_;
  LinkId worker_dials_;
  Duration at_{};
  Effects out_;
  std::deque<Event> to_client_;
  std::deque<Event> to_worker_;
  std::deque<Event> to_listener_;
  std::uint32_t submitted_ = 0;
  Token tokens_ = 0;
  std::uint64_t waits_ = 0;
  std::uint64_t told_ = 0;
  std::uint64_t callbacks_ = 0;
  std::uint64_t handled_ = 0;
  std::uint64_t questions_ = 0;
  std::uint64_t answered_ = 0;
};

}  // namespace

TEST_CASE(
    "of a million tasks with callbacks no table of client, worker or listener holds more than its bound",
    "[core]") {
  Three mesh{11};
  std::uint32_t submitted = 0;
  for (std::uint64_t round = 0; submitted < tasks; ++round) {
    for (int i = 0; i < 64 && mesh.client().submitter()->in_flight() < in_flight_max; ++i, ++submitted) {
      mesh.submit();
    }
    mesh.step(100us);
    if (round % 64 == 0) REQUIRE(mesh.beyond().empty());
  }
  for (int round = 0; round < 100'000 && mesh.busy(); ++round) mesh.step(10ms);
  REQUIRE_FALSE(mesh.busy());

  CHECK(mesh.told() == mesh.waits());
  CHECK(mesh.answered() == mesh.questions());
  CHECK(mesh.handled() == mesh.callbacks());  // Each once, however often it came.
  CHECK(mesh.beyond().empty());
  CHECK(mesh.worker().counters().duplicates > tasks / 20);
  CHECK(mesh.listener().counters().events_repeated > tasks / 20);
  CHECK(mesh.worker().counters().events_undelivered == 0);
  CHECK(mesh.worker().executor()->records() == 0);
  CHECK(mesh.client().submitter()->open_questions() == 0);
  CHECK(mesh.listener().listener()->waiting() == 0);
}

}  // namespace many_callbacks_test
