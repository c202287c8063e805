// Values of flags that are more than text.
#include "cli/values.hpp"

#include <catch2/catch.hpp>

namespace values_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;

std::string complaint(const Flag& flag, const std::string& value) {
  const auto checked = check_value(flag, value);
  return checked ? "no complaint" : to_string(checked.error());
}

}  // namespace

TEST_CASE("sizes are bytes, or have a unit of 1024s", "[cli][values]") {
  CHECK(parse_size("1") == 1U);
  CHECK(parse_size("65536") == 65'536U);
  CHECK(parse_size("64KiB") == 65'536U);
  CHECK(parse_size("256MiB") == (256ULL << 20));
  CHECK(parse_size("2GiB") == (2ULL << 30));
  for (const char* wrong :
       {"", "MiB", "1.5MiB", "-1", "64kb", "64 KiB", "1GiBs", "18446744073709551615GiB"}) {
    INFO(wrong);
    CHECK_FALSE(parse_size(wrong));
  }
}

TEST_CASE("a size is written as it is read", "[cli][values]") {
  for (const char* text : {"0", "1", "1023", "1KiB", "1025", "256MiB", "3GiB"})
    CHECK(size_text(*parse_size(text)) == text);
}

TEST_CASE("a size has bounds", "[cli][values]") {
  const Flag flag{.name = "--cache", .value = "SIZE", .help = "c", .kind = Kind::size, .most = 1024};
  CHECK(complaint(flag, "1KiB") == "no complaint");
  CHECK_THAT(complaint(flag, "1025"), Contains("it takes 1 byte to 1KiB"));
  CHECK_THAT(complaint(flag, "0"), Contains("'0' is not a size that it takes"));
  CHECK_THAT(complaint(flag, "big"), Contains("'big' is not a size"));
}

TEST_CASE("the words of a kind are those that the check takes", "[cli][values]") {
  for (const Kind kind : {Kind::priority, Kind::task_state, Kind::log_level, Kind::consent}) {
    const Flag flag{.name = "--x", .value = "X", .help = "x", .kind = kind};
    REQUIRE(choices(kind).size() >= 3);
    for (const std::string& word : choices(kind)) CHECK(complaint(flag, word) == "no complaint");
    CHECK(complaint(flag, "other") != "no complaint");
  }
}

}  // namespace values_test
