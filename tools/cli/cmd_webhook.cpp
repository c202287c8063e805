// taskmesh webhook: callbacks over HTTP that nobody has taken, seen and tried again; the signature of one that has come.
#include <algorithm>
#include <array>
#include <fstream>
#include <iostream>
#include <set>
#include <sstream>

#include "cli/callback_rows.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/webhook.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::size_t secrets_file_max = 64 * 1024;
constexpr std::size_t body_max = 16 * 1024 * 1024;

Error unreadable(const std::string& path) {
  return {.kind = ErrorKind::invalid,
          .what = "'" + path + "' cannot be used",
          .why = "it cannot be read, or is larger than any such file",
          .fix = "check its name, and that you may read it"};
}

/// At most `most` octets; empty path: standard input.
Result<std::string> content_of(const std::string& path, std::size_t most) {
  std::ifstream file;
  if (!path.empty()) file.open(path, std::ios::binary);
  std::istream& in = path.empty() ? std::cin : file;
  std::string text;
  std::array<char, 4096> block{};
  while (in.read(block.data(), block.size()) || in.gcount() > 0) {
    text.append(block.data(), static_cast<std::size_t>(in.gcount()));
    if (text.size() > most) return fail(unreadable(path.empty() ? "standard input" : path));
  }
  if (!in.eof()) return fail(unreadable(path.empty() ? "standard input" : path));
  return text;
}

/// One secret a line; what begins with # is passed over.
Result<std::vector<std::string>> secrets_of(const std::string& path) {
  auto text = content_of(path, secrets_file_max);
  if (!text) return fail(std::move(text.error()));
  std::vector<std::string> secrets;
  std::istringstream lines(*text);
  for (std::string line; std::getline(lines, line);) {
    while (!line.empty() && (line.back() == '\r' || line.back() == ' ')) line.pop_back();
    if (!line.empty() && line.front() != '#') secrets.push_back(std::move(line));
  }
  return secrets;
}

Exit webhook_usage(std::string why, std::string fix = "see `taskmesh webhook --help`") {
  print_error({.kind = ErrorKind::invalid,
               .what = "webhook was not understood",
               .why = std::move(why),
               .fix = std::move(fix)});
  return Exit::usage;
}

bool is_web(const UndeliveredCallback& one) {
  return one.address.starts_with("http://") || one.address.starts_with("https://");
}

Exit run_list(const Arguments& arguments, const CallbackChoice& which) {
  Client client(client_options(arguments));
  auto listing =
      client.try_callbacks({.task_id = which.task_id, .address = which.address, .limit = list_limit_most});
  if (!listing) return print_failure(listing.error());
  print_silent(listing->silent);
  auto& callbacks = listing->callbacks;
  std::erase_if(callbacks, [](const UndeliveredCallback& one) { return !is_web(one); });
  if (callbacks.size() > arguments.count("--limit")) {
    print_note("there are more: raise --limit, or ask for one --address");
    callbacks.resize(arguments.count("--limit"));
  }
  if (arguments.given("--json")) return print_line(callback_array(callbacks), Exit::done);
  if (!callbacks.empty()) return print_line(callback_table(callbacks), Exit::done);
  print_note("no webhook is undelivered in mesh '" + client.mesh() + "'");
  return Exit::done;
}

Exit run_log(const Arguments& arguments, const CallbackChoice& which) {
  Client client(client_options(arguments));
  const auto log = client.try_webhook_log(
      {.task_id = which.task_id, .address = which.address, .limit = arguments.count("--limit")});
  if (!log) return print_failure(log.error());
  print_silent(log->silent);
  if (log->more) print_note("there are older ones: raise --limit, or ask for one task or --address");
  if (arguments.given("--json")) return print_line(attempt_array(log->attempts), Exit::done);
  if (!log->attempts.empty()) return print_line(attempt_table(log->attempts), Exit::done);
  print_note("no worker of mesh '" + client.mesh() + "' remembers such a post");
  return Exit::done;
}

/// All of them: address by address, as the mesh knows no kinds.
Result<RetryAnswer> replay_all(Client& client, Duration wait) {
  const auto listing = client.try_callbacks({.limit = list_limit_most});
  if (!listing) return fail(listing.error());
  std::set<std::string> addresses;
  for (const UndeliveredCallback& one : listing->callbacks) {
    if (is_web(one)) addresses.insert(one.address);
  }
  RetryAnswer sum;
  sum.silent = listing->silent;
  for (const std::string& address : addresses) {
    const auto one = client.try_retry_callbacks({.address = address}, wait);
    if (!one && one.error().kind != ErrorKind::not_found) return fail(one.error());
    if (!one) continue;  // Delivered meanwhile.
    sum.tried += one->tried;
    sum.revived += one->revived;
  }
  return sum;
}

