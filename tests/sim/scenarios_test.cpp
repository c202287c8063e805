#include <catch2/catch.hpp>

#include "sim/workload.hpp"

namespace taskmesh::sim::scenarios_test {
namespace {

using core::Liveness;
using core::NodeKind;

const std::string here = "tcp://127.0.0.1:6000";

/// A world with its ledger and people; checks the ledger when it goes.
struct Stage {
  explicit Stage(std::uint64_t seed, Habits habits = {}) : world(seed), work(world, ledger, habits) {}

  Host worker(std::uint32_t slots = 2, std::size_t queue_tasks_max = 1'000) {
    Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + endpoints++)};
    plan.slots = slots;
    plan.serves = {"add"};
    plan.queue_tasks_max = queue_tasks_max;
    return world.add(plan);
  }
  Host client() { return world.add({.kind = NodeKind::client}); }
  Host listener(const std::string& address = here) {
    return world.add({.kind = NodeKind::listener, .endpoint = address});
  }
  void finish() {
    world.run_until([this] { return ledger.quiet(); }, 60s);
    world.run_for(30s);
    ledger.check_end();
    check_failures();
  }
  void check_failures() {
    for (const std::string& failure : ledger.failures()) UNSCOPED_INFO(failure);
    CHECK(ledger.failures().empty());
  }
  std::size_t told(TaskState state) const {
    std::size_t count = 0;
    for (const auto& [id, story] : ledger.stories()) count += story.told == state ? 1U : 0U;
    return count;
  }
  std::size_t handled() const {
    std::size_t count = 0;
    for (const auto& [id, story] : ledger.stories()) {
      for (const auto& [host, times] : story.handled) count += static_cast<std::size_t>(times);
    }
    return count;
  }
  Liveness seen(Host by, Host whom) {
    const core::Peer* peer = world.at(by).node->membership().by_node(world.at(whom).config.self.node);
    return peer == nullptr ? Liveness::joining : peer->liveness;
  }

  World world;
  Ledger ledger{world};
  Workload work;
  int endpoints = 0;
};

Habits only_waits(int tasks, Duration over, Duration takes) {
  Habits habits;
  habits.tasks = tasks;
  habits.over = over;
  habits.takes_max = takes;
  habits.wait = 1;
  habits.callback = 0;
  habits.fails = 0;
  habits.asks = 0;
  return habits;
}

TEST_CASE("without faults each task runs once and each record is said once", "[sim]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 21));
  INFO("seed " << seed);
  Habits habits;
  habits.tasks = 200;
  habits.over = 3s;
  habits.takes_max = 20ms;
  habits.asks = 0;
  Stage stage{seed, habits};
  for (int i = 0; i < 3; ++i) stage.worker();
  stage.listener();
  stage.work.add_address(here);
  for (int i = 0; i < 2; ++i) stage.work.start(stage.client());
  stage.finish();
  stage.ledger.check_no_repetition();
  stage.check_failures();
  CHECK(stage.ledger.stories().size() == 400);
}

TEST_CASE("loss, repetition and delay cost time and nothing else", "[sim]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 21));
  INFO("seed " << seed);
  Habits habits;
  habits.tasks = 100;
  habits.over = 8s;
  Stage stage{seed, habits};
  for (int i = 0; i < 3; ++i) stage.worker();
  stage.listener();
  stage.work.add_address(here);
  stage.world.network().set_weather({.delay_max = 300ms, .loss = 0.1, .duplicate = 0.1});
  for (int i = 0; i < 2; ++i) stage.work.start(stage.client());
  stage.world.run_for(60s);
  stage.world.heal();
  stage.finish();  // The ledger fails a second start, or a `lost`, while no worker was in doubt.
  CHECK(stage.told(TaskState::lost) == 0);
  CHECK(stage.world.counters().resent > 0);
  CHECK(stage.world.counters().duplicates > 0);
}

