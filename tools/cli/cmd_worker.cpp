// taskmesh worker: serves modules, commands and built-in tasks until it is told to stop.
#include <algorithm>
#include <optional>
#include <set>

#include "cli/hangups.hpp"
#include "cli/http_flags.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/task_modules.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"
#include "taskmesh/worker.hpp"

namespace taskmesh::cli {

namespace {

/// What Worker::serve_builtins serves.
const std::vector<std::string> builtins{"echo", "add", "sleep_ms", "fail", "crash", "pid", "counter"};

struct Command {
  std::string name;
  std::string line;
};

Error worker_usage(std::string what, std::string why, std::string fix) {
  return {.kind = ErrorKind::invalid, .what = std::move(what), .why = std::move(why), .fix = std::move(fix)};
}

/// NAME=COMMAND of each --exec; names differ.
Result<std::vector<Command>> read_commands(const Arguments& arguments) {
  std::vector<Command> commands;
  std::set<std::string> names;
  if (arguments.given("--builtin")) names.insert(builtins.begin(), builtins.end());
  for (const std::string& text : arguments.list("--exec")) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0 || equals + 1 == text.size()) {
      return fail(worker_usage("--exec '" + text + "' names no task or no command",
                               "it is written NAME=COMMAND", "write for example --exec 'count=wc -c'"));
    }
    commands.push_back({text.substr(0, equals), text.substr(equals + 1)});
    if (!names.insert(commands.back().name).second) {
      return fail(worker_usage("--exec: task '" + commands.back().name + "' is served already",
                               "a worker serves one task per name", "give it another name"));
    }
  }
  if (names.empty() && !arguments.given("--tasks")) {
    return fail(worker_usage("this worker has nothing to serve",
                             "none of --tasks, --exec and --builtin is given",
                             "say --builtin for first steps, --exec NAME=COMMAND, or --tasks FILE"));
  }
  return commands;
}

WorkerOptions worker_options(const Arguments& arguments) {
  WorkerOptions options;
  options.mesh = arguments.text("--mesh");
  options.name = arguments.text("--name");
  options.slots = static_cast<std::uint32_t>(arguments.count("--slots"));
  options.bind = arguments.text("--bind");
  options.seeds = arguments.list("--seed");
  options.token_file = arguments.text("--token-file");
  options.insecure = arguments.given("--insecure");
  options.queue_tasks_max = arguments.count("--queue-tasks-max");
  options.results_max = arguments.count("--results-max");
  options.results_bytes_max = arguments.size("--results-bytes-max");
  if (arguments.given("--memory-max")) options.memory_max = arguments.size("--memory-max");
  options.result_ttl = arguments.duration("--result-ttl");
  options.callback_ttl = arguments.duration("--callback-ttl");
  options.callback_attempts = static_cast<std::uint32_t>(arguments.count("--callback-attempts"));
  options.webhooks = {.allow = arguments.list("--webhook-allow"),
                      .secrets_file = arguments.text("--webhook-secrets"),
                      .ca_file = arguments.text("--webhook-ca"),
                      .timeout = arguments.duration("--webhook-timeout"),
                      .ttl = arguments.duration("--webhook-ttl"),
                      .consent = value_or_throw(parse_webhook_consent(arguments.text("--webhook-consent"))),
                      .origin = arguments.text("--webhook-origin"),
                      .rate = static_cast<std::uint32_t>(arguments.count("--webhook-rate"))};
  options.drain_timeout = arguments.duration("--drain-timeout");
  options.log = log_level(arguments).value_or(LogLevel::info);
  return options;
}

/// In the order of the command line's help; what modules serve comes last, sorted.
std::vector<std::string> task_names(const Arguments& arguments, const std::vector<Command>& commands,
                                    const Worker& worker) {
  std::vector<std::string> names;
  if (arguments.given("--builtin")) names = builtins;
  for (const Command& command : commands) names.push_back(command.name);
  const std::set<std::string> said(names.begin(), names.end());
  for (const std::string& name : worker.tasks()) {
    if (!said.contains(name)) names.push_back(name);
  }
  return names;
}

std::string ready_document(const Worker& worker, const std::vector<std::string>& names) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("id");
  writer.string(to_string(worker.id()));
  writer.key("name");
  writer.string(worker.name());
  writer.key("mesh");
  writer.string(worker.mesh());
  writer.key("endpoint");
  writer.string(worker.endpoint());
  writer.key("tasks");
  writer.begin_array();
  for (const std::string& name : names) writer.string(name);
  writer.end_array();
  writer.end_object();
  return writer.take();
}

