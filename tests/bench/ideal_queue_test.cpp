// What the mesh is held against when it shares work out.
#include "bench/ideal_queue.hpp"

#include <algorithm>
#include <catch2/catch.hpp>

namespace ideal_queue_test {

namespace {

using namespace taskmesh::bench;

double mean_of(const std::vector<Arrival>& all) {
  double sum_s = 0;
  for (const Arrival& arrival : all) sum_s += arrival.takes_s;
  return sum_s / static_cast<double>(all.size());
}

}  // namespace

TEST_CASE("the ideal queue gives the oldest task to the slot that is free first", "[bench]") {
  const std::vector<Arrival> tasks{{0, 4}, {0, 1}, {0, 1}, {0, 1}, {10, 2}};
  CHECK(ideal_ends(tasks, {1, 1}) == std::vector<double>{4, 1, 2, 3, 12});
}

TEST_CASE("a slow slot of the ideal queue takes longer for what it gets", "[bench]") {
  const std::vector<Arrival> tasks{{0, 1}, {0, 1}, {0, 1}, {0, 1}};
  // The second slot is busy with its first task until 4.
  CHECK(ideal_ends(tasks, {1, 4}) == std::vector<double>{1, 4, 2, 3});
}

TEST_CASE("a slot of the ideal queue that stands still keeps what it has begun and gets nothing", "[bench]") {
  const Pause pause{.from_s = 1, .to_s = 6};
  // The first is caught in the middle; the others go to the second slot until the first one goes on.
  CHECK(ideal_ends({{0, 2}, {0, 1}, {2, 1}, {2, 1}, {7, 1}}, {1, 1}, pause) ==
        std::vector<double>{7, 1, 3, 4, 8});
  CHECK(ideal_ends({{2, 1}, {2, 1}, {2, 5}, {2, 1}}, {1, 1}, pause) == std::vector<double>{3, 4, 9, 7});
}

TEST_CASE("the tasks to be shared out have the mean, the tail and the rate that they should", "[bench]") {
  const auto tasks = arrivals(7, 200'000, 320);
  CHECK(mean_of(tasks) == Approx(task_mean_s).epsilon(0.05));
  CHECK(tasks.back().at_s == Approx(200'000 / 320.0).epsilon(0.02));
  const auto [shortest, longest] = std::minmax_element(
      tasks.begin(), tasks.end(), [](const Arrival& a, const Arrival& b) { return a.takes_s < b.takes_s; });
  CHECK(longest->takes_s > 100 * shortest->takes_s);
  CHECK(longest->takes_s <= 1001 * shortest->takes_s);
}

TEST_CASE("tasks of one seed are the same again, and all at once where no rate is given", "[bench]") {
  const auto once = arrivals(3, 50, 0);
  const auto again = arrivals(3, 50, 0);
  const auto other = arrivals(4, 50, 0);
  for (std::size_t i = 0; i < once.size(); ++i) {
    CHECK(once[i].at_s == 0);
    CHECK(once[i].takes_s == again[i].takes_s);
  }
  CHECK(once[0].takes_s != other[0].takes_s);
}

}  // namespace ideal_queue_test
