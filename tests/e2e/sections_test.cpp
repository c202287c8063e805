// taskmesh_bench: every section starts what it needs, measures and ends it. How fast it is is not asked.
#include <fstream>

#include "e2e/cli_support.hpp"

namespace sections_test {

namespace {

using namespace e2e;
namespace fs = std::filesystem;

Outcome run_bench(const Host& host, const Words& more) {
  Words words{(fs::path(TASKMESH_CLI).parent_path() / "taskmesh_bench").string()};
  words.insert(words.end(), more.begin(), more.end());
  return host.start_program(words).wait(120s);
}

void check_lines(const json& section, std::size_t count, const std::string& first) {
  INFO(section.dump(2));
  REQUIRE(section.size() == count);
  CHECK(section[0]["title"] == first);
  for (const json& line : section) {
    INFO(line.dump());
    CHECK(line["mesh"]["median"].get<double>() > 0);
    if (line.contains("against")) CHECK(line["ratio"]["median"].get<double>() > 0);
  }
}

}  // namespace

SCENARIO("every section of the benchmark measures a mesh that it starts and ends", "[e2e][bench][alone]") {
  Host host(TASKMESH_CLI);
  host.variables()["TMPDIR"] = host.folder().string();
  const Outcome outcome = run_bench(host, {"--rounds", "1", "--tasks", "40", "--workers", "4", "--json"});
  INFO("stderr: " << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const json report = document(outcome);
  check_lines(report["payloads"], 26, "100 B: lone task p50 / raw echo p50");
  check_lines(report["switches"], 1, "context switches, lone task / raw echo");
  check_lines(report["clients"], 4, "1 client x 1: flood / raw one way");
  check_lines(report["copies"], 5, "accepted, copies 0: p50 / raw echo p50");
  check_lines(report["callbacks"], 3, "callbacks to one listener / raw one way");
  check_lines(report["start"], 2, "worker process to serving");
  check_lines(report["idle"], 4, "idle mesh of 3, per worker: of a core");
  check_lines(report["workers"], 12, "1 worker: lone task p50 / raw echo p50");
  REQUIRE(report["memory"].size() == 1);  // Of 40 tasks there may be nothing to be seen.
  check_lines(report["makespan"], 2, "makespan / bound");
  for (const json& line : report["makespan"]) CHECK(line["ratio"]["median"].get<double>() >= 1);
  check_lines(report["open-loop"], 10, "one paused, 60 % load p50 / ideal");
  CHECK(fs::is_empty(host.folder()));
}

SCENARIO("a section of the benchmark is printed as a table", "[e2e][bench][alone]") {
  const Host host = make_host();
  const Outcome outcome = run_bench(host, {"start", "--rounds", "1"});
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == 0);
  const Words lines = support::lines_of(outcome.out);
  REQUIRE(lines.size() == 5);
  CHECK_THAT(lines[0], StartsWith("start ") && Contains("mesh"));
  CHECK_THAT(lines[1], StartsWith("worker process to serving ") && Contains(" ms"));
  CHECK_THAT(lines[2], StartsWith("new client to its first result ") && Contains(" ms"));
  CHECK_THAT(lines[4], StartsWith("1 round; machine: ") && Contains(" load average "));
}

SCENARIO("what a section has measured becomes a picture", "[e2e][bench][alone]") {
  const Host host = make_host();
  const Outcome measured = run_bench(host, {"payloads", "--rounds", "1", "--tasks", "40", "--json"});
  REQUIRE(measured.exit_code == 0);
  const std::string file = host.file("payloads.json");
  std::ofstream(file) << measured.out;
  const Outcome drawn = host.start_program({TASKMESH_PLOT, "window", file}).wait(60s);
  INFO("stderr: " << drawn.err);
  REQUIRE(drawn.exit_code == 0);
  CHECK_THAT(drawn.out, StartsWith("<?xml") && Contains("taskmesh, 100 B") && Contains("results per second"));
  CHECK(host.start_program({TASKMESH_PLOT, "tail", file}).wait(60s).exit_code == 1);
  CHECK(host.start_program({TASKMESH_PLOT, "window"}).wait(60s).exit_code == 2);
}

SCENARIO("a section that the benchmark does not have is a usage error", "[e2e][bench][alone]") {
  const Outcome outcome = run_bench(make_host(), {"speed"});
  CHECK(outcome.exit_code == 2);
  CHECK_THAT(outcome.err, Contains("speed") && Contains("open-loop"));
}

}  // namespace sections_test
