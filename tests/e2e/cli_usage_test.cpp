// The command line without a mesh: help, versions, and every way to use it wrongly.
#include "e2e/cli_support.hpp"

namespace cli_usage_test {

namespace {

using namespace e2e;

const std::string some_id = "0193a7c41f2e70008f0c5d1a00000001";

/// Wrong usage: exit 2, nothing on standard output, one error line.
void check_usage(const Host& host, const Words& words, const std::string& text) {
  const Outcome outcome = host.run(words);
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == 2);
  CHECK(outcome.out.empty());
  CHECK_THAT(outcome.err, StartsWith("error: "));
  CHECK_THAT(outcome.err, Contains(text));
  CHECK(support::lines_of(outcome.err).size() == 1);
}

}  // namespace

SCENARIO("taskmesh explains itself", "[e2e][cli]") {
  const Host host = make_host();
  THEN("--help is a result") {
    const Outcome help = host.run({"--help"});
    CHECK(help.exit_code == 0);
    CHECK(help.err.empty());
    for (const char* verb : {"worker", "submit", "status", "result", "workers", "listen", "bench"}) {
      CHECK_THAT(help.out, Contains("\n  " + std::string(verb) + " "));
      const Outcome of_verb = host.run({verb, "--help"});
      CHECK(of_verb.exit_code == 0);
      CHECK(of_verb.err.empty());
      CHECK_THAT(of_verb.out, StartsWith("taskmesh " + std::string(verb) + ": "));
      CHECK_THAT(of_verb.out, Contains("\nexit: 0 "));
    }
  }
  THEN("--help wins over whatever else is wrong") {
    CHECK(host.run({"submit", "--nonsense", "--help"}).exit_code == 0);
  }
  THEN("--version is one line") { CHECK_THAT(line(host.run({"--version"})), StartsWith("taskmesh 0.")); }
  THEN("nothing at all is wrong usage, with the overview on standard error") {
    const Outcome nothing = host.run({});
    check(nothing, 2, "");
    CHECK_THAT(nothing.err, Contains("worker") && Contains("submit"));
  }
}

SCENARIO("a verb or flag that does not exist names the nearest", "[e2e][cli]") {
  const Host host = make_host();
  check_usage(host, {"sumbit", "add"}, "unknown verb 'sumbit': did you mean `taskmesh submit`?");
  check_usage(host, {"zzzzzzzz"}, "unknown verb 'zzzzzzzz' (`taskmesh --help` lists the verbs)");
  check_usage(host, {"--verison"}, "unknown flag '--verison'");
  check_usage(host, {"submit", "add", "--no-wiat"}, "unknown flag '--no-wiat': did you mean --no-wait?");
  check_usage(host, {"worker", "--builtins"}, "did you mean --builtin?");
  check_usage(host, {"workers", "--wait", "1s"}, "unknown flag '--wait'");
}

