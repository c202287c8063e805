// InFlight: every open task is found, whatever has happened around its place in the ring.
#include <catch2/catch.hpp>
#include <map>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/tasks/in_flight.hpp"

namespace in_flight_test {

using namespace taskmesh;
using namespace taskmesh::core;

namespace {

constexpr std::uint32_t own = 7;

SubmitTask wish(std::uint32_t counter, std::uint32_t instance = own) {
  SubmitTask submit;
  submit.id = make_task_id(1'000, 0, instance, counter);
  submit.name = "work";
  return submit;
}

}  // namespace

SCENARIO("a task that stays open is found after its counter's place has been taken", "[core][in_flight]") {
  InFlight tasks(own);
  GIVEN("an open task, and one whose counter is a whole ring later") {
    const std::uint32_t early = tasks.insert(wish(5), {});
    const std::uint32_t late = tasks.insert(wish(5 + 65'536), {});
    CHECK(tasks.find(wish(5).id) == early);
    CHECK(tasks.find(wish(5 + 65'536).id) == late);
    CHECK(tasks.size() == 2);
    WHEN("the early one ends") {
      tasks.erase(early);
      THEN("the late one is still found, and the place serves the next") {
        CHECK(tasks.find(wish(5).id) == no_slot);
        CHECK(tasks.find(wish(5 + 65'536).id) == late);
        const std::uint32_t next = tasks.insert(wish(5 + 2 * 65'536), {});
        tasks.erase(late);
        CHECK(tasks.find(wish(5 + 2 * 65'536).id) == next);
        CHECK(tasks.size() == 1);
      }
    }
    WHEN("another client's task with the same counter is waited for") {
      const TaskId foreign = wish(5, own + 1).id;
      const std::uint32_t adopted = tasks.adopt(foreign, Codec::cereal, {});
      THEN("each is itself") {
        CHECK(tasks.find(foreign) == adopted);
        CHECK(tasks.find(wish(5).id) == early);
      }
    }
  }
}

TEST_CASE("a random mix of tasks is kept as a plain map would", "[core][in_flight]") {
  Random random(11);
  InFlight tasks(own);
  std::map<TaskId, std::uint32_t> model;
  std::uint32_t counter = 0;
  for (int step = 0; step < 200'000; ++step) {
    if (model.size() < 300 && random.below(2) == 0) {
      counter += 1 + static_cast<std::uint32_t>(random.below(2'000));
      const std::uint32_t instance = random.below(8) == 0 ? own + 1 : own;
      const SubmitTask submit = wish(counter, instance);
      model[submit.id] = tasks.insert(SubmitTask(submit), {});
      continue;
    }
    if (model.empty()) continue;
    // The youngest go first more often than not: some stay for many rounds of the ring.
    const bool young = random.below(10) != 0;
    const auto chosen = young ? std::prev(model.end()) : model.begin();
    REQUIRE(tasks.find(chosen->first) == chosen->second);
    tasks.erase(chosen->second);
    REQUIRE(tasks.find(chosen->first) == no_slot);
    model.erase(chosen);
    REQUIRE(tasks.size() == model.size());
  }
  for (const auto& [id, slot] : model) CHECK(tasks.find(id) == slot);
}

}  // namespace in_flight_test
