// The small examples, run as they stand: what they print is what their expected.txt holds.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/process.hpp"

namespace run_test {

namespace {

std::string content(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void runs_as_expected(const std::string& name, const support::Words& arguments = {},
                      const support::Host& host = support::Host("")) {
  support::Words words{(std::filesystem::path(EXAMPLES_BINARY_DIR) / name).string()};
  words.insert(words.end(), arguments.begin(), arguments.end());
  auto outcome = host.start_program(words).wait();
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out ==
        content(std::filesystem::path(TASKMESH_SOURCE_DIR) / "examples" / name / "expected.txt"));
}

}  // namespace

TEST_CASE("01_hello prints what it says", "[examples]") { runs_as_expected("01_hello"); }
TEST_CASE("02_results prints what it says", "[examples]") { runs_as_expected("02_results"); }
TEST_CASE("03_callbacks prints what it says", "[examples]") {
  // The page's own port may be taken on a shared machine; the address is an argument.
  std::string address = "tcp://localhost:";
  address += std::to_string(support::free_port());
  runs_as_expected("03_callbacks", {address});
}
TEST_CASE("04_priorities prints what it says", "[examples]") { runs_as_expected("04_priorities"); }
TEST_CASE("05_batch_progress prints what it says", "[examples]") { runs_as_expected("05_batch_progress"); }
TEST_CASE("06_task_module prints what it says, with a worker that loads it", "[examples]") {
  const support::Host host(TASKMESH_CLI);
  const std::string module = (std::filesystem::path(EXAMPLES_BINARY_DIR) / "06_task_module.so").string();
  const support::Process worker = host.worker({"--tasks", module});
  runs_as_expected("06_task_module", {}, host);
  CHECK(host.run({"submit", "factorise", "1001"}).out == "[7,11,13]\n");  // As its page says.
}
TEST_CASE("13_web_api prints what it says, by a script of curl", "[examples]") {
  const std::filesystem::path folder = std::filesystem::path(TASKMESH_SOURCE_DIR) / "examples/13_web_api";
  const support::Host host("");
  auto outcome = host.start_program({(folder / "run").string(), EXAMPLES_BINARY_DIR, TASKMESH_CLI}).wait();
  INFO(outcome.err);
  CHECK(outcome.exit_code == 0);
  CHECK(outcome.out == content(folder / "expected.txt"));
}
TEST_CASE("14_webhook_receiver prints what it says", "[examples]") {
  runs_as_expected("14_webhook_receiver");
}

}  // namespace run_test
