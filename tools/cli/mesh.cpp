#include "cli/mesh.hpp"

#include "cli/output.hpp"

namespace taskmesh::cli {

ClientOptions client_options(const Arguments& arguments) {
  ClientOptions options;
  options.mesh = arguments.text("--mesh");
  options.seeds = arguments.list("--seed");
  options.token_file = arguments.text("--token-file");
  options.log = log_level(arguments);
  options.flush_timeout =
      100ms;  // Every verb waits for what it promises; this hears that the rest is withdrawn.
  return options;
}

std::optional<LogLevel> log_level(const Arguments& arguments) {
  if (!arguments.given("--log")) return std::nullopt;
  return value_or_throw(parse_log_level(arguments.text("--log")));
}

void print_silent(const std::vector<std::string>& workers) {
  for (const std::string& name : workers) {
    print_note("worker '" + name + "' has not answered in time: what it knows is missing here");
  }
}

void look_again(Client& client, TaskResult<Json>& task) {
  const bool gave_up = !task.outcome && !is_terminal(task.state) && task.error().kind == ErrorKind::timed_out;
  if (!gave_up || !task.task_id) return;
  auto now = client.get_task_result<Json>(task.task_id, limits::own_stall);
  if (now.state == TaskState::unknown || now.state == TaskState::pending) return;
  if (!is_terminal(now.state)) {
    Error error = task.error();
    error.fix = "it goes on: ask again with `taskmesh result " + to_string(task.task_id) + "`";
    now.outcome = fail(std::move(error));
  }
  task = std::move(now);
}

}  // namespace taskmesh::cli
