// taskmesh top and workers --watch: by pipes, and in a real terminal (tmux), with real workers.
#include <unistd.h>

#include <csignal>
#include <cstdlib>

#include "e2e/cli_support.hpp"

namespace cli_top_test {

using namespace e2e;

namespace {

/// A terminal of tmux's, with a server of its own, at whose shell `taskmesh` is the binary under test.
class Screen {
 public:
  Screen(const Host& host, int columns, int rows) : host_(host), socket_(host.file("tmux")) {
    tmux({"-f", "/dev/null", "new-session", "-d", "-s", "t", "-x", std::to_string(columns), "-y",
          std::to_string(rows), "env PS1='ready> ' /bin/sh"});
  }
  Screen(const Screen&) = delete;
  Screen& operator=(const Screen&) = delete;
  ~Screen() { tmux({"kill-server"}); }

  /// tools/setup --tests installs it.
  static bool is_there() { return ::access("/usr/bin/tmux", X_OK) == 0; }
  void type(const std::string& text) { tmux({"send-keys", "-t", "t", "-l", text}); }
  void press(const std::string& key) { tmux({"send-keys", "-t", "t", key}); }
  void resize(int columns, int rows) {
    tmux({"resize-window", "-t", "t", "-x", std::to_string(columns), "-y", std::to_string(rows)});
  }
  std::string text(bool with_colours = false) {
    Words words{"capture-pane", "-p", "-t", "t"};
    if (with_colours) words.push_back("-e");
    return tmux(words).out;
  }
  bool shows(const std::string& part) {
    return until([&] { return text().find(part) != std::string::npos; });
  }
  bool shows_no(const std::string& part) {
    return until([&] { return text().find(part) == std::string::npos; });
  }

 private:
  Outcome tmux(Words words) {
    words.insert(words.begin(), {"/usr/bin/tmux", "-S", socket_});
    return host_.start_program(words).wait();
  }
  template <class Enough>
  static bool until(Enough enough) {
    const auto end = std::chrono::steady_clock::now() + support::patience;
    while (std::chrono::steady_clock::now() < end) {
      if (enough()) return true;
    }
    return false;
  }

  const Host& host_;
  std::string socket_;
};

std::string begin_sleeping(const Host& host) {
  const std::string id = line(host.run({"submit", "sleep_ms", "60000", "--no-wait"}));
  REQUIRE(becomes(host, id, "running"));
  return id;
}

}  // namespace

SCENARIO("workers --watch prints again and again, also into a pipe, until a signal", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--name", "w1"});
  WHEN("people read it") {
    Process watching = host.start({"workers", "--watch", "--interval", "50ms"});
    REQUIRE(watching.wait_for_lines(8));
    watching.signal(SIGINT);
    const Outcome outcome = watching.wait();
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err.empty());
    const Words lines = support::lines_of(outcome.out);
    CHECK_THAT(lines[0], StartsWith("mesh default, 20"));
    CHECK_THAT(lines[1], StartsWith("NAME "));
    CHECK_THAT(lines[2], StartsWith("w1 "));
    CHECK(lines[3].empty());
    CHECK(outcome.out.find('\x1b') == std::string::npos);
  }
  WHEN("a program reads it") {
    Process watching = host.start({"workers", "--watch", "--interval", "50ms", "--json"});
    REQUIRE(watching.wait_for_lines(3));
    watching.signal(SIGTERM);
    CHECK(watching.wait().exit_code == 0);
    for (const std::string& text : support::lines_of(watching.out()))
      CHECK(json::parse(text).at(0)["name"] == "w1");
  }
  WHEN("nobody reads it any more") {
    Process watching = host.start({"workers", "--watch", "--interval", "50ms"});
    REQUIRE(watching.wait_for_lines(1));
    watching.close_out();
    CHECK(watching.wait().exit_code == 0);
  }
  WHEN("nothing is to be repeated") {
    const Outcome wrong = host.run({"workers", "--interval", "1h", "--json"});
    check(wrong, 2, "");
    CHECK_THAT(wrong.err, Contains("--watch"));
  }
}

