// taskmesh callbacks: events that no listener has acknowledged; sees them, and has them tried again.
#include "cli/callback_rows.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

Exit callbacks_usage(std::string why) {
  return print_failure({.kind = ErrorKind::invalid,
                        .what = "callbacks was not understood",
                        .why = std::move(why),
                        .fix = "see `taskmesh callbacks --help`"});
}

Exit run_list(const Arguments& arguments, const CallbackChoice& which) {
  Client client(client_options(arguments));
  const auto listing = client.try_callbacks(
      {.task_id = which.task_id, .address = which.address, .limit = arguments.count("--limit")});
  if (!listing) return print_failure(listing.error());
  print_silent(listing->silent);
  if (listing->more) print_note("there are more: raise --limit, or ask for one --address");
  if (arguments.given("--json")) return print_line(callback_array(listing->callbacks), Exit::done);
  if (!listing->callbacks.empty()) return print_line(callback_table(listing->callbacks), Exit::done);
  print_note("no callback is undelivered in mesh '" + client.mesh() + "'");
  return Exit::done;
}

Exit run_retry(const Arguments& arguments, const CallbackChoice& which) {
  Client client(client_options(arguments));
  const auto answer = client.try_retry_callbacks(which, arguments.duration("--wait"));
  if (!answer) return print_failure(answer.error());
  print_silent(answer->silent);
  return print_line(retried_text(*answer, arguments.given("--json")), Exit::done);
}

Exit run_callbacks(const Arguments& arguments) {
  CallbackChoice which{.address = arguments.text("--address")};
  const bool has_id = arguments.given("ID");
  if (has_id) {
    const auto id = TaskId::parse(arguments.text("ID"));
    if (!id) return print_failure(id.error());
    which.task_id = *id;
  }
  const bool has_address = arguments.given("--address");
  const bool all = arguments.given("--all");
  if (arguments.text("ACTION") == "list") {
    if (all) return callbacks_usage("list shows all unless told otherwise, --all goes with retry");
    return run_list(arguments, which);
  }
  if (static_cast<int>(has_id) + static_cast<int>(has_address) + static_cast<int>(all) != 1) {
    return callbacks_usage("retry takes one of ID, --address and --all");
  }
  return run_retry(arguments, which);
}

}  // namespace

Verb callbacks_verb() {
  return {
      .name = "callbacks",
      .summary = "list callbacks that nobody has acknowledged, or have them tried again",
      .examples = {"taskmesh callbacks list", "taskmesh callbacks retry --address tcp://127.0.0.1:6000",
                   "taskmesh callbacks retry --all"},
      .positionals = {{.name = "ACTION",
                       .help = "list, or retry: send them now, also those that were given up",
                       .choices = {"list", "retry"}},
                      {.name = "ID", .help = "the callback of this task alone", .required = false}},
      .flags = joined(
          joined({{.name = "--address", .value = "ADDRESS", .help = "those for this address", .unset = "any"},
                  {.name = "--all", .value = {}, .help = "retry: all of them", .kind = Kind::toggle},
                  list_limit_flag("list: at most so many"),
                  question_flag()},
                 mesh_flags()),
          {json_flag()}),
      .exits =
          "0 done, 1 nothing of that task or address is undelivered, 2 usage, 3 mesh unreachable, 4 "
          "deadline passed",
      .run = run_callbacks};
}

}  // namespace taskmesh::cli
