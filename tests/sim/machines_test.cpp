// Workers on two machines, and one machine that is gone with all of them.  proto/05-keepers.md section 2.
#include <catch2/catch.hpp>
#include <map>
#include <set>

#include "sim/world.hpp"

namespace taskmesh::sim::machines_test {
namespace {

struct Story {
  std::size_t accepted = 0;
  std::size_t one_machine = 0;  // Receipts that name workers of one machine only.
  std::size_t lost = 0;         // Accepted, and told as anything but done, or not told.
};

/// Four workers, two on each of `machines`; both of the first one go at once while tasks with one copy are under way.
Story lose_a_machine(std::uint64_t seed, const std::array<std::string, 2>& machines) {
  World world(seed);
  std::map<NodeId, Host> hosts;
  for (int i = 0; i < 4; ++i) {
    Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + i)};
    plan.slots = 2;
    plan.serves = {"add"};
    plan.steals = false;  // What is taken from a queue may go to where its copy is.
    plan.machine = machines[static_cast<std::size_t>(i) % 2];
    const Host host = world.add(plan);
    hosts[world.at(host).config.self.node] = host;
  }
  const Host client = world.add({.kind = core::NodeKind::client});
  world.observer.behaviour = [](const core::Run&) { return Behaviour{.takes = 300ms}; };
  Story story;
  std::set<core::Token> open;
  world.observer.told = [&](Process&, core::Notice&& notice) {
    if (const auto* acceptance = std::get_if<core::Acceptance>(&notice)) {
      if (acceptance->error) return;
      ++story.accepted;
      open.insert(acceptance->token);
      std::set<Host> sides;
      for (const NodeId& node : acceptance->nodes) sides.insert(hosts.at(node) % 2);
      story.one_machine += sides.size() == 2 ? 0U : 1U;
    } else if (const auto* completed = std::get_if<core::Completed>(&notice)) {
      if (completed->report->state == TaskState::success) open.erase(completed->token);
    }
  };
  world.run_for(limits::key_calm);
  for (std::uint32_t i = 1; i <= 80; ++i) {
    const TaskId id = make_task_id(1'700'000'000'000, 1, world.at(client).config.client_instance, i);
    world.give(client, core::SubmitTask{.id = id, .name = "add", .wait = true, .token = i});
    world.give(client, core::AwaitAccepted{i, id});
    world.run_for(10ms);
  }
  for (const auto& [node, host] : hosts) {
    if (host % 2 == 0) world.crash(host, false, true);
  }
  world.run_for(60s);
  story.lost = open.size();
  return story;
}

}  // namespace

TEST_CASE("a machine that is gone with all its workers takes along no task with one copy", "[sim]") {
  std::size_t beside = 0;
  for (std::uint64_t seed = 1; seed <= 10; ++seed) {
    INFO("seed " << seed);
    const Story two = lose_a_machine(seed, {"here", "there"});
    CHECK(two.accepted == 80);
    CHECK(two.one_machine == 0);
    CHECK(two.lost == 0);
    beside += lose_a_machine(seed, {"here", "here"}).lost;  // Workers that do not tell their machines apart.
  }
  CHECK(beside > 0);
}

}  // namespace taskmesh::sim::machines_test
