// taskmesh gateway: serves the mesh over HTTP until it is told to stop.
#include "cli/hangups.hpp"
#include "cli/http_flags.hpp"
#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/settings.hpp"
#include "cli/signals.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::cli {

namespace {

std::string ready_document(const http::Gateway& gateway) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("url");
  writer.string(gateway.url());
  writer.key("mesh");
  writer.string(gateway.mesh());
  writer.end_object();
  return writer.take();
}

Exit run_gateway(const Arguments& arguments) {
  raise_file_limit();
  const Signals signals;               // Blocked before any thread is there...
  const int hangups = hold_hangups();  // ...as these are.
  auto options = gateway_options(arguments);
  options.client.log = log_level(arguments).value_or(LogLevel::info);
  auto gateway = http::Gateway::start(options);
  if (!gateway) return print_failed_start(gateway.error());
  print_note("gateway serves mesh '" + (*gateway)->mesh() + "' at " + (*gateway)->url());
  if (arguments.given("--json")) print_line(ready_document(**gateway));
  {
    const Hangups reload(hangups, [&gateway] { (*gateway)->reload(); });
    signals.wait(Duration(-1));
  }
  (*gateway)->stop();
  return Exit::done;
}

}  // namespace

Verb gateway_verb() {
  std::vector<Flag> flags =
      joined(joined(joined({setting_flag("gateway.http")}, gateway_flags()), mesh_flags()),
             {{.name = "--json",
               .value = {},
               .help = "say on stdout too that it serves, as one JSON document",
               .kind = Kind::toggle}});
  for (Flag& flag : flags) {
    if (flag.setting == "log") flag.unset = "info";
  }
  return {.name = "gateway",
          .summary = "serve the mesh over HTTP until SIGTERM or Ctrl-C",
          .examples = {"taskmesh gateway", "taskmesh gateway --http 127.0.0.1:9000 --mesh reports"},
          .positionals = {},
          .flags = std::move(flags),
          .exits = "0 told to stop, 1 not started, 2 usage",
          .run = run_gateway};
}

}  // namespace taskmesh::cli
