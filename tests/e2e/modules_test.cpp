// Task modules: `taskmesh worker --tasks FILE`, with shared libraries built for this (modules/).
#include <sys/stat.h>

#include <csignal>
#include <fstream>

#include "e2e/cli_support.hpp"

namespace modules_test {

namespace {

using namespace e2e;

std::string module_file(const std::string& name) {
  return std::string(TASKMESH_E2E_MODULES) + "/taskmesh_e2e_" + name + ".so";
}

/// The worker does not start: exit 2, one line that names the file, why, and what to do.
void check_refused(const Host& host, const Words& flags, const std::string& why) {
  Words words{"worker"};
  words.insert(words.end(), flags.begin(), flags.end());
  const Outcome outcome = host.run(words);
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK_THAT(outcome.err, StartsWith("error: task module '" + flags.back() + "' cannot be served: " + why));
  CHECK_THAT(outcome.err, Matches("[\\s\\S]* \\([^()]+[\\s\\S]*\\)\n"));
  CHECK(support::lines_of(outcome.err).size() == 1);
}

}  // namespace

SCENARIO("a worker serves the tasks of its modules, beside what else it serves", "[e2e][modules]") {
  const Host host = make_host();
  Process worker = host.worker({"--builtin", "--tasks", module_file("context"), "--exec", "text=echo hello",
                                "--tasks", module_file("second"), "--json"});
  REQUIRE(worker.wait_for_lines(1));
  CHECK(json::parse(worker.out())["tasks"] == json{"echo", "add", "sleep_ms", "fail", "crash", "pid",
                                                   "counter", "text", "about", "add_all", "refuse", "second",
                                                   "shout", "third_time", "until_stopped"});
  check(host.run({"submit", "second"}), 0, "2\n");
  check(host.run({"submit", "text"}), 0, "\"hello\"\n");
  check(host.run({"submit", "add", "2", "3"}), 0, "5\n");
  check(host.run({"submit", "shout", "quiet"}), 0, "[\"QUIET\"]\n");
  check(host.run({"submit", "add_all", R"({"a": [1, 2], "b": [39]})"}), 0, "42\n");
  THEN("errors are those of any handler") {
    const Outcome wrong = host.run({"submit", "add_all", "seven"});
    check(wrong, 1, "");
    CHECK_THAT(wrong.err, Contains("add_all"));
    const Outcome thrown = host.run({"submit", "third_time"});
    check(thrown, 1, "");
    CHECK_THAT(thrown.err, Contains("std::domain_error") && Contains("not yet"));
    const json refused = document(host.run({"submit", "refuse", "no entry", "--json"}));
    CHECK(refused["error"]["kind"] == "refused");
    CHECK(refused["error"]["what"] == "no entry");
  }
  THEN("it ends as any worker does") {
    worker.signal(SIGTERM);
    CHECK(worker.wait().exit_code == 0);
  }
}

SCENARIO("a module's task knows its id, attempt, deadline and headers", "[e2e][modules]") {
  const Host host = make_host();
  const Process worker = host.worker({"--tasks", module_file("context")});
  const json task = document(host.run(
      {"submit", "about", "--deadline", "1m", "--header", "tenant=blue", "--header", "trace=7", "--json"}));
  CHECK(task["result"] == json{task["task_id"], "1", "about", "below a minute", "tenant=blue", "trace=7"});
  const json plain = document(host.run({"submit", "about", "--json"}));
  CHECK(plain["result"] == json{plain["task_id"], "1", "about", "no deadline"});
  const json third =
      document(host.run({"submit", "third_time", "--retries", "2", "--retry-delay", "10ms", "--json"}));
  CHECK(third["result"] == 3);
  CHECK(third["attempt"] == 3);
}

SCENARIO("a module's task sees that it should stop, and why does not matter", "[e2e][modules]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2", "--tasks", module_file("context")});
  const std::string file = host.file("stopped");
  const auto stopped_within_patience = [&file] {
    const auto until = std::chrono::steady_clock::now() + support::patience;
    while (std::chrono::steady_clock::now() < until) {
      if (support::lines_of_file(file) == Words{"stopped"}) return true;
    }
    return false;
  };
  WHEN("it is cancelled") {
    const std::string id = line(host.run({"submit", "until_stopped", file, "--no-wait"}));
    REQUIRE(becomes(host, id, "running"));
    CHECK(host.run({"cancel", id}).exit_code == 0);
    CHECK(stopped_within_patience());
    CHECK(becomes(host, id, "cancelled"));
  }
  WHEN("its time limit passes") {
    const json task =
        document(host.run({"submit", "until_stopped", file, "--time-limit", "200ms", "--json"}));
    CHECK(task["error"]["kind"] == "timed_out");
    CHECK(stopped_within_patience());
  }
  WHEN("its deadline passes") {
    const json task = document(host.run({"submit", "until_stopped", file, "--deadline", "300ms", "--json"}));
    CHECK(task["status"] == "expired");
    CHECK(stopped_within_patience());
  }
}

