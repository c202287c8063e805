// What a failing seed prints runs that seed again.
#include "sim/commands.hpp"

#include <catch2/catch.hpp>
#include <sstream>

namespace taskmesh::sim::commands_test {
namespace {

/// Without the program's name.
std::vector<std::string> words_of(const std::string& command) {
  std::istringstream in(command);
  std::vector<std::string> words;
  for (std::string word; in >> word;) words.push_back(word);
  words.erase(words.begin());
  return words;
}

}  // namespace

TEST_CASE("the command of a seed gives the same history, whatever its plan differs in", "[sim]") {
  KeeperPlan plan{.faults = Faults::leave,
                  .workers = 4,
                  .tasks = 60,
                  .replicas = 2,
                  .callback = 0.75,
                  .steals = false,
                  .webhooks = true,
                  .delayed = 0.2,
                  .rules = core::Rules::without(9)};
  const Command<KeeperPlan> command = read_keepers(words_of(command_of(plan, 7)));
  CHECK(command.wrong.empty());
  CHECK(command.first == 7);
  CHECK(command.count == 1);
  CHECK(run_keepers(7, command.plan).hash == run_keepers(7, plan).hash);
  CHECK(run_keepers(7, usual_plan(Faults::leave)).hash != run_keepers(7, plan).hash);
  const JoinPlan join{.workers = 2,
                      .joins = 3,
                      .leaves = 1,
                      .tasks = 60,
                      .replicas = 2,
                      .remembers = 90s,
                      .lossy = true,
                      .scattered = true};
  const Command<JoinPlan> joiners = read_joiners(words_of(command_of(join, 5)));
  CHECK(joiners.wrong.empty());
  CHECK(run_joiners(5, joiners.plan).hash == run_joiners(5, join).hash);
  CHECK(command_of(joiners.plan, 5) == command_of(join, 5));
}

TEST_CASE("a command that makes no sense names the word", "[sim]") {
  CHECK(read_keepers({"no_fault"}).wrong == "no_fault");
  CHECK(read_keepers({"crash", "-1"}).wrong == "-1");
  CHECK(read_keepers({"crash", "1", "3"}).wrong == "3");
  CHECK(read_keepers({"crash", "1", "1", "0", "1", "poisson=3"}).wrong == "poisson=3");
  CHECK(read_keepers({"crash", "1", "1", "0", "1", "webhooks=2"}).wrong == "webhooks=2");
  CHECK(read_joiners({"calm", "1", "1", "0", "1", "lossy", "joins=x"}).wrong == "joins=x");
  CHECK(read_joiners({}).wrong.empty());
}

}  // namespace taskmesh::sim::commands_test
