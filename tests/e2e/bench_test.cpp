// taskmesh bench against a real worker: every figure is there, every answer is right. How fast it is is not
// asked: the machine is shared.
#include "e2e/cli_support.hpp"

namespace bench_test {

namespace {

using namespace e2e;

const Words tiny{"bench", "--rounds", "1", "--tasks", "40", "--window", "16"};

Words with(Words words, const Words& more) {
  words.insert(words.end(), more.begin(), more.end());
  return words;
}

void check_spread(const json& spreads, const std::string& name) {
  INFO(name << " in " << spreads.dump());
  REQUIRE(spreads.contains(name));
  const json& spread = spreads[name];
  CHECK(spread["lowest"].get<double>() > 0);
  CHECK(spread["lowest"].get<double>() <= spread["median"].get<double>());
  CHECK(spread["median"].get<double>() <= spread["highest"].get<double>());
}

}  // namespace

SCENARIO("bench measures the mesh beside raw libzmq", "[e2e][cli][bench][alone]") {
  const Host host = make_host();
  const Process worker = host.worker({"--builtin", "--slots", "2"});
  THEN("for people: ratios first, absolute figures beside them, then what they depend on") {
    const Outcome outcome = host.run(tiny);
    INFO("stdout: " << outcome.out << " stderr: " << outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.err.empty());
    const Words lines = support::lines_of(outcome.out);
    REQUIRE(lines.size() == 9);
    CHECK_THAT(lines[0], Contains("ratio") && Contains("mesh") && Contains("raw libzmq"));
    CHECK_THAT(lines[1], StartsWith("lone task p50 / raw echo p50 ") && Contains(" us"));
    CHECK_THAT(lines[2], StartsWith("lone task p99 / raw echo p99 ") && Contains(" us"));
    CHECK_THAT(lines[3], StartsWith("flood with results / raw pipelined echo ") && Contains(" /s"));
    CHECK_THAT(lines[4], StartsWith("flood with results / raw one way ") && Contains(" /s"));
    CHECK_THAT(lines[5], StartsWith("fire and forget / raw one way ") && Contains(" /s"));
    CHECK_THAT(lines[6],
               StartsWith("1 round, window 16, payload 100 bytes; mesh 'default': 1 worker with 2"));
    CHECK_THAT(lines[7], StartsWith("machine: ") && Contains(" load average "));
    CHECK_THAT(lines[8], Catch::Matchers::Matches("answers: [1-9][0-9]* checked, 0 wrong, 0 failed"));
  }
  THEN("as JSON: the same as one document") {
    const Outcome outcome = host.run(with(tiny, {"--payload", "3", "--json"}));
    CHECK(outcome.exit_code == 0);
    const json report = document(outcome);
    for (const char* name : {"lone_p50_to_raw_echo", "lone_p99_to_raw_echo", "flood_to_raw_echo",
                             "flood_to_raw_one_way", "fire_and_forget_to_raw_one_way"}) {
      check_spread(report["ratios"], name);
    }
    for (const char* name : {"lone_p50_us", "lone_p99_us", "raw_echo_p50_us", "raw_echo_p99_us",
                             "flood_per_s", "fire_and_forget_per_s", "raw_echo_per_s", "raw_one_way_per_s"}) {
      check_spread(report["figures"], name);
    }
    CHECK(report["load"] == json{{"rounds", 1}, {"window", 16}, {"payload_bytes", 3}, {"tasks_max", 40}});
    CHECK(report["machine"]["cores"].get<int>() > 0);
    CHECK(report["machine"].contains("load_average"));
    CHECK(report["mesh"] == json{{"name", "default"}, {"workers", 1}, {"slots", 2}});
    // Warm-up and one round, each with up to 40 lone tasks (a slow machine ends their slice before), 40 in the
    // flood and the last 32 of fire and forget.
    const auto checked = report["answers"]["checked"].get<int>();
    CHECK(checked > 2 * (40 + 32));
    CHECK(checked <= 2 * (40 + 40 + 32));
    CHECK(report["answers"]["wrong"] == 0);
    CHECK(report["answers"]["failed"] == 0);
  }
}

SCENARIO("bench tells what a copy elsewhere costs, where there is somebody to hold it",
         "[e2e][cli][bench][alone]") {
  const Host host = make_host();
  const Process first = host.worker({"--builtin"});
  const Process second = host.worker({"--builtin"});
  const Outcome outcome = host.run(with(tiny, {"--json"}));
  CHECK(outcome.exit_code == 0);
  const json report = document(outcome);
  check_spread(report["ratios"], "copied_flood_to_flood");
  check_spread(report["figures"], "copied_flood_per_s");
}

SCENARIO("bench says what is missing", "[e2e][cli][bench][alone]") {
  const Host host = make_host();
  GIVEN("no worker") {
    const Outcome outcome = host.run(tiny);
    check(outcome, 3, "");
    CHECK(outcome.err ==
          "error: nothing to measure in mesh 'default': no worker is there (start one with `taskmesh worker "
          "--builtin`)\n");
  }
  GIVEN("a worker without the built-in tasks") {
    const Process worker = host.worker({"--exec", "count=wc -c"});
    const Outcome outcome = host.run(tiny);
    check(outcome, 3, "");
    CHECK_THAT(outcome.err, Contains("no worker serves the built-in task echo"));
  }
}

SCENARIO("a task that does not come back is counted, not hidden", "[e2e][cli][bench][alone]") {
  const Host host = make_host();
  // It claims the name and answers something else.
  const Process liar = host.worker({"--exec", "echo=echo wrong"});
  const Outcome outcome = host.run(with(tiny, {"--json"}), 60s);
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == 1);
  const json answers = document(outcome)["answers"];
  CHECK(answers["wrong"].get<int>() + answers["failed"].get<int>() > 0);
}

}  // namespace bench_test
