// Epochs: the numbers of the ownerships of one task.  proto/05-keepers.md section 2a.
#include "taskmesh/core/tasks/epoch.hpp"

#include <catch2/catch.hpp>
#include <set>

namespace taskmesh::core::epoch_test {

SCENARIO("what a gift and a take-over make of one epoch is never the same", "[core][epoch]") {
  Random random{7};
  std::uint32_t epoch = first_epoch;
  for (std::uint32_t step = 0; step < 2 * ordinal_max; ++step) {
    const std::uint32_t given = epoch_handed_on(epoch, random);
    const std::uint32_t taken = epoch_in_new_line(epoch, LineOf::taken_over, random);
    const std::uint32_t again = epoch_in_new_line(epoch, LineOf::said_again, random);
    REQUIRE(given != taken);
    REQUIRE(again != taken);
    REQUIRE(line_of(taken) != line_of(epoch));
    REQUIRE(fence_was_taken_over(fence_of(taken)));
    REQUIRE_FALSE(fence_was_taken_over(fence_of(again)));
    REQUIRE(ordinal_of(taken) == ordinal_of(again));
    epoch = step % 2 == 0 ? given : taken;
  }
  CHECK(ordinal_of(epoch) == ordinal_max);  // There the order ends. The lines go on.
}

SCENARIO("a line is handed on, and its fences grow", "[core][epoch]") {
  Random random{7};
  const std::uint32_t second = epoch_handed_on(first_epoch, random);
  CHECK(second == 2);
  const std::uint32_t taken = epoch_in_new_line(second, LineOf::taken_over, random);
  CHECK(ordinal_of(taken) == 3);
  CHECK(line_of(epoch_handed_on(taken, random)) == line_of(taken));
  CHECK(fence_of(first_epoch) < fence_of(second));
  CHECK(fence_of(second) < fence_of(taken));
  CHECK(fence_of(taken) < fence_of(epoch_handed_on(taken, random)));
  CHECK(ordinal_of_fence(fence_of(taken)) == 3);
}

SCENARIO("workers that take a task over out of each other's sight draw different lines", "[core][epoch]") {
  std::set<std::uint32_t> drawn;
  Random seeds{1};
  constexpr std::size_t workers = 100;
  for (std::size_t i = 0; i < workers; ++i) {
    Random random{seeds.next()};
    drawn.insert(epoch_in_new_line(first_epoch, LineOf::taken_over, random));
  }
  CHECK(drawn.size() == workers);
}

}  // namespace taskmesh::core::epoch_test
