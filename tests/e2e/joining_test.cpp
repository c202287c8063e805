// Workers that join while tasks with keys are submitted: real processes, executions counted in a file.
#include "e2e/mesh.hpp"

namespace joining_test {

using namespace e2e;

SCENARIO("workers that join under load, and one that is killed then, make the work of no key be done twice",
         "[e2e][joining][alone]") {
  constexpr std::int64_t keys = 60;
  Mesh mesh(2);
  Client one;
  Client two;
  const std::string path = mesh.file("runs");
  std::vector<std::pair<std::int64_t, std::future<taskmesh::TaskResult<std::int64_t>>>> answers;
  const auto submit_all = [&](Client& client) {
    for (std::int64_t key = 0; key < keys; ++key) {
      answers.emplace_back(
          key,
          client.async(tally(path, key, 1), {.key = "order-" + std::to_string(key), .replicas = 1}).future());
    }
  };
  const auto check_all = [&] {
    for (auto& [key, answer] : answers) CHECK(answer.get().value() == tally_answer(key, 1));
    answers.clear();
    CHECK(mesh.lines(path).size() == static_cast<std::size_t>(keys));
  };
  submit_all(one);
  mesh.start_worker();
  submit_all(two);
  mesh.start_worker();
  submit_all(one);
  REQUIRE(mesh.eventually([&] { return one.workers().size() == 4 && two.workers().size() == 4; }));
  submit_all(two);
  check_all();
  mesh.workers()[0].signal(SIGKILL);  // What it knew its keepers know.
  mesh.workers()[0].wait(10s);
  mesh.start_worker();
  submit_all(one);
  submit_all(two);
  check_all();
}

}  // namespace joining_test
