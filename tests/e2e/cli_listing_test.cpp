// The command line: tasks and callbacks. Acceptance scenario 38.
#include <algorithm>

#include "e2e/cli_support.hpp"

namespace cli_listing_test {

using namespace e2e;

namespace {

std::string nowhere() { return "tcp://127.0.0.1:" + std::to_string(support::free_port()); }

/// Runs `taskmesh callbacks list --json` until the first one is in `stage`.
json callbacks_in(const Host& host, const std::string& stage) {
  const auto until = std::chrono::steady_clock::now() + support::patience;
  json last = json::array();
  while (std::chrono::steady_clock::now() < until) {
    last = document(host.run({"callbacks", "list", "--json"}));
    if (!last.empty() && last[0]["stage"] == stage) return last;
  }
  FAIL("no callback is " << stage << ": " << last.dump());
  return last;
}

}  // namespace

SCENARIO("S38 tasks lists what the workers know, within a second", "[e2e][cli][alone]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "1", "--name", "w1"});
  check(host.run({"tasks", "--json"}), 0, "[]\n");
  const std::string done = line(host.run({"submit", "add", "1", "2", "--no-wait"}));
  REQUIRE(becomes(host, done, "success"));
  const std::string running = line(host.run({"submit", "sleep_ms", "30000", "--no-wait"}));
  REQUIRE(becomes(host, running, "running"));
  const Outcome listed = host.run({"tasks", "--json"});
  CHECK(listed.took < 1s * time_factor);
  const json all = document(listed);
  REQUIRE(all.size() == 2);
  CHECK(all[0]["task_id"] == done);
  CHECK(all[0]["status"] == "success");
  CHECK(all[0]["name"] == "add");
  CHECK(all[0]["worker"] == "w1");
  CHECK(all[0]["attempt"] == 1);
  CHECK(all[0]["callback"] == "none");
  CHECK(all[0]["completed_at"].is_string());
  CHECK(all[1]["task_id"] == running);
  CHECK(all[1]["completed_at"].is_null());
  const json one = document(host.run({"tasks", "--state", "running", "--json"}));
  REQUIRE(one.size() == 1);
  CHECK(one[0]["task_id"] == running);
  CHECK(document(host.run({"tasks", "--name", "add", "--json"})).size() == 1);
  THEN("people get a table") {
    const support::Words lines = support::lines_of(host.run({"tasks"}).out);
    REQUIRE(lines.size() == 3);
    CHECK_THAT(lines[0], Matches("ID +STATE +ATTEMPT +SUBMITTED +WORKER +NAME"));
    CHECK_THAT(lines[1], StartsWith(done) && Contains(" success ") && Contains(" w1 ") && Contains(" add"));
  }
  THEN("a limit is told") {
    const Outcome some = host.run({"tasks", "--limit", "1", "--json"});
    REQUIRE(document(some).size() == 1);
    CHECK(document(some)[0]["task_id"] == running);
    CHECK_THAT(some.err, Contains("there are more"));
  }
  THEN("a state that is none is wrong usage") {
    const Outcome wrong = host.run({"tasks", "--state", "pending"});
    check(wrong, 2, "");
    CHECK_THAT(wrong.err, Contains("'pending' is not the state of a task at a worker"));
  }
  host.run({"cancel", running});
}

SCENARIO("S38 callbacks that nobody takes are seen and tried again", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--callback-ttl", "500ms", "--name", "w1"});
  check(host.run({"callbacks", "list", "--json"}), 0, "[]\n");
  const std::string address = nowhere();
  const std::string id = line(host.run({"submit", "add", "1", "2", "--callback", address, "--no-wait"}));
  const json dead = callbacks_in(host, "dead");
  CHECK(dead[0]["task_id"] == id);
  CHECK(dead[0]["address"] == address);
  CHECK(dead[0]["deliveries"] == 0);
  CHECK(dead[0]["worker"] == "w1");
  CHECK(dead[0]["trouble"] == "callback_ttl (500ms) has passed");
  const support::Words lines = support::lines_of(host.run({"callbacks", "list"}).out);
  REQUIRE(lines.size() == 2);
  CHECK_THAT(lines[0], StartsWith("TASK ") && Contains(" STAGE ") && Contains(" WINDOW "));
  CHECK_THAT(lines[1], StartsWith(id) && Contains(" dead ") && Contains(address));
  WHEN("its listener is there") {
    Process listener = host.start({"listen", address, "--count", "1"});
    REQUIRE(listener.wait_for_err("listening"));
    THEN("by its task") {
      check(host.run({"callbacks", "retry", id}), 0, "1 tried now, 1 of them given up before\n");
    }
    THEN("by its address") {
      check(host.run({"callbacks", "retry", "--address", address, "--json"}), 0,
            "{\"tried\":1,\"revived\":1,\"silent\":[]}\n");
    }
    THEN("with all others") {
      check(host.run({"callbacks", "retry", "--all"}), 0, "1 tried now, 1 of them given up before\n");
    }
    CHECK(listener.wait().exit_code == 0);
    CHECK_THAT(listener.out(), Contains(id));
  }
  WHEN("another task or address is named") {
    const Outcome nothing = host.run({"callbacks", "retry", "--address", nowhere()});
    check(nothing, 1, "");
    CHECK_THAT(nothing.err, StartsWith("error: ") && Contains("is undelivered"));
  }
}

SCENARIO("S38 a submit says itself how long its callback is tried", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker();
  const std::string address = nowhere();
  const auto submit = [&](const support::Words& more) {
    support::Words words{"submit", "add", "1", "2", "--callback", address, "--no-wait"};
    words.insert(words.end(), more.begin(), more.end());
    return line(host.run(words));
  };
  submit({});  // Waits for a day, and before the other one.
  const std::string id = submit({"--callback-ttl", "300ms", "--callback-attempts", "3"});
  json all;
  for (int i = 0; i < 100 && (all.size() != 2 || all[1]["stage"] != "dead"); ++i) {
    all = document(
        host.run({"callbacks", "list", "--address", "tcp://localhost" + address.substr(15), "--json"}));
  }
  REQUIRE(all.size() == 2);
  CHECK(all[0]["stage"] == "waiting");
  CHECK(all[1]["task_id"] == id);
  CHECK(all[1]["trouble"] == "callback_ttl (300ms) has passed");
}

SCENARIO("S38 wrong usage of callbacks, and nobody to ask", "[e2e][cli]") {
  const Host host = make_host();
  for (const support::Words& words :
       {support::Words{"callbacks"}, support::Words{"callbacks", "remove"},
        support::Words{"callbacks", "retry"}, support::Words{"callbacks", "list", "--all"},
        support::Words{"callbacks", "retry", "--all", "--address", "tcp://127.0.0.1:1"},
        support::Words{"callbacks", "retry", "no-id"},
        support::Words{"callbacks", "retry", "--address", "nowhere"},
        support::Words{"callbacks", "list", "--address", "127.0.0.1:6000"}}) {
    const Outcome wrong = host.run(words);
    check(wrong, 2, "");
    CHECK_THAT(wrong.err, StartsWith("error: "));
  }
  check(host.run({"tasks", "--json"}), 0, "[]\n");
  check(host.run({"callbacks", "list", "--json"}), 0, "[]\n");
  const Outcome nobody = host.run({"callbacks", "retry", "--all", "--wait", "300ms"});
  check(nobody, 3, "");
  CHECK_THAT(nobody.err, Contains("no worker"));
}

}  // namespace cli_listing_test
