// The command line against a mesh: every verb, every exit code, and the JSON that they print.
#include <csignal>
#include <fstream>
#include <set>

#include "e2e/cli_support.hpp"

namespace cli_test {

namespace {

using namespace e2e;

const std::string nobodys_id = "0193a7c41f2e70008f0c5d1a00000001";

bool is_id(const std::string& text) {
  return text.size() == 32 && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

/// "2026-11-21T20:39:00.123Z"
bool is_rfc3339(const json& value) {
  if (!value.is_string()) return false;
  const auto text = value.get<std::string>();
  return text.size() == 24 && text[4] == '-' && text[10] == 'T' && text.back() == 'Z';
}

}  // namespace

SCENARIO("submit prints the result as JSON and nothing else", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  THEN("arguments arrive as the values that they are") {
    check(host.run({"submit", "add", "2", "3"}), 0, "5\n");
    check(host.run({"submit", "add", "-2", "-3.5"}), 0, "-5.5\n");
    check(host.run({"submit", "add", "--args", "[40, 2]"}), 0, "42\n");
    check(host.run({"submit", "echo", "plain words"}), 0, "\"plain words\"\n");
    check(host.run({"submit", "echo", "\"7\""}), 0, "\"7\"\n");
    check(host.run({"submit", "echo", "null"}), 0, "null\n");
    check(host.run({"submit", "echo", ""}), 0, "\"\"\n");
    check(host.run({"submit", "echo", "9007199254740993"}), 0, "9007199254740993\n");
    check(host.run({"submit", "echo", "Grüße, 世界"}), 0, "\"Grüße, 世界\"\n");
    check(host.run({"submit", "echo", "[1,[2,{}],\"a,b\"]"}), 0, "[1,[2,{}],\"a,b\"]\n");
    check(host.run({"submit", "echo", "--", "--json"}), 0, "\"--json\"\n");
    check(host.run({"submit", "echo", "1", "two", "[3]"}), 0, "[1,\"two\",[3]]\n");
    check(host.run({"submit", "echo", "--args", "[]"}), 0, "[]\n");
  }
  THEN("with --json it is the whole task") {
    const json task = document(host.run({"submit", "add", "2", "3", "--json"}));
    CHECK(is_id(task["task_id"]));
    CHECK(task["status"] == "success");
    CHECK(task["result"] == 5);
    CHECK(task["error"].is_null());
    CHECK(task["attempt"] == 1);
    CHECK(is_id(task["worker_id"]));
    CHECK(task["worker"].get<std::string>().ends_with("-" + std::to_string(worker.pid())));
    CHECK(task["callback"] == "none");
    for (const char* time : {"submitted_at", "started_at", "completed_at"}) {
      INFO(time << ": " << task[time]);
      CHECK(is_rfc3339(task[time]));
    }
    CHECK(task["completed_at"].get<std::string>() >= task["started_at"].get<std::string>());
  }
}

SCENARIO("a task that fails is exit 1, with the reason on standard error", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const auto check_failed = [&](const Words& words, const std::string& reason) {
    const Outcome outcome = host.run(words);
    check(outcome, 1, "");
    CHECK_THAT(outcome.err, StartsWith("error: ") && Contains(reason));
  };
  THEN("its own message is told") {
    check_failed({"submit", "fail", "the disk is full"}, "the disk is full");
    const Outcome outcome = host.run({"submit", "fail", "the disk is full", "--json"});
    CHECK(outcome.exit_code == 1);
    const json task = document(outcome);
    CHECK(task["status"] == "failure");
    CHECK(task["result"].is_null());
    CHECK(task["error"]["kind"] == "failed");
    CHECK_THAT(task["error"].dump(), Contains("the disk is full"));
    for (const char* text : {"what", "why", "fix"}) CHECK(task["error"].contains(text));
  }
  THEN("wrong arguments are the worker's to refuse") {
    check_failed({"submit", "add", "2"}, "add");
    check_failed({"submit", "add", "2", "three"}, "add");
    check_failed({"submit", "add", "1", "2", "3"}, "add");
    check_failed({"submit", "sleep_ms", "\"long\""}, "sleep_ms");
    check_failed({"submit", "pid", "1"}, "pid");
    check_failed({"submit", "counter", "/nowhere/at/all", "x"}, "/nowhere/at/all");
  }
  THEN("a name that nobody serves is told soon, with the nearest") {
    const Outcome outcome = host.run({"submit", "ad", "2", "3"});
    check(outcome, 1, "");
    CHECK_THAT(outcome.err, Contains("'ad'") && Contains("add"));
    CHECK(outcome.took < 5s * time_factor);
    const Outcome no_wait = host.run({"submit", "ad", "2", "3", "--no-wait"});
    check(no_wait, 1, "");
  }
  THEN("the next task is not hurt") { check(host.run({"submit", "add", "2", "3"}), 0, "5\n"); }
}

SCENARIO("a task that takes longer than the wait is exit 4 and can be had later", "[e2e][cli][alone]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const Outcome outcome = host.run({"submit", "sleep_ms", "1500", "--wait", "200ms", "--json"});
  CHECK(outcome.exit_code == 4);
  CHECK(outcome.took < 1400ms * time_factor);
  const json task = document(outcome);
  CHECK(task["status"] == "running");
  CHECK(task["error"]["kind"] == "timed_out");
  const std::string id = task["task_id"];
  CHECK_THAT(outcome.err, Contains("taskmesh result " + id));
  check(host.run({"result", id, "--wait", "0s"}), 4, "");
  check(host.run({"result", id}), 0, "1500\n");
  THEN("a deadline of its own ends it as expired, which is exit 4 too") {
    const Outcome expired = host.run({"submit", "sleep_ms", "5000", "--deadline", "300ms", "--json"});
    CHECK(expired.exit_code == 4);
    CHECK(document(expired)["status"] == "expired");
    CHECK(expired.took < 3s * time_factor);
  }
}

SCENARIO("--no-wait hands over, status and result tell the rest", "[e2e][cli]") {
  const Host host = make_host();
  const std::string opened = host.file("opened");
  const Process worker = host.worker({"--builtin", "--slots", "1", "--exec",
                                      "gate=until test -e " + opened + "; do sleep 0.01; done; echo 1200"});
  const std::string running = line(host.run({"submit", "gate", "--no-wait"}));
  const Outcome receipt = host.run({"submit", "add", "2", "3", "--no-wait", "--json"});
  REQUIRE(receipt.exit_code == 0);
  const json accepted = document(receipt);
  const std::string queued = accepted["task_id"];
  CHECK(is_id(running));
  CHECK(is_id(queued));
  REQUIRE(accepted["nodes"].size() == 1);
  CHECK(is_id(accepted["nodes"][0]));
  check(host.run({"status", running}), 0, "running\n");
  check(host.run({"status", queued}), 0, "queued\n");
  const json task = document(host.run({"status", queued, "--json"}));
  CHECK(task["status"] == "queued");
  CHECK(task["error"].is_null());
  CHECK(task["result"].is_null());
  CHECK(task["started_at"].is_null());
  std::ofstream(opened).flush();
  check(host.run({"result", running}), 0, "1200\n");
  check(host.run({"result", queued}), 0, "5\n");
  check(host.run({"status", queued}), 0, "success\n");
  const json ended = document(host.run({"result", queued, "--json"}));
  CHECK(ended["status"] == "success");
  CHECK(ended["result"] == 5);
  CHECK(ended["worker_id"] == accepted["nodes"][0]);
  THEN("a failed one is known as such, which is an answer; its result is not") {
    const std::string failed = line(host.run({"submit", "fail", "broken", "--no-wait"}));
    CHECK(becomes(host, failed, "failure"));
    CHECK(host.run({"status", failed}).exit_code == 0);
    const Outcome result = host.run({"result", failed});
    check(result, 1, "");
    CHECK_THAT(result.err, Contains("broken"));
  }
  THEN("an id that nobody knows is exit 1") {
    const Outcome unknown = host.run({"status", nobodys_id});
    check(unknown, 1, "unknown\n");
    CHECK_THAT(unknown.err, StartsWith("error: ") && Contains(nobodys_id));
    check(host.run({"result", nobodys_id}), 1, "");
    const json none = document(host.run({"status", nobodys_id, "--json"}));
    CHECK(none["status"] == "unknown");
    CHECK(none["error"]["kind"] == "not_found");
  }
}

SCENARIO("a result is kept for as long as was asked", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const std::string brief = line(host.run({"submit", "add", "1", "1", "--no-wait", "--result-ttl", "50ms"}));
  const std::string kept = line(host.run({"submit", "add", "2", "2", "--no-wait", "--result-ttl", "1h"}));
  CHECK(becomes(host, brief, "success"));
  check(host.run({"submit", "sleep_ms", "300"}), 0, "300\n");  // Longer than the first one's time to live.
  const Outcome gone = host.run({"result", brief});
  check(gone, 1, "");
  CHECK_THAT(gone.err, Contains("no longer kept"));
  check(host.run({"status", brief}), 0, "success\n");
  check(host.run({"result", kept}), 0, "4\n");
}

SCENARIO("workers lists who serves, and only those", "[e2e][cli][alone]") {
  const Host host = make_host();
  const Process one = host.worker({"--builtin", "--name", "alpha", "--slots", "3"});
  const Process two = host.worker({"--exec", "count=wc -c", "--name", "beta", "--slots", "1"});
  Process busy = host.start({"submit", "sleep_ms", "1000"});
  const auto list = [&] { return document(host.run({"workers", "--json"})); };
  json workers = list();
  for (int i = 0; i < 50 && (workers.size() < 2 || workers[0]["running"] == 0); ++i) workers = list();
  REQUIRE(workers.size() == 2);
  CHECK(workers[0]["name"] == "alpha");
  CHECK(workers[0]["state"] == "alive");
  CHECK(workers[0]["slots"] == 3);
  CHECK(workers[0]["running"] == 1);
  CHECK(workers[0]["queued"] == 0);
  CHECK(workers[0]["pid"] == one.pid());
  CHECK(is_id(workers[0]["id"]));
  CHECK_THAT(workers[0]["endpoints"][0].get<std::string>(), StartsWith("tcp://127.0.0.1:"));
  const auto served = workers[0]["tasks"].get<std::set<std::string>>();
  CHECK(served == std::set<std::string>{"add", "counter", "crash", "echo", "fail", "pid", "sleep_ms"});
  CHECK(workers[1]["name"] == "beta");
  CHECK(workers[1]["tasks"] == json{"count"});
  const Outcome table = host.run({"workers"});
  const Words lines = support::lines_of(table.out);
  REQUIRE(lines.size() == 3);
  CHECK_THAT(lines[0], StartsWith("NAME") && Contains("STATE") && Contains("PID") && Contains("ENDPOINT"));
  CHECK_THAT(lines[1], StartsWith("alpha  alive") && Contains(std::to_string(one.pid())) &&
                           Contains("tcp://127.0.0.1:"));
  CHECK_THAT(lines[2], StartsWith("beta "));
  CHECK(table.took < 1s * time_factor);
  CHECK(busy.wait().exit_code == 0);
}

SCENARIO("listen prints each completion as a line, callback data included", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  GIVEN("a listener at an address of our choice") {
    Process listener = host.start({"listen", address, "--count", "2"});
    REQUIRE(listener.wait_for_err("listening at " + address));
    const std::string id = line(host.run({"submit", "add", "2", "3", "--no-wait", "--callback", address,
                                          "--callback-data", "{\"request_id\": 123}"}));
    REQUIRE(listener.wait_for_lines(1));
    const json event = json::parse(support::lines_of(listener.out())[0]);
    CHECK(event["task_id"] == id);
    CHECK(event["status"] == "success");
    CHECK(event["result"] == 5);
    CHECK(event["error"].is_null());
    CHECK(event["name"] == "add");
    CHECK(event["callback_data"] == json{{"request_id", 123}});
    CHECK(event["delivery"] == 1);
    CHECK(event["attempt"] == 1);
    for (const char* member : {"event_id", "worker", "started_at", "completed_at"})
      CHECK(event[member].is_string());
    THEN("when the event is there, so is the result, and the callback is known as delivered") {
      check(host.run({"result", id, "--wait", "0s"}), 0, "5\n");
      bool delivered = false;
      for (int i = 0; i < 50 && !delivered; ++i) {
        delivered = document(host.run({"status", id, "--json"}))["callback"] == "delivered";
      }
      CHECK(delivered);
    }
    THEN("a waiting submit calls back too, a failure as well, and after --count it ends") {
      const Outcome failed = host.run({"submit", "fail", "no luck", "--callback", address});
      check(failed, 1, "");
      const Outcome end = listener.wait();
      CHECK(end.exit_code == 0);
      REQUIRE(support::lines_of(end.out).size() == 2);
      const json second = json::parse(support::lines_of(end.out)[1]);
      CHECK(second["status"] == "failure");
      CHECK(second["callback_data"].is_null());
      CHECK(second["result"].is_null());
      CHECK_THAT(second["error"].dump(), Contains("no luck"));
    }
  }
  GIVEN("ends that no worker can tell: refused, lost") {
    Process listener = host.start({"listen", address, "--count", "2"});
    REQUIRE(listener.wait_for_err("listening at"));
    check(host.run({"submit", "nobody-serves-this", "--callback", address, "--callback-data", "1"}), 1, "");
    check(host.run({"submit", "crash", "--replicas", "0", "--callback", address, "--callback-data", "2"}), 1,
          "");
    THEN("the client that goes away tells them first") {
      const Words lines = support::lines_of(listener.wait().out);
      REQUIRE(lines.size() == 2);
      CHECK(json::parse(lines[0])["callback_data"] == 1);
      CHECK(json::parse(lines[0])["status"] == "failure");
      CHECK(json::parse(lines[1])["callback_data"] == 2);
      CHECK(json::parse(lines[1])["status"] == "lost");
    }
  }
  GIVEN("a listener that comes after the task has ended") {
    CHECK(host.run({"submit", "add", "1", "1", "--callback", address}).out == "2\n");
    Process listener = host.start({"listen", address, "--count", "1"});
    const Outcome end = listener.wait();
    CHECK(end.exit_code == 0);
    CHECK(support::lines_of(end.out).size() == 1);
  }
}

SCENARIO("listen ends when it was asked to, or told to", "[e2e][cli]") {
  const Host host = make_host();
  const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  GIVEN("no address") {
    Process listener = host.start({"listen"});
    REQUIRE(listener.wait_for_err("listening at tcp://127.0.0.1:"));
    THEN("SIGTERM ends it well") { listener.signal(SIGTERM); }
    THEN("SIGINT ends it well") { listener.signal(SIGINT); }
    const Outcome end = listener.wait(5s);
    CHECK(end.ended);
    check(end, 0, "");
  }
  GIVEN("a time to end") {
    const Outcome end = host.run({"listen", "--for", "200ms"});
    check(end, 0, "");
    CHECK(end.took >= 200ms);
    CHECK(end.took < 3s * time_factor);
  }
  GIVEN("an address that is taken") {
    Process first = host.start({"listen", address});
    REQUIRE(first.wait_for_err("listening at"));
    const Outcome second = host.run({"listen", address, "--for", "0s"});
    CHECK(second.exit_code == 1);
    CHECK_THAT(second.err, StartsWith("error: ") && Contains(address));
  }
}

SCENARIO("a listener whose reader is gone ends quietly, and the event is not lost", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const std::string address = "tcp://127.0.0.1:" + std::to_string(support::free_port());
  Process listener = host.start({"listen", address});
  REQUIRE(listener.wait_for_err("listening at"));
  listener.close_out();
  const std::string id = line(host.run({"submit", "add", "2", "3", "--no-wait", "--callback", address}));
  const Outcome end = listener.wait();
  CHECK(end.ended);
  CHECK(end.exit_code == 0);
  Process next = host.start({"listen", address, "--count", "1"});
  const Outcome heard = next.wait();
  CHECK_THAT(heard.out, Contains(id));
}

}  // namespace cli_test
