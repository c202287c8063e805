#include "taskmesh/core/tasks/run_queue.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <vector>

namespace run_queue_test {

using namespace taskmesh;
using core::RunQueue;

namespace {

TaskId id(std::uint32_t counter) { return make_task_id(1'000, 0, 7, counter); }

std::vector<std::uint32_t> drain(RunQueue& queue) {
  std::vector<std::uint32_t> order;
  while (const auto next = queue.pop()) order.push_back(counter_of(*next));
  return order;
}

}  // namespace

SCENARIO("four priorities, first in, first out inside each", "[core][run_queue]") {
  GIVEN("tasks pushed in an order of no meaning") {
    RunQueue queue;
    queue.push(id(1), Priority::low);
    queue.push(id(2), Priority::normal);
    queue.push(id(3), Priority::critical);
    queue.push(id(4), Priority::high);
    queue.push(id(5), Priority::critical);
    queue.push(id(6), Priority::normal);
    CHECK(queue.size() == 6);
    CHECK(queue.size(Priority::critical) == 2);
    CHECK(queue.size(Priority::high) == 1);
    CHECK(queue.size(Priority::low) == 1);
    THEN("they leave by priority, and by age where that is equal") {
      CHECK(queue.peek() == id(3));
      CHECK(drain(queue) == std::vector<std::uint32_t>{3, 5, 4, 2, 6, 1});
      CHECK(queue.empty());
      CHECK(queue.pop() == std::nullopt);
      CHECK(queue.peek() == std::nullopt);
    }
    WHEN("two are taken and given back, the later one first") {
      CHECK(queue.pop() == id(3));
      CHECK(queue.pop() == id(5));
      queue.push_front(id(5), Priority::critical);
      queue.push_front(id(3), Priority::critical);
      THEN("their places are as before") {
        CHECK(queue.size() == 6);
        CHECK(drain(queue) == std::vector<std::uint32_t>{3, 5, 4, 2, 6, 1});
      }
    }
    WHEN("what ended while it waited is dropped") {
      const std::set<TaskId> ended{id(5), id(2)};
      queue.compact([&](const TaskId& each) { return !ended.contains(each); });
      THEN("the rest keeps its order") {
        CHECK(queue.size() == 4);
        CHECK(drain(queue) == std::vector<std::uint32_t>{3, 4, 6, 1});
      }
    }
  }
}

}  // namespace run_queue_test
