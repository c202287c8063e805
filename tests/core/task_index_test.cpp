#include "taskmesh/core/tasks/task_index.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <map>
#include <vector>

#include "taskmesh/base/random.hpp"
#include "taskmesh/core/tasks/slab.hpp"

namespace task_index_test {

using namespace taskmesh;
using core::Slab;
using core::TaskIndex;

namespace {

/// Ids that differ in `made_ms` alone are of one client and counter, as no client of ours makes them.
TaskId id(std::uint32_t instance, std::uint32_t counter, std::uint64_t made_ms = 1'000) {
  return make_task_id(made_ms, 0, instance, counter);
}

/// An index beside a table that knows which id each number was put in with.
struct Table {
  TaskIndex index;
  std::vector<TaskId> ids;

  void put(const TaskId& id) {
    index.insert(id, static_cast<TaskIndex::Number>(ids.size()));
    ids.push_back(id);
  }
  TaskIndex::Number find(const TaskId& id) const {
    return index.find(id, [this](TaskIndex::Number number) -> const TaskId& { return ids[number]; });
  }
  void drop(const TaskId& id) { index.erase(id, find(id)); }
  std::vector<TaskIndex::Number> all() const {
    std::vector<TaskIndex::Number> numbers;
    index.for_each([&](TaskIndex::Number number) { numbers.push_back(number); });
    std::ranges::sort(numbers);
    return numbers;
  }
};

}  // namespace

SCENARIO("a task is found by its id as long as it is in", "[core][task_index]") {
  GIVEN("tasks of two clients") {
    Table table;
    for (std::uint32_t counter = 1; counter <= 40; ++counter) {
      table.put(id(7, counter));
      table.put(id(8, counter));
    }
    THEN("each is found, and nothing else") {
      CHECK(table.find(id(7, 1)) == 0);
      CHECK(table.find(id(8, 40)) == 79);
      CHECK(table.find(id(7, 41)) == TaskIndex::none);
      CHECK(table.find(id(7, 400)) == TaskIndex::none);
      CHECK(table.find(id(9, 1)) == TaskIndex::none);
      CHECK(table.find(id(7, 1, 2'000)) == TaskIndex::none);
      CHECK(table.index.size() == 80);
      CHECK(table.all().size() == 80);
    }
    WHEN("one goes") {
      table.drop(id(7, 20));
      THEN("the others stay, and it can come again") {
        CHECK(table.find(id(7, 20)) == TaskIndex::none);
        CHECK(table.find(id(7, 19)) != TaskIndex::none);
        CHECK(table.find(id(8, 20)) != TaskIndex::none);
        table.put(id(7, 20));
        CHECK(table.find(id(7, 20)) == 80);
      }
    }
    WHEN("what was looked for in vain comes") {
      REQUIRE(table.find(id(9, 1)) == TaskIndex::none);
      table.put(id(9, 1));
      THEN("it is found") { CHECK(table.find(id(9, 1)) == 80); }
    }
  }
}

SCENARIO("ids that differ only in what clients do not vary are told apart", "[core][task_index]") {
  GIVEN("three ids of one client and counter") {
    Table table;
    for (const std::uint64_t made_ms : {1'000U, 2'000U, 3'000U}) table.put(id(7, 5, made_ms));
    THEN("each is found") {
      for (const std::uint32_t which : {0U, 1U, 2U})
        CHECK(table.find(id(7, 5, (which + 1U) * 1'000)) == which);
      CHECK(table.all() == std::vector<TaskIndex::Number>{0, 1, 2});
    }
    WHEN("the first goes") {
      table.drop(id(7, 5, 1'000));
      THEN("the others are found still, and go too") {
        CHECK(table.find(id(7, 5, 1'000)) == TaskIndex::none);
        CHECK(table.find(id(7, 5, 2'000)) == 1);
        table.drop(id(7, 5, 2'000));
        table.drop(id(7, 5, 3'000));
        CHECK(table.index.size() == 0);
        CHECK(table.all().empty());
      }
    }
  }
}

SCENARIO("an index does what a map does, whatever comes and goes", "[core][task_index]") {
  GIVEN("a map beside it") {
    Random random(42);
    Table table;
    std::map<TaskId, TaskIndex::Number> model;
    WHEN("ids of few clients, near to each other and clashing, come and go") {
      for (int step = 0; step < 20'000; ++step) {
        const auto counter = static_cast<std::uint32_t>(step / 50 + static_cast<int>(random.below(100)));
        const TaskId one =
            id(static_cast<std::uint32_t>(random.below(3)), counter, 1'000 + random.below(2) * 500);
        const auto known = model.find(one);
        const TaskIndex::Number expected = known == model.end() ? TaskIndex::none : known->second;
        REQUIRE(table.find(one) == expected);
        if (known == model.end()) {
          model.emplace(one, static_cast<TaskIndex::Number>(table.ids.size()));
          table.put(one);
        } else if (random.below(2) == 0) {
          table.drop(one);
          model.erase(known);
        }
      }
      THEN("both hold the same at the end") {
        std::vector<TaskIndex::Number> expected;
        for (const auto& [one, number] : model) expected.push_back(number);
        std::ranges::sort(expected);
        CHECK(table.all() == expected);
        CHECK(table.index.size() == model.size());
      }
    }
  }
}

SCENARIO("an index is as large as what is in it", "[core][task_index]") {
  GIVEN("a hundred thousand tasks that come and go, few of them open at a time") {
    Table table;
    std::size_t pages_max = 0;
    for (std::uint32_t counter = 1; counter <= 100'000; ++counter) {
      table.put(id(7, counter));
      if (counter > 100) table.drop(id(7, counter - 100));
      pages_max = std::max(pages_max, table.index.pages());
    }
    THEN("it never had more pages than those need") {
      CHECK(pages_max <= 100 / 16 + 3);
      CHECK(table.index.size() == 100);
    }
  }
}

SCENARIO("entries of a slab stay where they are and are used again", "[core][task_index]") {
  GIVEN("a slab with some entries in use") {
    Slab<int> slab;
    CHECK(slab.next() == nullptr);
    for (std::uint32_t number = 0; number < 200; ++number) REQUIRE(slab.take() == number);
    const int* const first = &slab[0];
    WHEN("one is given back") {
      slab.give_back(77);
      THEN("it is the next, and no other one has moved") {
        CHECK(slab.next() == &slab[77]);
        CHECK(slab.take() == 77);
        CHECK(slab.take() == 200);
        CHECK(&slab[0] == first);
        CHECK(slab.size() == 201);
      }
    }
  }
}

}  // namespace task_index_test
