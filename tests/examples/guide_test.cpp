// docs/guide: its programs run as they stand, and what its pages show is from them.
#include <catch2/catch.hpp>
#include <filesystem>
#include <fstream>
#include <sstream>

#include "support/process.hpp"

namespace guide_test {

namespace {

namespace fs = std::filesystem;

const fs::path source{TASKMESH_SOURCE_DIR};
const std::vector<std::string> programs{"retry", "later", "stop", "memory"};

std::string content(const fs::path& path) {
  std::ifstream file(path);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

/// The lines without their indents and ends: a page shows the inside of a function.
std::vector<std::string> trimmed_lines(const std::string& text) {
  std::vector<std::string> lines;
  for (const std::string& line : support::lines_of(text)) {
    const auto first = line.find_first_not_of(' ');
    if (first != std::string::npos) lines.push_back(line.substr(first));
  }
  return lines;
}

/// Every ```cpp block of the page.
std::vector<std::vector<std::string>> blocks_of(const fs::path& page) {
  std::vector<std::vector<std::string>> blocks;
  std::string block;
  bool inside = false;
  for (const std::string& line : support::lines_of(content(page))) {
    if (inside && line == "```") {
      blocks.push_back(trimmed_lines(block));
      block.clear();
      inside = false;
    } else if (inside) {
      block += line + "\n";
    } else {
      inside = line == "```cpp";
    }
  }
  CHECK_FALSE(inside);
  return blocks;
}

bool has_block(const std::vector<std::string>& lines, const std::vector<std::string>& block) {
  return std::search(lines.begin(), lines.end(), block.begin(), block.end()) != lines.end();
}

}  // namespace

TEST_CASE("the programs of the guide print what they say", "[examples]") {
  for (const std::string& name : programs) {
    INFO("guide_" << name);
    support::Host host("");
    auto outcome = host.start_program({(fs::path(EXAMPLES_BINARY_DIR) / ("guide_" + name)).string()}).wait();
    INFO(outcome.err);
    CHECK(outcome.exit_code == 0);
    CHECK(outcome.out == content(source / "examples/guide" / (name + ".txt")));
  }
}

TEST_CASE("what the pages of the guide show is in its programs", "[examples]") {
  for (const std::string& name : programs) {
    const auto program = trimmed_lines(content(source / "examples/guide" / (name + ".cpp")));
    const auto blocks = blocks_of(source / "docs/guide" / (name + ".md"));
    INFO("docs/guide/" << name << ".md");
    CHECK_FALSE(blocks.empty());
    for (const auto& block : blocks) {
      INFO("its block that begins with: " << (block.empty() ? "" : block.front()));
      CHECK(has_block(program, block));
    }
  }
}

}  // namespace guide_test
