// taskmesh events: what happens to tasks, one line for each thing, as it happens.
#include <thread>
#include <utility>

#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/event_subscription.hpp"

namespace taskmesh::cli {

namespace {

/// "taskmesh.task.failed.v1" says "failed" to people.
std::string_view word_of(std::string_view type) {
  type = type.substr(0, type.rfind('.'));
  return type.substr(type.rfind('.') + 1);
}

std::string line_of(const TaskEvent& event) {
  std::string line = to_rfc3339(event.at) + "  ";
  if (event.is_gap()) {
    line += *event.missed > 0 ? std::to_string(*event.missed) : std::string("some");
    return line + " events are missing" + (event.worker.empty() ? "" : ", of " + harmless(event.worker));
  }
  line += std::string(word_of(event.type)) + "  " + to_string(event.task_id) + "  " + harmless(event.name);
  if (event.attempt > 0) line += "  attempt " + std::to_string(event.attempt);
  line += "  " + harmless(event.worker);
  if (event.error) line += "  " + harmless(event.error->why);
  return line;
}

/// Prints until there is enough, nobody reads, or the subscription is closed. Ends the wait of the main thread then.
Written print_all(EventSubscription& events, std::uint64_t count_max, bool as_json, const Signals& signals) {
  std::uint64_t printed = 0;
  Written written = Written::yes;
  while (written == Written::yes && (count_max == 0 || printed < count_max)) {
    const auto event = events.next();
    if (!event) break;
    written = print_line(as_json ? event->to_json() : line_of(*event));
    ++printed;
  }
  signals.wake();
  return written;
}

Exit run_events(const Arguments& arguments) {
  const Signals signals;
  EventOptions options{.name = arguments.text("--name"), .client = client_options(arguments)};
  if (arguments.given("--type")) options.types = arguments.list("--type");
  const bool follow = arguments.given("--follow");
  try {
    EventSubscription events(std::move(options));
    Written written = Written::yes;
    std::thread printer(
        [&] { written = print_all(events, arguments.count("--count"), arguments.given("--json"), signals); });
    if (events.begun(limits::watch_settles * 2)) print_note("the workers that are known tell what happens");
    const bool ends = !follow || arguments.given("--for");
    signals.wait(ends ? arguments.duration("--for") : Duration(-1));
    events.close();
    printer.join();
    return written == Written::failed ? Exit::failed : Exit::done;
  } catch (const Failure& failure) {
    return print_failure(failure.error());
  }
}

}  // namespace

Verb events_verb() {
  return {
      .name = "events",
      .summary = "print what happens to tasks, as it happens",
      .examples = {"taskmesh events --follow --type failed --type lost", "taskmesh events --for 1m --json"},
      .positionals = {},
      .flags = joined(
          joined({{.name = "--follow",
                   .value = {},
                   .help = "do not end after --for, unless that is said too",
                   .kind = Kind::toggle},
                  {.name = "--type",
                   .value = "TYPE",
                   .help = "only these: running, failed, lost, ... (docs/http.md)",
                   .unset = "all",
                   .repeats = true},
                  {.name = "--name", .value = "NAME", .help = "only of tasks of this name", .unset = "any"},
                  {.name = "--count",
                   .value = "N",
                   .help = "end after this many lines",
                   .kind = Kind::count,
                   .unset = "no end"},
                  {.name = "--for",
                   .value = "DURATION",
                   .help = "end after this long",
                   .kind = Kind::duration,
                   .fallback = "10s"}},
                 mesh_flags()),
          {{.name = "--json", .value = {}, .help = "each line is a CloudEvent", .kind = Kind::toggle}}),
      .exits = "0 done (count, time or signal), 1 not printed, 2 usage",
      .run = run_events};
}

}  // namespace taskmesh::cli