TEST_CASE("who waits for a killed worker's tasks is told `lost` at once", "[sim]") {
  Stage stage{1, only_waits(20, 100ms, 60s)};
  const Host worker = stage.worker();
  const Host client = stage.client();
  stage.work.start(client);
  stage.world.run_for(2s);
  CHECK(stage.told(TaskState::lost) == 0);
  SECTION("the system proves the end of the process") {
    stage.world.crash(worker);
    stage.world.run_for(10ms);
    CHECK(stage.told(TaskState::lost) == 20);
    CHECK(stage.seen(client, worker) == Liveness::dead);
  }
  SECTION("only its connections break") {
    stage.world.crash(worker, false);
    stage.world.run_for(3s);
    CHECK(stage.told(TaskState::lost) == 20);
  }
  SECTION("its machine falls silent") {
    stage.world.crash(worker, false, true);
    stage.world.run_for(5s);
    CHECK(stage.told(TaskState::lost) == 0);
    stage.world.run_for(5s);
    CHECK(stage.told(TaskState::lost) == 20);
  }
  stage.worker();
  stage.finish();
}

TEST_CASE("a worker that stands still for four seconds is not called dead", "[sim]") {
  Stage stage{2, only_waits(40, 8s, 50ms)};
  const Host paused = stage.worker();
  stage.worker();
  const Host client = stage.client();
  stage.work.start(client);
  stage.world.run_for(2s);
  stage.world.pause(paused);
  stage.world.run_for(4s);
  CHECK(stage.seen(client, paused) == Liveness::suspect);
  stage.world.resume(paused);
  stage.finish();
  CHECK(stage.seen(client, paused) == Liveness::alive);
  CHECK(stage.told(TaskState::success) == 40);
}

TEST_CASE("a worker that is back before anybody can notice is a new one", "[sim]") {
  Stage stage{3, only_waits(20, 100ms, 60s)};
  const Host worker = stage.worker();
  stage.work.start(stage.client());
  stage.world.run_for(1s);
  stage.world.crash(worker, false);
  stage.world.run_for(300ms);
  stage.world.restart(worker);
  stage.world.run_for(1s);
  CHECK(stage.told(TaskState::lost) == 20);  // Its new life voids the old one: nobody waits for a timer.
  stage.finish();
}

TEST_CASE("a connection that breaks loses no end", "[sim]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 11));
  INFO("seed " << seed);
  Stage stage{seed, only_waits(100, 10s, 500ms)};
  const Host worker = stage.worker(8);
  const Host client = stage.client();
  stage.work.start(client);
  for (int i = 0; i < 10; ++i) {
    stage.world.run_for(1s);
    stage.world.network().cut(worker, client);
  }
  stage.finish();
  CHECK(stage.told(TaskState::success) == 100);
  CHECK(stage.world.counters().started == 100);
}

TEST_CASE("events for a listener that is away are parked and redelivered within two seconds", "[sim]") {
  Habits habits = only_waits(100, 3s, 20ms);
  habits.callback = 1;
  Stage stage{4, habits};
  for (int i = 0; i < 3; ++i) stage.worker();
  const Host listener = stage.listener();
  stage.work.add_address(here);
  stage.work.start(stage.client());
  stage.world.run_for(1s);
  stage.world.crash(listener);
  const std::size_t before = stage.handled();
  stage.world.run_for(20s);
  CHECK(stage.told(TaskState::success) == 100);  // Nobody else waits for the listener.
  CHECK(stage.handled() == before);
  stage.world.restart(listener);
  stage.world.run_for(2s);
  for (const auto& [id, story] : stage.ledger.stories()) CHECK_FALSE(story.handled.empty());
  stage.finish();
}

TEST_CASE("a client that starts first waits for a worker", "[sim]") {
  Stage stage{5, only_waits(10, 100ms, 10ms)};
  stage.work.start(stage.client());
  stage.world.run_for(30s);
  CHECK(stage.told(TaskState::success) == 0);
  stage.worker();
  stage.world.run_for(1s);
  CHECK(stage.told(TaskState::success) == 10);
  stage.finish();
}

TEST_CASE("full queues push back, and everything is done in the end", "[sim]") {
  Stage stage{6, only_waits(300, 500ms, 20ms)};
  for (int i = 0; i < 2; ++i) stage.worker(1, 5);
  for (int i = 0; i < 2; ++i) stage.work.start(stage.client());
  stage.finish();
  CHECK(stage.told(TaskState::success) == 600);
  CHECK(stage.world.counters().busy > 0);
  CHECK(stage.world.counters().started == 600);
}