SCENARIO("top refuses what is no terminal, and prints one picture for scripts", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2", "--name", "w1"});
  const std::string id = begin_sleeping(host);
  const Outcome refused = host.run({"top"});
  check(refused, 2, "");
  CHECK_THAT(refused.err, StartsWith("error: there is no terminal to draw on") && Contains("--once"));
  const Outcome once = host.run({"top", "--once"});
  CHECK(once.exit_code == 0);
  CHECK_THAT(once.out, StartsWith("taskmesh top: mesh default  workers 1  running 1/2"));
  CHECK_THAT(once.out, Contains("w1") && Contains(id) && Contains("sleep_ms"));
  CHECK(once.out.find('\x1b') == std::string::npos);
  const json told = document(host.run({"top", "--json"}));
  CHECK(told["mesh"] == "default");
  CHECK(told["workers"].at(0)["name"] == "w1");
  CHECK(told["tasks"].at(0)["task_id"] == id);
  host.run({"cancel", id});
}

SCENARIO("top in a terminal: sort, filter, cancel, resize, quit", "[e2e][cli]") {
  REQUIRE(Screen::is_there());
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2", "--name", "w1"});
  check(host.run({"submit", "add", "1", "2"}), 0, "3\n");
  const std::string id = begin_sleeping(host);
  Screen screen(host, 130, 24);
  REQUIRE(screen.shows("ready>"));
  screen.type(std::string(TASKMESH_CLI) + " top --interval 200ms\n");
  REQUIRE(screen.shows("running 1/2"));
  CHECK(screen.shows(id));
  CHECK(screen.shows("by state"));
  CHECK(screen.text(true).find("\x1b[1m\x1b[36m") != std::string::npos);
  screen.type("s");
  CHECK(screen.shows("by age"));
  screen.type("/add");
  CHECK(screen.shows("filter: add_"));
  CHECK(screen.shows_no(id));
  screen.press("Enter");
  screen.press("Escape");
  CHECK(screen.shows(id));
  screen.resize(70, 12);
  CHECK(screen.shows("q quit  c cancel"));
  CHECK(support::lines_of(screen.text()).size() <= 12);
  screen.resize(130, 24);
  screen.press("End");
  screen.type("c");
  CHECK(screen.shows("cancel task " + id + "?"));
  screen.type("y");
  CHECK(becomes(host, id, "cancelled"));
  CHECK(screen.shows("running 0/2"));
  screen.type("q");
  CHECK(screen.shows("ready>"));
  CHECK(screen.shows_no("taskmesh top:"));
  screen.type("echo exit $?\n");
  CHECK(screen.shows("exit 0"));
}

SCENARIO("top gives the terminal back when it is told to end, and draws without colours", "[e2e][cli]") {
  REQUIRE(Screen::is_there());
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--name", "w1"});
  Screen screen(host, 110, 20);
  REQUIRE(screen.shows("ready>"));
  const std::string file = host.file("pid");
  screen.type("sh -c 'echo $$ >" + file + " && NO_COLOR=1 exec " + TASKMESH_CLI + " top'\n");
  REQUIRE(screen.shows("workers 1"));
  const std::string plain = screen.text(true);
  for (const char* code : {"\x1b[31m", "\x1b[32m", "\x1b[36m", "\x1b[90m"})
    CHECK_THAT(plain, !Contains(code));
  REQUIRE(::kill(std::stoi(support::lines_of_file(file).at(0)), SIGTERM) == 0);
  CHECK(screen.shows("ready>"));
  CHECK(screen.shows_no("workers 1"));
  screen.type("stty -a | tr ';' '\\n'; echo exit $?\n");
  CHECK(screen.shows("exit 0"));
  CHECK_THAT(screen.text(), Contains(" icanon") && Contains(" echo ") && !Contains("-icanon"));
}

}  // namespace cli_top_test
