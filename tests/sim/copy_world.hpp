// CopyWorld: what worlds of workers that hold tasks for each other have in common.
//
// Their workers serve `add`; every question has a token of its own; at the end nothing may be left anywhere.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "sim/world.hpp"

namespace taskmesh::sim {

class CopyWorld {
 protected:
  explicit CopyWorld(std::uint64_t seed) : world_(seed) {}
  ~CopyWorld() = default;

  /// The first twelve are kept.
  void fail(const std::string& text);
  void add_worker(const core::Rules& rules, bool seed_only = false, bool steals = true);
  /// Of the client's next task.
  TaskId next_id(Host client, int replicas, bool once);
  core::Token token_of(const TaskId& id);
  const TaskId& asked_by(core::Token token) const { return tokens_.at(token); }
  /// Records of owners, keepers and executors: each is a failure, and so is what nobody should have said.
  std::uint64_t check_left();

  World world_;
  std::vector<Host> workers_;
  std::vector<Host> clients_;
  std::vector<std::string> failures_;

 private:
  std::map<core::Token, TaskId> tokens_;
  std::map<Host, std::uint32_t> counters_;
  int endpoints_ = 0;
};

}  // namespace taskmesh::sim