TEST_CASE("a worker that drains loses nothing and is not mourned", "[sim]") {
  Stage stage{7, only_waits(100, 2s, 100ms)};
  const Host leaving = stage.worker();
  stage.worker();
  const Host client = stage.client();
  stage.work.start(client);
  stage.world.run_for(1s);
  stage.world.drain(leaving, 30s);
  stage.finish();
  CHECK_FALSE(stage.world.at(leaving).up);
  CHECK(stage.seen(client, leaving) == Liveness::left);
  CHECK(stage.told(TaskState::success) == 100);
}

TEST_CASE("a stranger gets an error and nothing else", "[sim]") {
  Stage stage{8, only_waits(10, 100ms, 10ms)};
  Plan plan{.endpoint = "tcp://127.0.0.1:24900", .serves = {"add"}, .token = std::string(32, 't')};
  const Host worker = stage.world.add(plan);
  const Host client = stage.world.add({.kind = NodeKind::client, .token = plan.token});
  const Host stranger = stage.world.add_stranger();
  const core::LinkId link{1};
  std::vector<proto::Message> heard;
  stage.world.observer.stranger_heard = [&](Process&, core::LinkId, proto::Message&& message) {
    heard.push_back(std::move(message));
  };
  stage.world.network().dial(stranger, {link, plan.endpoint, 5s});
  stage.world.run_for(100ms);
  const auto say = [&](proto::Message message) {
    stage.world.network().send(stranger, link, std::move(message));
    stage.world.run_for(10ms);
  };
  proto::Submit submit;
  submit.seq = 1;
  submit.id = make_task_id(1, 0, 9, 1);
  submit.name = "add";
  say(submit);
  REQUIRE(heard.size() == 1);
  REQUIRE(std::holds_alternative<proto::ErrorReport>(heard[0]));
  CHECK(std::get<proto::ErrorReport>(heard[0]).code == static_cast<std::uint16_t>(proto::Code::auth));
  say(proto::Query{.request = 1, .ids = {submit.id}});
  proto::Hello hello;
  hello.self.node.bytes[0] = 7;
  hello.token = std::string(32, 'x');
  say(hello);
  say(submit);
  for (const proto::Message& message : heard) CHECK(std::holds_alternative<proto::ErrorReport>(message));
  CHECK(stage.world.at(worker).node->counters().submits == 0);
  CHECK(stage.world.at(worker).node->counters().ungreeted == 3);
  CHECK(stage.world.at(worker).node->counters().refused_greetings == 1);

  stage.work.start(client);  // The honest are served meanwhile.
  stage.world.run_for(2s);
  CHECK(stage.told(TaskState::success) == 10);
}

TEST_CASE("who knows one worker only learns of those that come later", "[sim]") {
  Stage stage{9, only_waits(10, 100ms, 10ms)};
  const Host seed = stage.worker();
  const Host client = stage.world.add({.kind = NodeKind::client, .seed_only = true});
  stage.world.run_for(1s);
  const Host later = stage.worker();
  stage.world.run_for(1s);
  CHECK(stage.seen(client, seed) == Liveness::alive);
  CHECK(stage.seen(client, later) == Liveness::alive);
  stage.finish();
}

TEST_CASE("a healed mesh agrees on who is alive", "[sim]") {
  const auto seed = GENERATE(range<std::uint64_t>(1, 11));
  INFO("seed " << seed);
  Stage stage{seed, only_waits(10, 1s, 10ms)};
  std::vector<Host> workers;
  for (int i = 0; i < 6; ++i) workers.push_back(stage.worker());
  stage.client();
  stage.world.run_for(2s);
  for (std::size_t i = 0; i < 3; ++i) {
    for (std::size_t j = 3; j < 6; ++j) stage.world.network().block(workers[i], workers[j]);
  }
  stage.world.run_for(20s);
  CHECK(stage.seen(workers[0], workers[3]) == Liveness::dead);
  CHECK(stage.seen(workers[0], workers[1]) == Liveness::alive);
  stage.world.crash(workers[5], false, true);
  stage.world.heal();
  stage.finish();
  CHECK(stage.seen(workers[0], workers[3]) == Liveness::alive);
  CHECK(stage.seen(workers[0], workers[5]) == Liveness::dead);
}

}  // namespace
}  // namespace taskmesh::sim::scenarios_test