SCENARIO("what cannot be loaded as a task module is refused, and nothing is started", "[e2e][modules]") {
  const Host host = make_host();
  GIVEN("no file that could be one") {
    check_refused(host, {"--tasks", "nowhere.so"}, "there is no such file");
    check_refused(host, {"--tasks", "libc.so.6"}, "there is no such file");
    check_refused(host, {"--tasks", host.folder().string()}, "it is a directory");
    check_refused(host, {"--tasks", "/dev/null"}, "it is no regular file");
    const std::string text = host.file("text.so");
    std::ofstream(text) << "int main() {}\n";
    check_refused(host, {"--tasks", text}, "it is no shared library");
    const std::string empty = host.file("empty.so");
    std::ofstream(empty).flush();
    check_refused(host, {"--tasks", empty}, "it is no shared library");
    const std::string cut = host.file("cut.so");
    std::ofstream(cut) << "\177ELF and no more";
    check_refused(host, {"--tasks", cut}, "");
    const std::string secret = host.file("secret.so");
    std::ofstream(secret) << "\177ELF";
    REQUIRE(::chmod(secret.c_str(), 0) == 0);
    if (!std::ifstream(secret)) check_refused(host, {"--tasks", secret}, "Permission denied");
    check_refused(host, {"--tasks", TASKMESH_CLI}, "");
  }
  GIVEN("a library that is no module") {
    check_refused(host, {"--tasks", module_file("no_module")},
                  "it does not export the function taskmesh_task_module (write TASKMESH_TASK_MODULE(worker)");
  }
  GIVEN("a library that lacks another one") {
    check_refused(host, {"--tasks", module_file("unresolved")},
                  "nobody defines pictures::size_of(int), which it uses");
  }
  GIVEN("modules for another version") {
    const std::string ours = line(host.run({"--version"}));
    check_refused(host, {"--tasks", module_file("older")},
                  "it was built for taskmesh 0.0.7, libstdc++, this is " + ours + ", libstdc++");
    check_refused(host, {"--tasks", module_file("older_unresolved")},
                  "it was built for taskmesh 0.0.6, libstdc++, this is " + ours + ", libstdc++");
  }
  GIVEN("modules that register badly") {
    check_refused(host, {"--builtin", "--tasks", module_file("throws")},
                  "it threw std::runtime_error: the model file is not there");
    check_refused(host, {"--builtin", "--tasks", module_file("nothing")}, "it registered no task");
  }
  GIVEN("a name that is taken") {
    check_refused(host, {"--exec", "about=cat", "--tasks", module_file("context")},
                  "task 'about' cannot be served: it is served already");
    check_refused(host, {"--tasks", module_file("second"), "--tasks", module_file("second")},
                  "task 'second' cannot be served: it is served already");
  }
  CHECK(document(host.run({"workers", "--json"})).empty());
}

SCENARIO("a module with a library of its own calls its worker's all the same", "[e2e][modules]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2", "--tasks", module_file("own_copy")});
  check(host.run({"submit", "own_copy", "text"}), 0, "\"text 1\"\n");
  CHECK(document(host.run({"submit", "own_copy", "\"\"", "--json"}))["error"]["kind"] == "refused");
}

}  // namespace modules_test
