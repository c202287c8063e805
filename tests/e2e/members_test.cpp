// Failure detection between real processes on hosts that cannot see each other's processes: a runtime directory each.
#include <array>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <thread>

#include "e2e/cli_support.hpp"

namespace members_test {

using namespace e2e;

namespace {

using Clock = std::chrono::steady_clock;

/// What the log says of a worker by that name, whatever its id.
bool says(Process& process, const std::string& name, const std::string& what) {
  process.running();  // Reads what there is.
  const std::string& log = process.err();
  for (std::size_t at = log.find("worker " + name + " ("); at != std::string::npos;
       at = log.find("worker " + name + " (", at + 1)) {
    if (log.substr(at, log.find('\n', at) - at).find(what) != std::string::npos) return true;
  }
  return false;
}

bool says_within(Process& process, const std::string& name, const std::string& what, Clock::duration budget) {
  const auto until = Clock::now() + budget;
  while (!says(process, name, what)) {
    if (Clock::now() >= until) return false;
    std::this_thread::sleep_for(5ms);
  }
  return true;
}

/// Three workers that know each other by one seed and a token, and by nothing else.
struct ThreeHosts {
  ThreeHosts() {
    const std::string token = hosts[0].file("shared.token");
    std::ofstream(token) << std::string(32, 'k');
    std::filesystem::permissions(token,
                                 std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
    const std::string gate = "tcp://127.0.0.1:" + std::to_string(support::free_port());
    for (std::size_t i = 0; i < 3; ++i) {
      hosts[i].variables()["TASKMESH_TOKEN_FILE"] = token;
      std::vector<std::string> arguments{"--builtin", "--name", "w" + std::to_string(i + 1)};
      arguments.insert(arguments.end(), {i == 0 ? "--bind" : "--seed", gate});
      workers.push_back(hosts[i].worker(arguments));
    }
    for (std::size_t i = 0; i < 3; ++i) {
      for (std::size_t other = 0; other < 3; ++other) {
        if (i != other) REQUIRE(says_within(workers[i], "w" + std::to_string(other + 1), "joined", 20s));
      }
    }
  }
  std::array<Host, 3> hosts{make_host(), make_host(), make_host()};
  std::vector<Process> workers;
};

}  // namespace

SCENARIO("a worker that is killed on another host is dead for all within a second", "[e2e][members][alone]") {
  ThreeHosts mesh;
  const auto killed = Clock::now();
  mesh.workers[2].signal(SIGKILL);
  CHECK(says_within(mesh.workers[0], "w3", "is dead: nobody listens", 5s));
  CHECK(says_within(mesh.workers[1], "w3", "is dead: nobody listens", 5s));
  const auto took = std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - killed);
  std::printf("known to all after %lld ms\n", static_cast<long long>(took.count()));
  CHECK(took <= 1s);
}

SCENARIO("a worker on another host that stands still for four seconds is suspect, and not dead",
         "[e2e][members][alone]") {
  ThreeHosts mesh;
  mesh.workers[2].signal(SIGSTOP);
  std::this_thread::sleep_for(4s);
  mesh.workers[2].signal(SIGCONT);
  for (Process* other : {&mesh.workers[0], &mesh.workers[1]}) {
    CHECK(says_within(*other, "w3", "is suspect", 5s));
    CHECK(says_within(*other, "w3", "is heard again", 5s));
  }
  for (Process& worker : mesh.workers) CHECK_FALSE(worker.wait_for_err("is dead", 3s));
}

}  // namespace members_test
