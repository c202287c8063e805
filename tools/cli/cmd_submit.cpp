// taskmesh submit: hands one task to the mesh, and waits for its result unless told not to.
#include <algorithm>
#include <chrono>
#include <cstdlib>

#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/task_document.hpp"
#include "cli/values.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/trace_context.hpp"

namespace taskmesh::cli {

namespace {

/// What is left of a wait budget.
class Budget {
 public:
  explicit Budget(Duration budget) : end_(std::chrono::steady_clock::now() + budget) {}
  Duration left() const {
    return std::max(Duration::zero(), Duration(end_ - std::chrono::steady_clock::now()));
  }

 private:
  std::chrono::time_point<std::chrono::steady_clock, Duration> end_;
};

/// JSON as it is, anything else as a string.
Result<std::string> argument_as_json(const std::string& text) {
  if (is_json(text)) return text;
  std::string quoted = to_text(Json(text));
  const auto read = parse_json(quoted);
  if (read && *read == Json(text)) return quoted;
  return fail({.kind = ErrorKind::invalid,
               .what = "an argument cannot be sent",
               .why = "it is not UTF-8 text: " + harmless(quoted.substr(0, 64)),
               .fix = "pass the name of a file with those bytes instead"});
}

Result<std::string> arguments_as_json(const Arguments& arguments) {
  const auto& words = arguments.list("ARG");
  if (!arguments.given("--args")) {
    std::string array = "[";
    for (std::size_t i = 0; i < words.size(); ++i) {
      auto value = argument_as_json(words[i]);
      if (!value) return value;
      array += (i == 0 ? "" : ",") + *value;
    }
    return array + "]";
  }
  if (!words.empty()) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "arguments are given twice",
                 .why = "ARG and --args exclude each other",
                 .fix = "put them all into --args '[...]', or leave it out"});
  }
  return arguments.text("--args");
}

struct Order {
  Call<Json> call;
  SubmitOptions options;
  std::optional<Callback> callback;
};

std::optional<Duration> duration_if_given(const Arguments& arguments, std::string_view name) {
  return arguments.given(name) ? std::optional(arguments.duration(name)) : std::nullopt;
}

Result<std::vector<Header>> read_headers(const Arguments& arguments) {
  std::vector<Header> headers;
  for (const std::string& text : arguments.list("--header")) {
    const auto equals = text.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return fail({.kind = ErrorKind::invalid,
                   .what = "--header '" + harmless(text.substr(0, 64)) + "' is not NAME=VALUE",
                   .why = equals == 0 ? "its name is empty" : "it has no equals sign",
                   .fix = "write for example --header trace=7f3a"});
    }
    headers.push_back({text.substr(0, equals), text.substr(equals + 1)});
  }
  return headers;
}

std::string variable(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// A command that is run as a task finds its own context in the environment; what is not valid there is none.
void read_trace(const Arguments& arguments, SubmitOptions& options) {
  options.traceparent = arguments.text("--traceparent");
  options.tracestate = arguments.text("--tracestate");
  if (arguments.given("--traceparent") || arguments.given("--tracestate")) return;
  const auto says = [](const Header& header) { return header.name == "traceparent"; };
  const std::string parent = variable("TRACEPARENT");
  if (!is_traceparent(parent) || std::ranges::any_of(options.headers, says)) return;
  options.traceparent = parent;
  if (const std::string state = variable("TRACESTATE"); is_tracestate(state)) options.tracestate = state;
}

Result<SubmitOptions> read_options(const Arguments& arguments) {
  SubmitOptions options;
  options.priority = value_or_throw(parse_priority(arguments.text("--priority")));
  options.wait = arguments.duration("--wait");
  options.countdown = duration_if_given(arguments, "--countdown");
  if (arguments.given("--eta")) options.eta = value_or_throw(parse_moment(arguments.text("--eta")));
  options.deadline = duration_if_given(arguments, "--deadline");
  options.time_limit = duration_if_given(arguments, "--time-limit");
  options.retries = {.count = static_cast<std::uint32_t>(arguments.count("--retries")),
                     .delay = arguments.duration("--retry-delay"),
                     .max_delay = arguments.duration("--retry-delay-max")};
  if (arguments.given("--replicas")) options.replicas = static_cast<int>(arguments.count("--replicas"));
  options.once = arguments.given("--once");
  options.key = arguments.text("--key");
  options.result_ttl = duration_if_given(arguments, "--result-ttl");
  options.callback_ttl = duration_if_given(arguments, "--callback-ttl");
  if (const auto attempts = arguments.count("--callback-attempts"); attempts != 0) {
    options.callback_attempts = static_cast<std::uint32_t>(attempts);
  }
  auto headers = read_headers(arguments);
  if (!headers) return fail(std::move(headers.error()));
  options.headers = std::move(*headers);
  read_trace(arguments, options);
  return options;
}

Error no_callback(std::string what) {
  return {.kind = ErrorKind::invalid,
          .what = std::move(what),
          .why = "without --callback nobody is told",
          .fix = "say --callback ADDRESS, the one that `taskmesh listen` prints"};
}

Result<Order> read_order(const Arguments& arguments) {
  auto json = arguments_as_json(arguments);
  if (!json) return fail(std::move(json.error()));
  auto options = read_options(arguments);
  if (!options) return fail(std::move(options.error()));
  Order order{
      .call = call_json(arguments.text("NAME"), *json), .options = std::move(*options), .callback = {}};
  if (arguments.given("--callback")) {
    order.callback = Callback{arguments.text("--callback"), arguments.text("--callback-data")};
  } else if (arguments.given("--callback-data")) {
    return fail(no_callback("--callback-data is given, but no address to send it to"));
  } else {
    for (const char* flag : {"--callback-ttl", "--callback-attempts"}) {
      if (arguments.origin(flag).source != Source::flag) continue;  // A setting is for those that have one.
      return fail(no_callback(std::string(flag) + " is given, but no address to call back"));
    }
  }
  return order;
}

Result<TaskId> start(Client& client, const Order& order) {
  if (order.callback) return client.try_delay_with_callback(order.call, *order.callback, order.options);
  return client.try_delay(order.call, order.options);
}

std::string receipt_document(TaskId id, const std::vector<NodeId>& nodes, const std::optional<Error>& error) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("task_id");
  writer.string(to_string(id));
  writer.key("nodes");
  writer.begin_array();
  for (const NodeId& node : nodes) writer.string(to_string(node));
  writer.end_array();
  if (error) {
    writer.key("error");
    writer.error(error ? &*error : nullptr);
  }
  writer.end_object();
  return writer.take();
}

