#include "sim/copy_world.hpp"

namespace taskmesh::sim {

void CopyWorld::fail(const std::string& text) {
  if (failures_.size() < 12) failures_.push_back(text);
}

void CopyWorld::add_worker(const core::Rules& rules, bool seed_only, bool steals) {
  Plan plan{.endpoint = "tcp://127.0.0.1:" + std::to_string(24'800 + endpoints_++)};
  plan.slots = 2;
  plan.serves = {"add"};
  plan.rules = rules;
  plan.seed_only = seed_only;
  plan.steals = steals;
  workers_.push_back(world_.add(plan));
}

TaskId CopyWorld::next_id(Host client, int replicas, bool once) {
  const auto flags = static_cast<std::uint16_t>(replicas | (once ? once_flag : 0));
  const auto unix_ms = static_cast<std::uint64_t>(world_.timeline().now().wall.unix_us / 1'000);
  return make_task_id(unix_ms, flags, world_.at(client).config.client_instance, ++counters_[client]);
}

core::Token CopyWorld::token_of(const TaskId& id) {
  const core::Token token = tokens_.size() + 1;
  tokens_[token] = id;
  return token;
}

std::uint64_t CopyWorld::check_left() {
  for (const std::string& text : world_.failures) fail(text);
  if (world_.network().ungreeted() > 0) fail("a node spoke before its greeting was answered");
  std::uint64_t all = 0;
  for (const auto& process : world_.processes()) {
    if (!process->up || process->node->owner() == nullptr) continue;
    const core::Node& node = *process->node;
    const std::size_t owned = node.owner()->open();
    const std::size_t held = node.keeper()->held();
    const std::size_t records = node.executor()->records();
    all += owned + held + records;
    if (owned + held + records > 0) {
      fail("process " + std::to_string(process->host) + " still has " + std::to_string(owned) + " owned, " +
           std::to_string(held) + " held, " + std::to_string(records) + " records");
    }
    if (node.owner()->under_replicated() > 0) fail("a task is short of copies still");
  }
  return all;
}

}  // namespace taskmesh::sim
