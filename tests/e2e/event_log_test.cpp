// What happens to tasks as the worker's log tells it: the same ids and types as a subscription has.
#include <sstream>

#include "e2e/mesh.hpp"
#include "taskmesh/taskmesh.hpp"

namespace event_log_test {

using namespace e2e;

namespace {

/// "<id> <type>" of each event that the log tells.
std::multiset<std::string> logged(const std::string& log) {
  std::multiset<std::string> events;
  for (const std::string& line : support::lines_of(log)) {
    const std::size_t at = line.find("]: event ");
    if (at == std::string::npos) continue;
    std::istringstream words(line.substr(at + 9));
    std::string id;
    std::string type;
    words >> id >> type;
    events.insert(id + " " + type);
  }
  return events;
}

}  // namespace

SCENARIO("at level debug a worker logs each event of its tasks, with the id and type it has elsewhere",
         "[events][log]") {
  Mesh mesh(0);
  auto worker = mesh.host().worker({"--builtin", "--log", "debug"});
  taskmesh::EventSubscription events;
  REQUIRE(events.begun());
  Client client;
  std::multiset<std::string> told;
  const auto take_to_end_of = [&](TaskId id) {
    while (true) {
      const auto event = events.next(support::patience);
      REQUIRE(event);
      REQUIRE_FALSE(event->is_gap());
      told.insert(event->event_id + " " + event->type);
      if (event->event_id == to_string(id) + "-end") return;
    }
  };
  take_to_end_of(client.delay("add", 1, 2));
  take_to_end_of(
      client.delay(taskmesh::call<void>("fail", "on purpose"), {.retries = {.count = 1, .delay = 1ms}}));
  const std::set<std::string> unique(told.begin(), told.end());
  CHECK(unique.size() == 3 + 6);  // queued, running, retrying, queued, running, failed
  REQUIRE(worker.wait_for_err(": on purpose"));
  worker.signal(SIGTERM);
  const support::Outcome outcome = worker.wait();
  INFO(outcome.err);
  CHECK(logged(outcome.err) == told);
  CHECK(outcome.err.find(" debug taskmesh[") != std::string::npos);
}

SCENARIO("at the default level no task has a line", "[events][log]") {
  support::Host host(TASKMESH_CLI);
  auto worker = host.worker({"--builtin"});
  CHECK(host.run({"submit", "add", "2", "3"}).exit_code == 0);
  worker.signal(SIGTERM);
  CHECK(logged(worker.wait().err).empty());
}

}  // namespace event_log_test
