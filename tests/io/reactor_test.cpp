// Whole nodes: reactors with real sockets, a worker's slots, and a client's questions.
#include "taskmesh/io/reactor.hpp"

#include <catch2/catch.hpp>
#include <condition_variable>
#include <mutex>

#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/seeds.hpp"
#include "taskmesh/io/thread_executor.hpp"
#include "taskmesh/wire/frame.hpp"

namespace reactor_test {

using namespace taskmesh;

namespace {

constexpr Duration patience = 20s;

NodeId node(std::uint8_t number) {
  NodeId id;
  id.bytes.fill(number);
  return id;
}

core::Finished echo(core::Run&& run, const io::StopToken& /*stop*/) {
  core::Finished finished;
  finished.result = std::move(run.args);
  return finished;
}

/// Notices of a node, for a test that waits.
class Notices {
 public:
  io::NoticeSink sink() {
    return [this](std::vector<core::Notice>& notices) {
      const std::lock_guard lock(mutex_);
      for (core::Notice& notice : notices) {
        if (auto* completed = std::get_if<core::Completed>(&notice))
          completed_.push_back(std::move(*completed));
      }
      changed_.notify_all();
    };
  }
  std::vector<core::Completed> wait_completed(std::size_t count) {
    std::unique_lock lock(mutex_);
    REQUIRE(changed_.wait_for(lock, patience, [&] { return completed_.size() >= count; }));
    return std::exchange(completed_, {});
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<core::Completed> completed_;
};

std::unique_ptr<io::ZmqTransport> open_transport(io::Reactor& reactor, std::string bind) {
  auto transport = io::ZmqTransport::open({.bind = std::move(bind), .mesh_tag = wire::mesh_tag("m")},
                                          reactor.poller(), Log(LogLevel::off));
  REQUIRE(transport);
  return std::move(*transport);
}

struct WorkerNode {
  explicit WorkerNode(std::uint8_t number) : executor(2, {{"echo", echo}}, reactor.mailbox()) {
    io::ReactorParts parts;
    parts.transport = open_transport(reactor, "tcp://127.0.0.1:*");
    endpoint = parts.transport->bound();
    parts.config.kind = core::NodeKind::worker;
    parts.config.self = {.node = node(number),
                         .incarnation = 1,
                         .slots = 2,
                         .name = "worker",
                         .endpoints = {endpoint},
                         .serves = {"echo"}};
    parts.executor = &executor;
    reactor.start(std::move(parts));
  }
  ~WorkerNode() {
    executor.stop(patience);
    reactor.stop();
  }

  io::Reactor reactor{Log(LogLevel::off)};
  io::ThreadExecutor executor;
  std::string endpoint;
};

struct ClientNode {
  explicit ClientNode(const std::vector<std::string>& seeds) {
    io::ReactorParts parts;
    parts.transport = open_transport(reactor, "");
    parts.config.self = {.node = node(200), .incarnation = 1, .name = "client"};
    parts.config.client_instance = 7;
    parts.notify = notices.sink();
    auto source = io::Seeds::open(seeds, true);
    REQUIRE(source);
    parts.discovery.push_back(std::move(*source));
    reactor.start(std::move(parts));
  }
  void submit(std::uint32_t number, std::string args) {
    core::SubmitTask task;
    task.id = make_task_id(static_cast<std::uint64_t>(io::wall_now().unix_us / 1000), 0, 7, number);
    task.name = "echo";
    task.args = {Codec::opaque, Bytes{std::move(args)}};
    task.wait = true;
    task.token = number;
    reactor.mailbox().push(std::move(task));
  }

  Notices notices;
  io::Reactor reactor{Log(LogLevel::off)};
};

}  // namespace

SCENARIO("a client's tasks run on workers and come back", "[io][reactor]") {
  GIVEN("two workers and a client that knows both as seeds") {
    WorkerNode one(1);
    WorkerNode two(2);
    ClientNode client({one.endpoint, two.endpoint});
    WHEN("it submits 2,000 tasks, one of them with 1 MiB") {
      for (std::uint32_t i = 1; i <= 2'000; ++i) {
        client.submit(i, i == 1'000 ? std::string(1 << 20, 'x') : std::to_string(i));
      }
      THEN("each is answered once with its own result") {
        const auto completed = client.notices.wait_completed(2'000);
        bool right = true;
        for (const core::Completed& one_of : completed) {
          const auto number = static_cast<std::uint32_t>(one_of.token);
          const std::string expected = number == 1'000 ? std::string(1 << 20, 'x') : std::to_string(number);
          right = right && one_of.report->state == TaskState::success &&
                  one_of.report->result.view() == expected && counter_of(one_of.report->id) == number;
        }
        CHECK(right);
        CHECK(completed.size() == 2'000);
      }
    }
  }
}

SCENARIO("a node that drains says so, is gone, and ends by itself", "[io][reactor]") {
  GIVEN("a worker and a client that has spoken to it") {
    WorkerNode worker(1);
    ClientNode client({worker.endpoint});
    client.submit(1, "hello");
    client.notices.wait_completed(1);
    WHEN("the worker is told to drain") {
      worker.reactor.mailbox().push(core::Drain{.timeout = 5s});
      THEN("it stops within its time, and stopping it again is harmless") {
        CHECK(worker.reactor.wait_stopped(patience));
        worker.reactor.stop();
      }
    }
    WHEN("it is stopped at once") {
      const TimePoint from = io::steady_now();
      worker.reactor.stop();
      THEN("that takes no longer than the goodbye may") {
        CHECK(worker.reactor.wait_stopped(0s));
        CHECK(io::steady_now() - from < 5s);
      }
    }
  }
}

SCENARIO("an idle node sleeps", "[io][reactor]") {
  GIVEN("a worker that nobody talks to") {
    WorkerNode worker(1);
    std::mutex mutex;
    std::condition_variable never;
    std::unique_lock lock(mutex);
    const std::uint64_t before = worker.reactor.counters().turns;
    never.wait_for(lock, 1s,
                   [] { return false; });  // The subject of the test is what happens in a second: little.
    THEN("it turns a few times per second at most") { CHECK(worker.reactor.counters().turns - before < 50); }
  }
}

}  // namespace reactor_test
