// taskmesh listen: prints completion events as they come, one JSON object per line.
#include <atomic>

#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/signals.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/callback_listener.hpp"

namespace taskmesh::cli {

namespace {

/// Prints events on the listener's thread. An event is acknowledged when its line is out, not before.
class Printer {
 public:
  Printer(std::uint64_t count_max, const Signals& signals) : count_max_(count_max), signals_(signals) {}

  void print(const CompletionEvent& event) {
    const bool enough = count_max_ > 0 && printed_ >= count_max_;
    if (enough || written_ != Written::yes) throw std::runtime_error("this listener has ended");
    written_ = print_line(event.to_json());
    if (written_ == Written::yes) ++printed_;
    if (written_ != Written::yes || printed_ == count_max_) signals_.wake();
    if (written_ != Written::yes) throw std::runtime_error("the event could not be printed");
  }
  bool failed() const { return written_ == Written::failed; }

 private:
  const std::uint64_t count_max_;  ///< 0: no end.
  const Signals& signals_;
  std::uint64_t printed_ = 0;
  std::atomic<Written> written_ = Written::yes;
};

Exit listen(const Arguments& arguments) {
  const Signals signals;
  Printer printer(arguments.count("--count"), signals);
  const std::string& address = arguments.text("ADDRESS");
  CallbackListener listener(
      address.empty() ? "tcp://127.0.0.1:*" : address,
      {.insecure = arguments.given("--insecure"), .json_results = true, .log = log_level(arguments)});
  listener.on_any([&printer](const CompletionEvent& event) { printer.print(event); });
  print_note("listening at " + listener.address());
  signals.wait(arguments.given("--for") ? arguments.duration("--for") : Duration(-1));
  return printer.failed() ? Exit::failed : Exit::done;
}

Exit run_listen(const Arguments& arguments) {
  try {
    return listen(arguments);
  } catch (const Failure& failure) {
    return print_failed_start(failure.error());
  }
}

}  // namespace

Verb listen_verb() {
  return {
      .name = "listen",
      .summary = "print the ends of tasks that are pushed to an address, one JSON object per line",
      .examples = {"taskmesh listen tcp://127.0.0.1:6000", "taskmesh listen --count 1 --for 1m"},
      .positionals = {{.name = "ADDRESS",
                       .help =
                           "where to be bound (default tcp://127.0.0.1:*, a free port; it is said on stderr)",
                       .required = false}},
      .flags = {{.name = "--count",
                 .value = "N",
                 .help = "end after this many events",
                 .kind = Kind::count,
                 .unset = "no end"},
                {.name = "--for",
                 .value = "DURATION",
                 .help = "end after this long",
                 .kind = Kind::duration,
                 .unset = "no end"},
                setting_flag("insecure"),
                setting_flag("log"),
                config_flag(),
                {.name = "--json", .value = {}, .help = "the lines are JSON anyway", .kind = Kind::toggle}},
      .exits = "0 done (count, time or signal), 1 not bound, 2 usage",
      .run = run_listen};
}

}  // namespace taskmesh::cli