Exit hand_over(Client& client, const Order& order, bool as_document) {
  const auto id = start(client, order);
  if (!id) return print_failure(id.error());
  const auto receipt = client.accepted(*id, order.options.wait);
  if (receipt) {
    return print_line(as_document ? receipt_document(*id, receipt->nodes, {}) : to_string(*id), Exit::done);
  }
  if (as_document) print_line(receipt_document(*id, {}, receipt.error()));
  const Exit exit = print_failure(receipt.error());
  return exit == Exit::usage ? Exit::failed : exit;  // The command was right; the mesh refused the task.
}

/// One budget for both waits: to be accepted, then to end.
TaskResult<Json> run_with_callback(Client& client, const Order& order) {
  const Budget budget(order.options.wait);
  const TaskId id = value_or_throw(start(client, order));
  const auto receipt = client.accepted(id, budget.left());
  const auto waits = [](ErrorKind kind) {
    return kind == ErrorKind::unavailable || kind == ErrorKind::timed_out;
  };
  if (!receipt && waits(receipt.error().kind)) {
    return {.task_id = id, .state = TaskState::pending, .outcome = fail(receipt.error())};
  }
  return client.wait_for<Json>(id, budget.left());
}

Exit run_submit(const Arguments& arguments) {
  const auto order = read_order(arguments);
  if (!order) return print_failure(order.error());
  ClientOptions options = client_options(arguments);
  options.insecure = arguments.given("--insecure");
  Client client(options);
  const bool as_document = arguments.given("--json");
  if (arguments.given("--no-wait")) return hand_over(client, *order, as_document);
  auto task =
      order->callback ? run_with_callback(client, *order) : client.submit_task(order->call, order->options);
  look_again(client, task);
  return print_task(task, as_document);
}

std::vector<Flag> submit_flags() {
  return {
      {.name = "--args",
       .value = "JSON",
       .help = "all arguments at once, as one JSON array",
       .kind = Kind::json},
      {.name = "--no-wait",
       .value = {},
       .help = "print the id once accepted, do not wait",
       .kind = Kind::toggle},
      setting_flag("client.wait"),
      setting_flag("submit.priority"),
      {.name = "--countdown",
       .value = "DURATION",
       .help = "not before this has passed",
       .kind = Kind::duration,
       .unset = "at once"},
      {.name = "--eta",
       .value = "TIME",
       .help = "not before then: 2026-11-22T09:30:00Z",
       .kind = Kind::moment,
       .unset = "at once"},
      setting_flag("submit.deadline"),
      setting_flag("submit.time_limit"),
      {.name = "--replicas",
       .value = "N",
       .help = "further workers that hold it: 0 to 2",
       .kind = Kind::amount,
       .unset = "1",
       .most = limits::replicas_max},
      {.name = "--once", .help = "never run it twice", .kind = Kind::toggle},
      setting_flag("submit.retries"),
      setting_flag("submit.retry_delay"),
      setting_flag("submit.retry_delay_max"),
      {.name = "--key", .value = "KEY", .help = "run tasks of this name and key once", .unset = "none"},
      setting_flag("submit.result_ttl"),
      {.name = "--header",
       .value = "NAME=VALUE",
       .help = "for the task's own code; repeats",
       .unset = "none",
       .repeats = true},
      {.name = "--traceparent",
       .value = "TEXT",
       .help = "W3C trace context that it belongs to",
       .unset = "$TRACEPARENT"},
      {.name = "--tracestate", .value = "TEXT", .help = "what goes with that", .unset = "$TRACESTATE"},
      {.name = "--callback", .value = "ADDRESS", .help = "push its end there, see listen", .unset = "none"},
      {.name = "--callback-data",
       .value = "JSON",
       .help = "comes back with the callback",
       .kind = Kind::json,
       .unset = "null"},
      setting_flag("submit.callback_ttl"),
      setting_flag("submit.callback_attempts"),
      setting_flag("insecure")};
}

}  // namespace

Verb submit_verb() {
  return {.name = "submit",
          .summary = "hand one task to the mesh and wait for its result",
          .examples = {"taskmesh submit add 2 3", "taskmesh submit echo '{\"month\": \"2026-10\"}' --json",
                       "taskmesh submit sleep_ms 500 --no-wait --callback tcp://127.0.0.1:6000",
                       "taskmesh submit pid --countdown 10s --no-wait",
                       "taskmesh submit add 2 3 --retries 3 --time-limit 10s"},
          .positionals = {{.name = "NAME", .help = "the task's name"},
                          {.name = "ARG",
                           .help = "JSON as that value, anything else as a string",
                           .required = false,
                           .repeats = true}},
          .flags = joined(joined(submit_flags(), mesh_flags()), {json_flag()}),
          .exits = "0 done, 1 task failed or refused, 2 usage, 3 mesh unreachable, 4 deadline passed",
          .run = run_submit};
}

}  // namespace taskmesh::cli