SCENARIO("wrong usage of every verb is exit 2, and nothing is started", "[e2e][cli]") {
  const Host host = make_host();
  GIVEN("submit") {
    check_usage(host, {"submit"}, "NAME is missing");
    check_usage(host, {"submit", "add", "--wait", "5"}, "--wait: '5' is not a duration");
    check_usage(host, {"submit", "add", "--wait"}, "--wait needs a value: it is written --wait DURATION");
    check_usage(host, {"submit", "add", "--deadline", "0s"}, "--deadline: '0s' is too short");
    check_usage(host, {"submit", "add", "--priority", "urgent"}, "'urgent' is not a priority");
    check_usage(host, {"submit", "add", "--args", "[2,"}, "--args: '[2,' is not valid JSON");
    check_usage(host, {"submit", "add", "--args", "{\"a\": 2}"}, "not a JSON array");
    check_usage(host, {"submit", "add", "2", "--args", "[2, 3]"}, "arguments are given twice");
    check_usage(host, {"submit", "add", "\xff\xfe"}, "an argument cannot be sent: it is not UTF-8");
    check_usage(host, {"submit", "add", "--callback", "tcp://127.0.0.1:6000", "--callback-data", "{oops"},
                "--callback-data: '{oops' is not valid JSON");
    check_usage(host, {"submit", "add", "--callback-data", "7"}, "no address to send it to");
    check_usage(host, {"submit", "add", "--callback-ttl", "5s"}, "no address to call back");
    check_usage(host, {"submit", "add", "--callback-attempts", "x"}, "from 0 to 1000000");
    check_usage(host, {"submit", "add", "--wait", "99999999999h"}, "the longest is 285 years");
    check_usage(host, {"submit", "add", "--callback", "somewhere"}, "somewhere");
    check_usage(host, {"submit", std::string(300, 'n')}, "longer than 255 bytes");
    check_usage(host, {"submit", ""}, "its name is empty");
  }
  GIVEN("status and result") {
    check_usage(host, {"status"}, "ID is missing");
    check_usage(host, {"status", "7f3a"}, "7f3a");
    check_usage(host, {"status", some_id, some_id}, "one argument too many");
    check_usage(host, {"result"}, "ID is missing");
    check_usage(host, {"result", some_id + "0"}, "task id");
    check_usage(host, {"result", some_id, "--wait", "-1s"}, "--wait: '-1s' is not a duration");
  }
  GIVEN("workers and listen") {
    check_usage(host, {"workers", "all"}, "one argument too many: 'all'");
    check_usage(host, {"workers", "--json=yes"}, "--json takes no value");
    check_usage(host, {"listen", "nowhere"}, "nowhere");
    check_usage(host, {"listen", "--count", "0"}, "--count: '0' is not a number that it takes");
    check_usage(host, {"listen", "--for", "long"}, "--for: 'long' is not a duration");
  }
  GIVEN("worker") {
    check_usage(host, {"worker"},
                "this worker has nothing to serve: none of --tasks, --exec and --builtin is given (say ");
    check_usage(host, {"worker", "--exec", "count"}, "it is written NAME=COMMAND");
    check_usage(host, {"worker", "--exec", "=wc -c"}, "it is written NAME=COMMAND");
    check_usage(host, {"worker", "--exec", "count="}, "it is written NAME=COMMAND");
    check_usage(host, {"worker", "--exec", "a=true", "--exec", "a=false"}, "'a' is served already");
    check_usage(host, {"worker", "--builtin", "--exec", "add=cat"}, "'add' is served already");
    check_usage(host, {"worker", "--builtin", "--slots", "0"}, "--slots: '0'");
    check_usage(host, {"worker", "--builtin", "--slots", "many"}, "--slots: 'many'");
    check_usage(host, {"worker", "--builtin", "--drain-timeout", "x"},
                "--drain-timeout: 'x' is not a duration");
    check_usage(host, {"worker", "--builtin", "--log", "loud"}, "--log: 'loud' is not a log level");
    check_usage(host, {"worker", "--builtin", "--bind", "here"}, "here");
    check_usage(host, {"worker", "--builtin", "--mesh", "a/b"}, "the mesh name cannot be used");
  }
}

SCENARIO("a wrong variable is wrong usage too, and says which", "[e2e][cli]") {
  Host host = make_host();
  host.variables() = {{"TASKMESH_SLOTS", "lots"}, {"TASKMESH_WAIT", "soon"}};
  check_usage(host, {"worker", "--builtin"}, "TASKMESH_SLOTS: 'lots'");
  check_usage(host, {"submit", "add", "1", "2"}, "TASKMESH_WAIT: 'soon' is not a duration");
}

