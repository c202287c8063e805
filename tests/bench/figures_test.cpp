// The lines of taskmesh_bench: ratios are formed in each round, not of the medians.
#include "bench/figures.hpp"

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

namespace figures_test {

namespace {

using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using taskmesh::bench::Figures;

Figures three_rounds() {
  Figures figures;
  for (const auto& [mesh, against] : {std::pair{10.0, 20.0}, {40.0, 10.0}, {30.0, 30.0}}) {
    figures.add("flood / raw", "/s", mesh, against);
    figures.add("alone", "ms", mesh);
  }
  return figures;
}

}  // namespace

TEST_CASE("figures form ratios in each round and show the middle one", "[bench]") {
  const auto lines = nlohmann::json::parse(three_rounds().to_json());
  REQUIRE(lines.size() == 2);
  CHECK(lines[0]["title"] == "flood / raw");
  CHECK(lines[0]["unit"] == "/s");
  CHECK(lines[0]["mesh"]["median"] == 30.0);
  CHECK(lines[0]["against"]["median"] == 20.0);
  CHECK(lines[0]["ratio"] == nlohmann::json{{"median", 1.0}, {"lowest", 0.5}, {"highest", 4.0}});
  CHECK(lines[1]["mesh"] == nlohmann::json{{"median", 30.0}, {"lowest", 10.0}, {"highest", 40.0}});
  CHECK_FALSE(lines[1].contains("ratio"));
}

TEST_CASE("figures as text have a line for each title and its range", "[bench]") {
  const std::string text = three_rounds().to_text("wire", "raw libzmq");
  CHECK_THAT(text, StartsWith("wire ") && Contains("raw libzmq\n"));
  CHECK_THAT(text, Contains("flood / raw ") && Contains("1.00  (0.50 to 4.00)") && Contains("30.0 /s"));
  CHECK_THAT(text, Contains("alone ") && Contains("(10.0 to 40.0)") && Contains("30.0 ms"));
}

TEST_CASE("a figure held against nothing that was done has no ratio but zero", "[bench]") {
  Figures figures;
  figures.add("flood / raw", "/s", 5, 0);
  CHECK(nlohmann::json::parse(figures.to_json())[0]["ratio"]["median"] == 0.0);
}

}  // namespace figures_test
