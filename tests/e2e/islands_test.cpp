// Two groups of workers in runtime directories of their own, and one seed between them.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <set>
#include <thread>

#include "e2e/cli_support.hpp"

namespace islands_test {

using namespace e2e;

namespace {

/// Names of the workers that `host` sees in that state.
std::set<std::string> seen(const Host& host, const std::string& state) {
  std::set<std::string> names;
  const Outcome outcome = host.run({"workers", "--json"});
  if (outcome.exit_code != 0) return names;
  for (const json& worker : document(outcome)) {
    if (worker["state"] == state) names.insert(worker["name"].get<std::string>());
  }
  return names;
}

bool eventually_alive(const Host& host, const std::set<std::string>& names) {
  const auto until = std::chrono::steady_clock::now() + 20s;
  while (std::chrono::steady_clock::now() < until) {
    if (seen(host, "alive") == names) return true;
    std::this_thread::sleep_for(50ms);
  }
  return false;
}

}  // namespace

SCENARIO("one seed joins two groups of workers", "[e2e][mesh]") {
  Host left = make_host();
  Host right = make_host();
  const std::string token = left.file("shared.token");
  std::ofstream(token) << std::string(32, 'k');
  std::filesystem::permissions(token,
                               std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
  for (Host* host : {&left, &right}) host->variables()["TASKMESH_TOKEN_FILE"] = token;
  const std::string gate = "tcp://127.0.0.1:" + std::to_string(support::free_port());

  Process r1 = right.worker({"--builtin", "--name", "r1"});
  Process r2 = right.worker({"--builtin", "--name", "r2", "--bind", gate});
  Process l1 = left.worker({"--builtin", "--name", "l1"});
  Process l2 = left.worker({"--builtin", "--name", "l2"});
  REQUIRE(seen(left, "alive") == std::set<std::string>{"l1", "l2"});
  Process l3 = left.worker({"--builtin", "--name", "l3", "--seed", gate});

  CHECK(eventually_alive(left, {"l1", "l2", "l3", "r1", "r2"}));
  CHECK(eventually_alive(right, {"l1", "l2", "l3", "r1", "r2"}));

  r1.signal(SIGTERM);  // It says good-bye.
  CHECK(eventually_alive(left, {"l1", "l2", "l3", "r2"}));
  l1.signal(SIGKILL);  // The other side has no runtime directory that proves it.
  CHECK(eventually_alive(right, {"l2", "l3", "r2"}));
  // The one link that joined them is not needed any more.
  l3.signal(SIGKILL);
  CHECK(eventually_alive(right, {"l2", "r2"}));
  CHECK(eventually_alive(left, {"l2", "r2"}));
}

}  // namespace islands_test
