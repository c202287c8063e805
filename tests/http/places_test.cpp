#include "taskmesh/http/places.hpp"

#include <catch2/catch.hpp>
#include <thread>

namespace places_test {

using namespace taskmesh::http;

TEST_CASE("a connection goes to the door with the fewest, and counts until it ends", "[places]") {
  const auto places = Places::make(10, 2, [] {});
  Place first = places->take();
  Place second = places->take();
  CHECK(first.door() != second.door());
  CHECK(places->taken() == 2);
  const std::size_t left = second.door();
  second = Place();
  CHECK(places->taken() == 1);
  CHECK(places->take().door() == left);
  Place moved = std::move(first);
  CHECK(places->taken() == 1);
  CHECK(moved);
}

TEST_CASE("the limit is one for all doors, and who found none free is told when there is one", "[places]") {
  int freed = 0;
  const auto places = Places::make(3, 2, [&] { ++freed; });
  std::vector<Place> taken;
  for (int i = 0; i < 3; ++i) taken.push_back(places->take());
  CHECK_FALSE(places->take());
  taken.pop_back();
  CHECK(freed == 1);
  taken.pop_back();
  CHECK(freed == 1);  // There was one already.
  CHECK(places->take());
}

TEST_CASE("places that end on other threads are counted one by one", "[places]") {
  constexpr std::size_t rounds = 2'000;
  std::atomic<std::size_t> freed = 0;
  const auto places = Places::make(2, 2, [&] { ++freed; });
  Place there;
  std::atomic<bool> full = false;
  std::thread other([&] {
    for (std::size_t i = 0; i < rounds; ++i) {
      full.wait(false);
      there = Place();
      full = false;
      full.notify_one();
    }
  });
  const Place stays = places->take();
  for (std::size_t i = 0; i < rounds; ++i) {
    Place one = places->take();
    REQUIRE(one);
    REQUIRE_FALSE(places->take());
    there = std::move(one);
    full = true;
    full.notify_one();
    full.wait(true);
  }
  other.join();
  CHECK(freed == rounds);
  CHECK(places->taken() == 1);
}

TEST_CASE("last words are bounded over all doors, too", "[places]") {
  const auto places = Places::make(1, 2, [] {});
  CHECK(places->begin_farewell(2));
  CHECK(places->begin_farewell(2));
  CHECK_FALSE(places->begin_farewell(2));
  places->end_farewell();
  CHECK(places->begin_farewell(2));
}

}  // namespace places_test
