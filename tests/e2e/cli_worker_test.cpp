// The worker verb: what it serves, how it is set up, how it ends.
#include <csignal>
#include <fstream>

#include "e2e/cli_support.hpp"

namespace cli_worker_test {

namespace {

using namespace e2e;

/// An endpoint on a port that was free a moment ago.
std::string free_endpoint() { return "tcp://127.0.0.1:" + std::to_string(support::free_port()); }

}  // namespace

SCENARIO("a worker says on one line what it serves and where", "[e2e][cli]") {
  const Host host = make_host();
  const std::string endpoint = free_endpoint();
  Process worker = host.start({"worker", "--builtin", "--exec", "count=wc -c", "--name", "w1", "--mesh", "m1",
                               "--bind", endpoint, "--json"});
  REQUIRE(worker.wait_for_err("worker 'w1' serves mesh 'm1' at " + endpoint +
                              ": echo, add, sleep_ms, fail, crash, pid, counter, count\n"));
  REQUIRE(worker.wait_for_lines(1));
  const json ready = json::parse(worker.out());
  CHECK(ready["name"] == "w1");
  CHECK(ready["mesh"] == "m1");
  CHECK(ready["endpoint"] == endpoint);
  CHECK(ready["tasks"].size() == 8);
  const json known = document(host.run({"workers", "--mesh", "m1", "--json"}));
  REQUIRE(known.size() == 1);
  CHECK(known[0]["id"] == ready["id"]);
  CHECK(known[0]["tasks"].size() == ready["tasks"].size());
}

SCENARIO("settings come from the flag, else the variable, else the default", "[e2e][cli]") {
  Host host = make_host();
  host.variables() = {
      {"TASKMESH_MESH", "other"}, {"TASKMESH_NAME", "from-variable"}, {"TASKMESH_SLOTS", "7"}};
  const Process one = host.worker({"--builtin"});
  const Process two = host.worker({"--builtin", "--name", "from-flag", "--slots", "2"});
  const Process three = host.worker({"--builtin", "--mesh", "third"});
  json list = document(host.run({"workers", "--json"}));
  for (int i = 0; i < 50 && list.size() < 2; ++i) list = document(host.run({"workers", "--json"}));
  REQUIRE(list.size() == 2);
  CHECK(list[0]["name"] == "from-flag");
  CHECK(list[0]["slots"] == 2);
  CHECK(list[1]["name"] == "from-variable");
  CHECK(list[1]["slots"] == 7);
  CHECK(document(host.run({"workers", "--json", "--mesh", "third"})).size() == 1);
  host.variables()["TASKMESH_WAIT"] = "150ms";
  host.variables()["TASKMESH_MESH"] = "nobody-here";
  CHECK(host.run({"submit", "add", "1", "2"}).took < 3s * time_factor);
  CHECK(host.run({"submit", "add", "1", "2", "--mesh", "third"}).out == "3\n");
}

SCENARIO("two meshes on one host do not see each other", "[e2e][cli]") {
  const Host host = make_host();
  const Process red = host.worker({"--builtin", "--mesh", "red"});
  const Process blue = host.worker({"--builtin", "--mesh", "blue"});
  for (int i = 0; i < 3; ++i) {
    CHECK(host.run({"submit", "pid", "--mesh", "red"}).out == std::to_string(red.pid()) + "\n");
    CHECK(host.run({"submit", "pid", "--mesh", "blue"}).out == std::to_string(blue.pid()) + "\n");
  }
  CHECK(document(host.run({"workers", "--json", "--mesh", "red"})).size() == 1);
  CHECK(document(host.run({"workers", "--json"})).empty());
  const std::string id = line(host.run({"submit", "add", "1", "2", "--no-wait", "--mesh", "red"}));
  check(host.run({"status", id, "--mesh", "blue"}), 1, "unknown\n");
}

SCENARIO("a client may come before the worker", "[e2e][cli]") {
  const Host host = make_host();
  Process waiting = host.start({"submit", "add", "2", "3"});
  Process handing_over = host.start({"submit", "add", "4", "5", "--no-wait"});
  CHECK_FALSE(waiting.wait_for_out("5", 1s));
  CHECK(waiting.running());
  const Process worker = host.worker();
  const Outcome outcome = waiting.wait(5s);
  check(outcome, 0, "5\n");
  const Outcome handed = handing_over.wait(5s);
  CHECK(handed.exit_code == 0);
  check(host.run({"result", line(handed)}), 0, "9\n");
}

SCENARIO("a task that kills its worker is lost, and said so at once", "[e2e][cli]") {
  const Host host = make_host();
  Process worker = host.worker();
  const Outcome outcome = host.run({"submit", "crash", "--replicas", "0", "--json"});
  CHECK(outcome.exit_code == 1);
  CHECK(document(outcome)["status"] == "lost");
  CHECK(outcome.took < 5s * time_factor);
  CHECK(worker.wait(5s).exit_code != 0);
  const Process next = host.worker();
  check(host.run({"submit", "add", "2", "3"}), 0, "5\n");
}

SCENARIO("--exec serves commands", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker =
      host.worker({"--exec", "args=cat", "--exec", "text=echo hello", "--exec", "object=echo '{\"a\": [1]}'",
                   "--exec", "silent=true", "--exec", "broken=echo oops >&2; exit 3", "--exec",
                   "killed=kill -9 $$", "--exec", "nobody=cat | head -c 0; exit 0", "--exec",
                   "about=echo \"$TASKMESH_TASK_ID $TASKMESH_ATTEMPT\"", "--exec", "slow=sleep 20"});
  THEN("arguments come as a JSON array, output is the result, JSON or text") {
    check(host.run({"submit", "args", "1", "two", "{\"three\": 3}"}), 0, "[1,\"two\",{\"three\":3}]\n");
    check(host.run({"submit", "args"}), 0, "[]\n");
    check(host.run({"submit", "text", "ignored"}), 0, "\"hello\"\n");
    check(host.run({"submit", "object"}), 0, "{\"a\":[1]}\n");
    CHECK(host.run({"submit", "silent"}).exit_code == 0);
    const std::string big(100'000, 'x');
    check(host.run({"submit", "args", big}), 0, "[\"" + big + "\"]\n");
  }
  THEN("the command knows its task") {
    const json task = document(host.run({"submit", "about", "--json"}));
    CHECK(task["result"] == task["task_id"].get<std::string>() + " 1");
  }
  THEN("an exit code other than 0 is a failure that tells code and standard error") {
    const Outcome outcome = host.run({"submit", "broken"});
    check(outcome, 1, "");
    CHECK_THAT(outcome.err, Contains("exit code 3") && Contains("oops"));
  }
  THEN("a signal is named") {
    const Outcome outcome = host.run({"submit", "killed"});
    check(outcome, 1, "");
    CHECK_THAT(outcome.err, Contains("signal 9"));
  }
  THEN("a deadline kills it") {
    const Outcome outcome = host.run({"submit", "slow", "--deadline", "300ms"});
    check(outcome, 4, "");
    CHECK(outcome.took < 5s * time_factor);
  }
}

SCENARIO("one slot runs by priority, first in first out inside each", "[e2e][cli]") {
  const Host host = make_host();
  const std::string gate = host.file("gate");
  const Process worker = host.worker(
      {"--builtin", "--slots", "1", "--exec", "hold=until [ -e '" + gate + "' ]; do sleep 0.05; done"});
  const std::string file = host.file("order");
  line(host.run({"submit", "hold", "--no-wait"}));
  for (const char* round : {"1", "2"}) {
    for (const char* priority : {"low", "normal", "high", "critical"}) {
      line(host.run(
          {"submit", "counter", file, std::string(priority) + round, "--no-wait", "--priority", priority}));
    }
  }
  std::ofstream(gate) << "open";
  check(host.run({"submit", "counter", file, "\"last\"", "--priority", "low"}), 0, "null\n");
  CHECK(support::lines_of_file(file) ==
        Words{"critical1", "critical2", "high1", "high2", "normal1", "normal2", "low1", "low2", "last"});
}

SCENARIO("each call runs once", "[e2e][cli]") {
  const Host host = make_host();
  const Process one = host.worker();
  const Process two = host.worker();
  const std::string file = host.file("count");
  std::vector<Process> calls;
  for (int i = 0; i < 12; ++i)
    calls.push_back(host.start({"submit", "counter", file, "c" + std::to_string(i)}));
  for (Process& call : calls) check(call.wait(), 0, "null\n");
  Words lines = support::lines_of_file(file);
  std::sort(lines.begin(), lines.end());
  CHECK(lines.size() == 12);
  CHECK(std::unique(lines.begin(), lines.end()) == lines.end());
}

SCENARIO("a worker that is told to leave finishes its work and exits with 0", "[e2e][cli]") {
  const Host host = make_host();
  const int number = GENERATE(SIGTERM, SIGINT);
  CAPTURE(number);
  const std::string endpoint = free_endpoint();
  Process worker = host.worker({"--builtin", "--bind", endpoint});
  GIVEN("nothing to do") {
    worker.signal(number);
    const Outcome end = worker.wait(5s);
    CHECK(end.ended);
    check(end, 0, "");
    CHECK_THAT(end.err, !Contains("error"));
    CHECK(document(host.run({"workers", "--json"})).empty());
    THEN("its port is free at once") {
      Process next = host.worker({"--builtin", "--bind", endpoint});
      check(host.run({"submit", "add", "2", "3"}), 0, "5\n");
    }
  }
  GIVEN("a task that runs") {
    Process call = host.start({"submit", "sleep_ms", "1000"});
    json list = document(host.run({"workers", "--json"}));
    for (int i = 0; i < 50 && list[0]["running"] == 0; ++i) list = document(host.run({"workers", "--json"}));
    REQUIRE(list[0]["running"] == 1);
    worker.signal(number);
    const Outcome end = worker.wait(10s);
    CHECK(end.ended);
    check(end, 0, "");
    CHECK_THAT(end.err, !Contains("error"));
    check(call.wait(), 0, "1000\n");
  }
}

SCENARIO("a signal right after it serves is not lost, and a second one ends it at once", "[e2e][cli]") {
  const Host host = make_host();
  for (int i = 0; i < 5; ++i) {
    Process worker = host.worker();
    worker.signal(SIGTERM);
    const Outcome end = worker.wait(5s);
    CHECK(end.ended);
    CHECK(end.exit_code == 0);
  }
  Process worker = host.worker();
  const std::string id = line(host.run({"submit", "sleep_ms", "60000", "--no-wait"}));
  REQUIRE(becomes(host, id, "running"));
  worker.signal(SIGTERM);
  REQUIRE(worker.wait_for_err("leaving"));
  worker.signal(SIGTERM);
  CHECK(worker.wait(10s).ended);
}

}  // namespace cli_worker_test
