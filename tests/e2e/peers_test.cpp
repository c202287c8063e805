// tools/bench/peers/run with what is installed here: it measures, says what it left out, and leaves nothing
// behind. How fast anything is, is not asked.
#include <csignal>
#include <fstream>

#include "e2e/cli_support.hpp"

namespace peers_test {

namespace {

using namespace e2e;
namespace fs = std::filesystem;

const Words all_peers{"nats", "gearmand", "beanstalkd", "bullmq", "celery", "rq", "dask", "ipyparallel"};

Process start(const Host& host, const Words& more) {
  const fs::path build = fs::path(TASKMESH_CLI).parent_path().parent_path();
  Words words{TASKMESH_SOURCE_DIR "/tools/bench/peers/run", "--no-install", "--build", build.string()};
  words.insert(words.end(), more.begin(), more.end());
  return host.start_program(words);
}

/// Its temporary files are in its own folder.
struct OwnHost : Host {
  OwnHost() : Host(TASKMESH_CLI) { variables()["TMPDIR"] = folder().string(); }
};

/// Processes that stand in a folder below this one.
std::size_t processes_below(const fs::path& folder) {
  std::size_t count = 0;
  for (const auto& entry : fs::directory_iterator("/proc")) {
    std::error_code none;
    const std::string where = fs::read_symlink(entry.path() / "cwd", none).string();
    if (!none && where.starts_with(folder.string())) ++count;
  }
  return count;
}

void check_nothing_left(const Host& host) {
  CHECK(processes_below(host.folder()) == 0);
  CHECK(fs::is_empty(host.folder()));
}

void check_figures(const json& report, const std::string& peer) {
  INFO(report["result"]["peers"].dump(2));
  for (const char* figure : {"p50_us", "p99_us", "flood_16"}) {
    const json& beside = report["result"]["peers"][peer][figure];
    CHECK(beside["peer"]["median"].get<double>() > 0);
    CHECK(beside["taskmesh_to_peer"]["median"].get<double>() > 0);
  }
}

}  // namespace

SCENARIO("the peers are listed with what they are installed from", "[e2e][peers][alone]") {
  const OwnHost host;
  const Outcome outcome = start(host, {"--list"}).wait();
  INFO("stderr: " << outcome.err);
  CHECK(outcome.exit_code == 0);
  const Words lines = support::lines_of(outcome.out);
  REQUIRE(lines.size() == all_peers.size());
  for (std::size_t i = 0; i < lines.size(); ++i) CHECK_THAT(lines[i], StartsWith(all_peers[i] + " "));
}

SCENARIO("a peer that nobody knows is a usage error", "[e2e][peers][alone]") {
  const Outcome outcome = start(OwnHost(), {"--only", "rabbit"}).wait();
  CHECK(outcome.exit_code == 2);
  CHECK_THAT(outcome.err, Contains("there is no peer 'rabbit': nats, gearmand"));
}

SCENARIO("every peer is measured beside taskmesh or left out with the reason", "[e2e][peers][alone]") {
  const OwnHost host;
  const fs::path file = fs::path(host.folder()) / "report.json";
  Words words{"--rounds", "1", "--slice-ms", "20", "--windows", "16", "--json", file.string()};
  // Client libraries of others are not made for our sanitizers.
  if (time_factor > 1) words.insert(words.end(), {"--only", "taskmesh"});
  const Outcome outcome = start(host, words).wait(150s);
  INFO("stdout: " << outcome.out << " stderr: " << outcome.err);
  REQUIRE(outcome.exit_code == 0);
  const json report = json::parse(std::ifstream(file));
  fs::remove(file);
  CHECK(report["result"]["taskmesh"]["flood_16"]["median"].get<double>() > 0);
  CHECK_THAT(outcome.out, Contains("\ntaskmesh "));
  if (time_factor == 1) {
    for (const std::string& peer : all_peers) {
      INFO(peer);
      CHECK_THAT(outcome.out, Contains("\n" + peer + " "));
      if (!report["left_out"].contains(peer)) check_figures(report, peer);
    }
    // It needs nothing but what is built here; the others are there or not.
    CHECK(report["left_out"].value("taskmesh", "") == "");
  }
  check_nothing_left(host);
}

SCENARIO("a measurement of peers that is interrupted ends all that it has started", "[e2e][peers][alone]") {
  for (const int number : {SIGINT, SIGTERM}) {
    const OwnHost host;
    Process run = start(host, {"--only", "taskmesh", "--rounds", "100000", "--slice-ms", "20"});
    REQUIRE(run.wait_for_err("round 1 of", 60s));
    CHECK(processes_below(host.folder()) == 2);  // A worker, and the driver.
    run.signal(number);
    const Outcome outcome = run.wait(30s);
    INFO("stderr: " << outcome.err);
    CHECK(outcome.exit_code == 130);
    check_nothing_left(host);
  }
}

}  // namespace peers_test
