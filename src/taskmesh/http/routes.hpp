// Routes: every address of the web interface in one table. What is served, documented (openapi.hpp) and tested is this.
//
// Pure; plain values; any thread.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/http/fields.hpp"

namespace taskmesh::http {

enum class Operation : std::uint8_t {
  submit,
  submit_batch,
  list_tasks,
  task,
  result,
  cancel,
  workers,
  health,
  ready,
  problem,
  metrics,
  openapi,
  events,
  all_events,
  queues,
  callbacks,
  callback_log,
  replay,
  me,
  page,
  page_file,
};

/// What a key is good for; each includes those before it.
enum class Role : std::uint8_t { nobody, read, submit, admin };
std::string_view role_name(Role role);

struct Route {
  Operation operation;
  std::string_view method;
  std::string_view pattern;  ///< "/v1/tasks/{task}": a part in braces takes anything.
  Role role;                 ///< Needed where the gateway has keys. nobody: open to all.
  std::string_view summary;
  std::vector<int> statuses;  ///< Those of its own.
};

std::span<const Route> routes();
/// All that it may be answered with, those that may come anywhere among them; sorted.
std::vector<int> statuses_of(const Route& route);

/// What of the table a request means.
struct Match {
  const Route* route = nullptr;  ///< Null: none takes this method.
  std::string parameter;         ///< What stands for {...}; empty if there is none.
  std::string allow;  ///< Without a route: what this path takes, "GET, HEAD"; empty: there is no such path.
};
Match match(std::string_view method, const std::vector<std::string>& path);

}  // namespace taskmesh::http