SCENARIO("what is beyond this host is refused without --insecure", "[e2e][cli]") {
  const Host host = make_host();
  const Outcome worker = host.run({"worker", "--builtin", "--bind", "tcp://0.0.0.0:*"}, 5s);
  INFO(worker.err);
  CHECK(worker.ended);
  CHECK(worker.exit_code == 1);
  CHECK_THAT(worker.err, Contains("error: ") && Contains("insecure"));
  const Outcome submit = host.run({"submit", "add", "1", "2", "--callback", "tcp://192.0.2.1:6000"}, 5s);
  INFO(submit.err);
  CHECK(submit.ended);
  CHECK(submit.exit_code == 1);
  CHECK_THAT(submit.err, Contains("insecure"));
  const Outcome listen = host.run({"listen", "tcp://0.0.0.0:*", "--for", "0s"}, 5s);
  CHECK(listen.exit_code == 1);
  CHECK(host.run({"listen", "tcp://0.0.0.0:*", "--for", "0s", "--insecure"}, 5s).exit_code == 0);
}

SCENARIO("with nobody there every verb ends in time", "[e2e][cli][alone]") {
  const Host host = make_host();
  THEN("submit is exit 3 at the end of --wait, not later") {
    const Outcome outcome = host.run({"submit", "add", "2", "3", "--wait", "500ms"});
    check(outcome, 3, "");
    CHECK_THAT(outcome.err, Contains("error: ") && Contains("no worker in mesh 'default'"));
    CHECK(support::lines_of(outcome.err).size() == 1);
    CHECK(outcome.took >= 500ms);
    CHECK(outcome.took < 3s * time_factor);
  }
  THEN("its document says the same") {
    const Outcome outcome = host.run({"submit", "add", "2", "3", "--wait", "100ms", "--json"});
    CHECK(outcome.exit_code == 3);
    const json task = document(outcome);
    CHECK(task["status"] == "pending");
    CHECK(task["error"]["kind"] == "unavailable");
    CHECK(task["result"].is_null());
  }
  THEN("so are --no-wait and --callback") {
    const Outcome no_wait = host.run({"submit", "add", "2", "3", "--no-wait", "--wait", "200ms"});
    check(no_wait, 3, "");
    const Outcome receipt = host.run({"submit", "add", "2", "3", "--no-wait", "--wait", "200ms", "--json"});
    CHECK(receipt.exit_code == 3);
    CHECK(document(receipt)["nodes"] == json::array());
    CHECK(document(receipt)["error"]["kind"] == "unavailable");
    const Outcome callback =
        host.run({"submit", "add", "2", "3", "--wait", "200ms", "--callback", "tcp://127.0.0.1:6000"});
    check(callback, 3, "");
  }
  THEN("a deadline that passes is exit 4") {
    const Outcome outcome = host.run({"submit", "add", "2", "3", "--deadline", "300ms"});
    check(outcome, 4, "");
    CHECK(outcome.took < 3s * time_factor);
    CHECK(host.run({"submit", "add", "2", "3", "--deadline", "300ms", "--no-wait"}).exit_code == 4);
  }
  THEN("status and result are exit 3") {
    check(host.run({"status", some_id, "--wait", "300ms"}), 3, "");
    check(host.run({"result", some_id, "--wait", "300ms"}), 3, "");
  }
  THEN("workers says so within a second, and that is no error") {
    const Outcome list = host.run({"workers", "--json"});
    check(list, 0, "[]\n");
    CHECK(list.took < 1s * time_factor);
    const Outcome table = host.run({"workers"});
    check(table, 0, "");
    CHECK_THAT(table.err, Contains("no worker in mesh 'default'"));
    CHECK(table.took < 1s * time_factor);
  }
}

SCENARIO("output that cannot be written is an error, a closed pipe is none", "[e2e][cli]") {
  const Host host = make_host();
  const Outcome full = host.start_program({"/bin/sh", "-c", TASKMESH_CLI " --help > /dev/full"}).wait();
  CHECK(full.exit_code == 1);
  CHECK_THAT(full.err, Contains("error: the result could not be printed: No space left on device"));
  Process process = host.start({"workers", "--json"});  // It asks around before it prints.
  process.close_out();
  const Outcome closed = process.wait();
  CHECK(closed.exit_code == 0);
  CHECK(closed.err.empty());
}

}  // namespace cli_usage_test
