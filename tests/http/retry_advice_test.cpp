#include "taskmesh/http/retry_advice.hpp"

#include <catch2/catch.hpp>

#include "taskmesh/http/limits.hpp"

namespace retry_advice_test {

using namespace taskmesh;
using namespace taskmesh::http;

TEST_CASE("who asks about tasks of an unknown name comes again in a second", "[advice]") {
  CHECK(RetryAdvice{}.seconds("resize") == 1);
}

TEST_CASE("the advice is the median of the last ones, in whole seconds, 1 to 60", "[advice]") {
  RetryAdvice advice;
  advice.saw("quick", 3ms);
  CHECK(advice.seconds("quick") == 1);
  for (const auto took : {1s, 2s, 3s, 4s, 500s}) advice.saw("slow", took);
  CHECK(advice.seconds("slow") == 3);
  advice.saw("late", 1h);
  CHECK(advice.seconds("late") == 60);
  advice.saw("odd", 1200ms);
  CHECK(advice.seconds("odd") == 2);
  for (int i = 0; i < 100; ++i) advice.saw("slow", 10s);
  CHECK(advice.seconds("slow") == 10);
  advice.saw("past", -5s);
  CHECK(advice.seconds("past") == 1);
}

TEST_CASE("names are bounded", "[advice]") {
  RetryAdvice advice;
  for (std::size_t i = 0; i < 2 * limits::http_timed_names_max; ++i) advice.saw("n" + std::to_string(i), 5s);
  std::size_t known = 0;
  for (std::size_t i = 0; i < 2 * limits::http_timed_names_max; ++i) {
    if (advice.seconds("n" + std::to_string(i)) == 5) ++known;
  }
  CHECK(known == limits::http_timed_names_max);
}

}  // namespace retry_advice_test
