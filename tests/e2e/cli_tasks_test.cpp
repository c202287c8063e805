// The command line: when, how often and whether a task runs. Acceptance scenario 38.
#include <filesystem>
#include <set>

#include "e2e/cli_support.hpp"

namespace cli_tasks_test {

using namespace e2e;

namespace {

const std::string nobodys_id = "0193a7c41f2e70008f0c5d1a00000001";

}  // namespace

SCENARIO("S38 cancel takes back what waits, and says what became of the rest", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "1"});
  const std::string file = host.file("runs");
  const std::string running = line(host.run({"submit", "sleep_ms", "30000", "--no-wait"}));
  REQUIRE(becomes(host, running, "running"));
  const std::string queued = line(host.run({"submit", "counter", file, "queued", "--no-wait"}));
  const std::string later =
      line(host.run({"submit", "counter", file, "later", "--countdown", "1h", "--no-wait"}));
  CHECK(becomes(host, later, "scheduled"));
  check(host.run({"cancel", queued}), 0, "cancelled\n");
  check(host.run({"cancel", later}), 0, "cancelled\n");
  check(host.run({"cancel", queued}), 0, "cancelled\n");
  check(host.run({"status", queued}), 0, "cancelled\n");
  const Outcome result = host.run({"result", queued});
  check(result, 1, "");
  CHECK_THAT(result.err, Contains("cancelled"));
  const Outcome stopping = host.run({"cancel", running, "--json"});
  CHECK(stopping.exit_code == 0);
  const json answer = document(stopping);
  CHECK(answer["task_id"] == running);
  CHECK(answer["cancelled"] == true);
  CHECK((answer["status"] == "running" || answer["status"] == "cancelled"));
  CHECK(becomes(host, running, "cancelled"));
  check(host.run({"submit", "add", "1", "2"}), 0, "3\n");
  CHECK_FALSE(std::filesystem::exists(file));
  THEN("what has ended stands, what nobody knows is said so") {
    const std::string done = line(host.run({"submit", "add", "1", "2", "--no-wait"}));
    REQUIRE(becomes(host, done, "success"));
    const Outcome late = host.run({"cancel", done});
    check(late, 1, "success\n");
    CHECK_THAT(late.err, StartsWith("error: ") && Contains("had ended as success"));
    check(host.run({"result", done}), 0, "3\n");
    const Outcome unknown = host.run({"cancel", nobodys_id});
    check(unknown, 1, "unknown\n");
    CHECK_THAT(unknown.err, Contains(nobodys_id));
  }
}