void tell_ready(const Worker& worker, const std::vector<std::string>& names, bool as_document) {
  std::string list;
  for (const std::string& name : names) list += (list.empty() ? "" : ", ") + name;
  print_note("worker '" + worker.name() + "' serves mesh '" + worker.mesh() + "' at " + worker.endpoint() +
             ": " + list);
  if (as_document) print_line(ready_document(worker, names));
}

void serve(const Arguments& arguments, const std::vector<Command>& commands) {
  raise_file_limit();
  const int hangups = arguments.given("--http") ? hold_hangups() : -1;  // Before any thread.
  Worker worker(worker_options(arguments));
  if (arguments.given("--builtin")) worker.serve_builtins();
  for (const Command& command : commands) worker.serve_command(command.name, command.line);
  for (const std::string& path : arguments.list("--tasks")) load_task_module(worker, path);
  std::unique_ptr<http::Gateway> gateway;
  if (arguments.given("--http")) gateway = value_or_throw(http::Gateway::start(gateway_options(arguments)));
  std::optional<Hangups> reload;
  if (gateway) reload.emplace(hangups, [&gateway] { gateway->reload(); });
  if (gateway) print_note("gateway serves mesh '" + gateway->mesh() + "' at " + gateway->url());
  worker.run([&] {
    if (gateway) gateway->watch(worker);
    tell_ready(worker, task_names(arguments, commands, worker), arguments.given("--json"));
  });
}

Exit run_worker(const Arguments& arguments) {
  const auto commands = read_commands(arguments);
  if (!commands) return print_failure(commands.error());
  try {
    serve(arguments, *commands);
    return Exit::done;
  } catch (const Failure& failure) {
    return print_failed_start(failure.error());
  }
}

std::vector<Flag> serving_flags() {
  return {{.name = "--tasks",
           .value = "FILE",
           .help = "serve the tasks of a task module, a shared library; repeatable",
           .kind = Kind::file,
           .repeats = true},
          {.name = "--builtin",
           .value = {},
           .help = "serve echo, add, sleep_ms, fail, crash, pid and counter",
           .kind = Kind::toggle},
          {.name = "--exec",
           .value = "NAME=COMMAND",
           .help = "serve a shell command: arguments on stdin, result on stdout; repeatable",
           .repeats = true},
          setting_flag("worker.name"),
          setting_flag("worker.slots"),
          setting_flag("worker.bind"),
          setting_flag("worker.http")};
}

std::vector<Flag> limit_flags() {
  return {setting_flag("worker.queue_tasks_max"),
          setting_flag("worker.results_max"),
          setting_flag("worker.results_bytes_max"),
          setting_flag("worker.memory_max"),
          setting_flag("worker.result_ttl"),
          setting_flag("worker.callback_ttl"),
          setting_flag("worker.callback_attempts"),
          setting_flag("worker.webhook_allow"),
          setting_flag("worker.webhook_secrets"),
          setting_flag("worker.webhook_ca"),
          setting_flag("worker.webhook_timeout"),
          setting_flag("worker.webhook_ttl"),
          setting_flag("worker.webhook_consent"),
          setting_flag("worker.webhook_origin"),
          setting_flag("worker.webhook_rate"),
          setting_flag("worker.drain_timeout"),
          {.name = "--json",
           .value = {},
           .help = "say on stdout too that it serves, as one JSON document",
           .kind = Kind::toggle}};
}

}  // namespace

Verb worker_verb() {
  std::vector<Flag> flags =
      joined(joined(joined(serving_flags(), mesh_flags()), gateway_flags()), limit_flags());
  for (Flag& flag : flags) {
    if (flag.setting == "log") flag.unset = "info";  // It serves for long, and its life is worth a line.
  }
  return {.name = "worker",
          .summary = "serve tasks to the mesh until SIGTERM or Ctrl-C",
          .examples = {"taskmesh worker --builtin", "taskmesh worker --tasks ./reports.so",
                       "taskmesh worker --slots 2 --exec 'count=wc -c' --mesh reports"},
          .positionals = {},
          .flags = std::move(flags),
          .exits = "0 drained and left, 1 not started, 2 usage",
          .run = run_worker};
}

}  // namespace taskmesh::cli
