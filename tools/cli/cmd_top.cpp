// taskmesh top: the mesh at a glance, in a terminal: workers, load, rates, tasks. Keys sort, filter and cancel.
#include <chrono>
#include <cstdlib>

#include "cli/mesh.hpp"
#include "cli/output.hpp"
#include "cli/signals.hpp"
#include "cli/terminal.hpp"
#include "cli/top_feed.hpp"
#include "cli/top_view.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::size_t tasks_default = 500;
constexpr std::uint64_t tasks_most = 10'000;
constexpr Duration rates_within = 2'500ms;  // Two heartbeats of each worker, a second apart.
constexpr Duration idle = 1h;

/// What is asked for with NO_COLOR, whatever it says: https://no-color.org.
bool wants_colours() {
  const char* none = std::getenv("NO_COLOR");
  return none == nullptr || *none == '\0';
}

bool has_rates(const TopModel& model) {
  for (const WorkerInfo* worker : model.workers()) {
    if (worker->state == "alive" && !model.rate(worker->id)) return false;
  }
  return true;
}

Exit print_once(const Arguments& arguments) {
  const Signals signals;
  Client client(client_options(arguments));
  TopModel model;
  const auto until = std::chrono::steady_clock::now() + rates_within;
  model.take(take_sample(client, arguments.count("--tasks")));
  while (!has_rates(model) && std::chrono::steady_clock::now() < until) {
    if (signals.wait(100ms)) return Exit::done;
    model.take(take_sample(client, arguments.count("--tasks")));
  }
  for (const Line& line : frame_for_print(model)) {
    const Written written = print_line(line.text);
    if (written != Written::yes) return written == Written::closed ? Exit::done : Exit::failed;
  }
  return Exit::done;
}

/// Keys, news and sizes until the end is wanted.
void watch(Terminal& terminal, TopFeed& feed, bool colours) {
  TopModel model;
  while (terminal.show(paint(frame_of(model, terminal.size()), colours))) {
    const Terminal::Happened happened = terminal.wait(idle);
    if (happened.over) return;
    TopFeed::News news = feed.take();
    if (news.sample) model.take(std::move(*news.sample));
    for (const Key& key : happened.keys) {
      const Wish wish = model.press(key);
      if (wish.what == Wish::What::quit) return;
      if (wish.what == Wish::What::cancel) feed.cancel(wish.task);
      if (wish.what == Wish::What::look) feed.look();
    }
    if (!news.message.empty()) model.say(std::move(news.message));
  }
}

Exit run_top(const Arguments& arguments) {
  if (arguments.given("--once")) return print_once(arguments);
  const auto found = Terminal::look();
  if (!found) return print_failure(found.error());
  Terminal terminal;
  Client client(client_options(arguments));
  TopFeed feed(client, arguments.count("--tasks"), arguments.duration("--interval"),
               [&] { terminal.wake(); });
  watch(terminal, feed, wants_colours());
  terminal.give_back();  // Before the last question to the mesh has its answer.
  return Exit::done;
}

}  // namespace

Verb top_verb() {
  return {
      .name = "top",
      .summary = "watch workers, load, rates and tasks in a terminal; h shows the keys",
      .examples = {"taskmesh top", "taskmesh top --interval 5s", "taskmesh top --once"},
      .positionals = {},
      .flags = joined(
          {{.name = "--interval",
            .value = "DURATION",
            .help = "look so often",
            .kind = Kind::period,
            .fallback = "1s"},
           {.name = "--tasks",
            .value = "N",
            .help = "ask for so many tasks; unfinished ones first",
            .kind = Kind::count,
            .fallback = std::to_string(tasks_default),
            .most = tasks_most},
           {.name = "--once", .help = "print one picture as text, without a terminal", .kind = Kind::toggle}},
          mesh_flags()),
      .exits = "0 done (a key or a signal ended it), 2 usage, or no terminal",
      .run = run_top};
}

}  // namespace taskmesh::cli