SCENARIO("S38 submit hands over at once with everything that can be said of a task", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker =
      host.worker({"--builtin", "--exec", "env=cat >/dev/null; echo $TASKMESH_ATTEMPT; exit 7", "--exec",
                   "slow=sleep 30"});
  THEN("a countdown delays it, a time that has passed does not") {
    const Outcome waited = host.run({"submit", "add", "1", "2", "--countdown", "400ms"});
    check(waited, 0, "3\n");
    CHECK(waited.took >= 400ms);
    check(host.run({"submit", "add", "1", "2", "--eta", "2020-01-01T00:00:00Z"}), 0, "3\n");
    const std::string id =
        line(host.run({"submit", "add", "1", "2", "--eta", "2120-01-01T00:00:00+01:00", "--no-wait"}));
    CHECK(becomes(host, id, "scheduled"));
    const Outcome late = host.run({"result", id, "--wait", "100ms"});
    check(late, 4, "");
  }
  THEN("retries are made, and the attempts are told") {
    const Outcome failed = host.run(
        {"submit", "env", "--retries", "2", "--retry-delay", "10ms", "--retry-delay-max", "50ms", "--json"});
    CHECK(failed.exit_code == 1);
    CHECK(document(failed)["attempt"] == 3);
  }
  THEN("a time limit ends an attempt") {
    const Outcome killed = host.run({"submit", "slow", "--time-limit", "200ms", "--json"});
    CHECK(killed.exit_code == 1);
    CHECK(document(killed)["error"]["kind"] == "timed_out");
  }
  THEN("a key makes it run once") {
    const std::string file = host.file("runs");
    const json first = document(host.run({"submit", "counter", file, "x", "--key", "k1", "--json"}));
    const json second = document(host.run({"submit", "counter", file, "x", "--key", "k1", "--json"}));
    CHECK(support::lines_of_file(file).size() == 1);
    CHECK(first["joined"].is_null());
    CHECK(second["joined"] == first["task_id"]);
    CHECK(second["status"] == "success");
  }
  THEN("wrong options are wrong usage, and nothing is sent") {
    const auto refused = [&](const Words& more, const std::string& reason) {
      Words words{"submit", "add", "1", "2"};
      words.insert(words.end(), more.begin(), more.end());
      const Outcome outcome = host.run(words);
      check(outcome, 2, "");
      CHECK_THAT(outcome.err, StartsWith("error: ") && Contains(reason));
    };
    refused({"--countdown", "soon"}, "--countdown");
    refused({"--countdown", "-1s"}, "--countdown");
    refused({"--countdown", "1s", "--eta", "2120-01-01T00:00:00Z"}, "both given");
    refused({"--eta", "tomorrow"}, "--eta");
    refused({"--time-limit", "0s"}, "--time-limit");
    refused({"--retries", "-1"}, "--retries");
    refused({"--key", std::string(256, 'k')}, "255");
    refused({"--header", "novalue"}, "NAME=VALUE");
    refused({"--countdown", "5s", "--deadline", "1s"}, "deadline");
  }
}

SCENARIO("S38 a receipt names all that hold the task, and workers shows who has tasks short of copies",
         "[e2e][cli]") {
  const Host host = make_host();
  const Process first = host.worker({"--builtin"});
  const auto submit = [&] {
    return document(host.run({"submit", "add", "1", "2", "--countdown", "1h", "--no-wait", "--json"}));
  };
  const auto short_of_copies = [&](bool wanted) {
    const auto until = std::chrono::steady_clock::now() + support::patience;
    bool is = !wanted;
    while (is != wanted && std::chrono::steady_clock::now() < until) {
      is = false;
      for (const json& worker : document(host.run({"workers", "--json"})))
        is = is || worker["short_of_copies"];
    }
    return is == wanted;
  };
  CHECK(submit()["nodes"].size() == 1);
  CHECK(short_of_copies(true));
  const Process second = host.worker({"--builtin"});
  CHECK(short_of_copies(false));  // It has been copied.
  const json receipt = submit();
  std::set<std::string> nodes;
  for (const json& worker : document(host.run({"workers", "--json"}))) nodes.insert(worker["id"]);
  REQUIRE(nodes.size() == 2);
  CHECK(std::set<std::string>(receipt["nodes"].begin(), receipt["nodes"].end()) == nodes);
}

SCENARIO("S38 workers shows what is stuck and what waits for its time", "[e2e][cli]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2"});
  line(host.run({"submit", "add", "1", "2", "--countdown", "1h", "--no-wait"}));
  json workers;
  for (int i = 0; i < 50 && (workers.empty() || workers[0]["scheduled"] == 0); ++i) {
    workers = document(host.run({"workers", "--json"}));
  }
  REQUIRE(workers.size() == 1);
  CHECK(workers[0]["scheduled"] == 1);
  CHECK(workers[0]["queued"] == 0);
  CHECK(workers[0]["stuck"] == 0);
  CHECK_THAT(host.run({"workers"}).out, Contains("STUCK") && Contains("SCHEDULED"));
}

SCENARIO("S38 with nobody there cancel ends in time", "[e2e][cli]") {
  const Host host = make_host();
  const Outcome outcome = host.run({"cancel", nobodys_id, "--wait", "300ms"});
  check(outcome, 3, "");
  CHECK_THAT(outcome.err, StartsWith("error: "));
  check(host.run({"cancel", "no-id"}), 2, "");
}

}  // namespace cli_tasks_test