Exit run_replay(const Arguments& arguments, const CallbackChoice& which) {
  const int said = static_cast<int>(arguments.given("ID")) + static_cast<int>(arguments.given("--address")) +
                   static_cast<int>(arguments.given("--all"));
  if (said != 1) return webhook_usage("replay takes one of ID, --address and --all");
  Client client(client_options(arguments));
  const auto answer = arguments.given("--all")
                          ? replay_all(client, arguments.duration("--wait"))
                          : client.try_retry_callbacks(which, arguments.duration("--wait"));
  if (!answer) return print_failure(answer.error());
  print_silent(answer->silent);
  return print_line(retried_text(*answer, arguments.given("--json")), Exit::done);
}

Exit run_verify(const Arguments& arguments) {
  for (const std::string_view flag : {"--id", "--timestamp", "--signature", "--secret-file"}) {
    if (!arguments.given(flag)) {
      return webhook_usage(
          std::string(flag) + " is missing",
          "give the values of the headers webhook-id, webhook-timestamp and webhook-signature");
    }
  }
  const auto secrets = secrets_of(arguments.text("--secret-file"));
  if (!secrets) return print_failure(secrets.error());
  const auto body = content_of(arguments.text("--body"), body_max);
  if (!body) return print_failure(body.error());
  const auto checked = verify_webhook({.id = arguments.text("--id"),
                                       .timestamp = arguments.text("--timestamp"),
                                       .signature = arguments.text("--signature")},
                                      *body, *secrets, arguments.duration("--tolerance"));
  if (!checked) return print_failure(checked.error());
  return print_line(arguments.given("--json") ? R"({"verified":true})" : "verified", Exit::done);
}

Exit run_webhook(const Arguments& arguments) {
  if (arguments.text("ACTION") == "verify") return run_verify(arguments);
  CallbackChoice which{.address = arguments.text("--address")};
  if (arguments.given("ID")) {
    const auto id = TaskId::parse(arguments.text("ID"));
    if (!id) return print_failure(id.error());
    which.task_id = *id;
  }
  if (arguments.text("ACTION") == "log") return run_log(arguments, which);
  return arguments.text("ACTION") == "list" ? run_list(arguments, which) : run_replay(arguments, which);
}

std::vector<Flag> verify_flags() {
  return {{.name = "--id", .value = "ID", .help = "verify: the header webhook-id", .unset = "none"},
          {.name = "--timestamp",
           .value = "SECONDS",
           .help = "verify: the header webhook-timestamp",
           .unset = "none"},
          {.name = "--signature",
           .value = "TEXT",
           .help = "verify: the header webhook-signature",
           .unset = "none"},
          {.name = "--secret-file",
           .value = "FILE",
           .help = "verify: its secrets, one a line",
           .kind = Kind::file,
           .unset = "none"},
          {.name = "--body",
           .value = "FILE",
           .help = "verify: the body as it came",
           .kind = Kind::file,
           .unset = "standard input"},
          {.name = "--tolerance",
           .value = "DURATION",
           .help = "verify: how far it may be from now",
           .kind = Kind::duration,
           .fallback = "5m"}};
}

}  // namespace

Verb webhook_verb() {
  const std::vector<Flag> which{
      {.name = "--address",
       .value = "URL",
       .help = "list, log, replay: those for this address",
       .unset = "any"},
      {.name = "--all", .value = {}, .help = "replay: all of them", .kind = Kind::toggle},
      list_limit_flag("list, log: at most so many"),
      question_flag()};
  return {
      .name = "webhook",
      .summary =
          "list callbacks over HTTP that nobody has taken, what was tried, replay them, verify one that came",
      .examples =
          {"taskmesh webhook list", "taskmesh webhook log ID",
           "taskmesh webhook replay --address https://example.org/hook",
           "taskmesh webhook verify --secret-file secret --id ID --timestamp T --signature S --body FILE"},
      .positionals =
          {{.name = "ACTION",
            .help = "list; log: what was posted; replay: post now, the dead ones too; verify: one that came",
            .choices = {"list", "log", "replay", "verify"}},
           {.name = "ID", .help = "the callback of this task alone", .required = false}},
      .flags = joined(joined(joined(which, verify_flags()), mesh_flags()), {json_flag()}),
      .exits =
          "0 done, 1 nothing is undelivered there, or not to be believed, 2 usage, 3 mesh unreachable, 4 "
          "deadline "
          "passed",
      .run = run_webhook};
}

}  // namespace taskmesh::cli
