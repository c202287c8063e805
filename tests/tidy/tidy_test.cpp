// The house rules, checked on the whole tree. What each rule is and why: docs/architecture.md; how each is
// checked: rules.hpp and documents.hpp beside this file.
#include <catch2/catch.hpp>
#include <filesystem>

#include "tidy/documents.hpp"
#include "tidy/rules.hpp"

namespace {

using tidy::File;
using tidy::Violations;

const std::filesystem::path root{TASKMESH_SOURCE_DIR};

std::vector<File> files_in(const std::vector<std::string>& folders, const std::vector<std::string>& endings) {
  std::vector<File> all;
  for (const std::string& folder : folders) {
    for (File& file : tidy::files_below(root, folder, endings)) all.push_back(std::move(file));
  }
  return all;
}

std::vector<File> code_in(const std::vector<std::string>& folders) {
  return files_in(folders, {".hpp", ".cpp"});
}

std::vector<File> whole_tree() { return code_in({"src", "proto", "tools", "tests", "examples"}); }

template <class Rule>
void check_each(const std::vector<File>& files, Rule rule) {
  REQUIRE_FALSE(files.empty());
  for (const File& file : files) {
    for (const std::string& violation : rule(file)) FAIL_CHECK(violation);
  }
}

void check_none(const Violations& violations) {
  for (const std::string& violation : violations) FAIL_CHECK(violation);
}

void check_listed(const std::vector<File>& files, const std::string& cmake_path) {
  check_none(tidy::check_registered(files, cmake_path, tidy::read(root / cmake_path)));
}

}  // namespace

TEST_CASE("includes go down only", "[tidy]") { check_each(whole_tree(), tidy::check_layers); }

TEST_CASE("sockets, encodings, clocks and sleeps stay where they belong", "[tidy]") {
  check_each(whole_tree(), tidy::check_outside_world);
}

TEST_CASE("an installed header drags in nothing that is not installed", "[tidy]") {
  check_none(tidy::check_installed(code_in({"src", "proto"}), tidy::read(root / "src/CMakeLists.txt")));
}

TEST_CASE("functions and files stay short", "[tidy]") { check_each(whole_tree(), tidy::check_length); }

TEST_CASE("nothing says that it is unfinished", "[tidy]") {
  check_each(files_in({"src", "proto", "tools", "examples", "tests", "cmake", "docs"},
                      {".hpp", ".cpp", ".md", ".cmake", "CMakeLists.txt"}),
             tidy::check_unfinished);
}

TEST_CASE("every source, test and header is registered", "[tidy]") {
  check_listed(code_in({"src", "proto"}), "src/CMakeLists.txt");
  for (const File& file : tidy::files_below(root, "tests", {"_test.cpp"})) {
    check_listed({file}, std::filesystem::path{file.path}.parent_path().generic_string() + "/CMakeLists.txt");
  }
  check_listed(tidy::files_below(root, "tools", {".cpp"}), "tools/CMakeLists.txt");
}

TEST_CASE("every example is built, run and explained", "[tidy]") {
  const std::string built = tidy::without_hash_comments(tidy::read(root / "examples/CMakeLists.txt"));
  std::string run = tidy::without_hash_comments(tidy::read(root / "tests/examples/CMakeLists.txt"));
  for (const File& file : tidy::files_below(root, "tests/examples")) run += tidy::without_comments(file.text);
  for (const auto& entry : std::filesystem::directory_iterator(root / "examples")) {
    if (!entry.is_directory()) continue;
    const std::string name = entry.path().filename().string();
    INFO("examples/" << name << " (rule 4)");
    CHECK(built.find(name) != std::string::npos);
    CHECK(run.find(name) != std::string::npos);
    CHECK(std::filesystem::exists(entry.path() / "README.md"));
  }
}

TEST_CASE("docs/errors.md knows every error kind and wire code", "[tidy]") {
  const std::string errors = tidy::read(root / "docs/errors.md");
  const auto kinds = tidy::enumerators(tidy::read(root / "src/taskmesh/base/error.hpp"), "ErrorKind");
  const auto codes = tidy::enumerators(tidy::read(root / "proto/taskmesh/proto/common.hpp"), "Code");
  REQUIRE(kinds.size() >= 10);
  REQUIRE_FALSE(codes.empty());
  check_none(tidy::compare_numbers(kinds, tidy::rows(errors, "Kinds"), "docs/errors.md, Kinds"));
  check_none(tidy::compare_numbers(codes, tidy::rows(errors, "Wire codes"), "docs/errors.md, Wire codes"));
}

TEST_CASE("docs/limits.md says what the code says", "[tidy]") {
  auto limits = tidy::constants(tidy::read(root / "src/taskmesh/base/limits.hpp"));
  limits.merge(tidy::constants(tidy::read(root / "src/taskmesh/http/limits.hpp")));
  REQUIRE(limits.size() >= 40);
  for (const auto& [name, expression] : limits) {
    INFO(name << " = " << expression);
    CHECK(tidy::evaluate(expression, limits));
  }
  check_none(tidy::compare_limits(limits, tidy::rows(tidy::read(root / "docs/limits.md")), "docs/limits.md"));
}

TEST_CASE("every test that docs/guarantees.md and docs/hacking.md name is there", "[tidy]") {
  const auto tests = files_in({"tests"}, {".cpp"});
  const auto documents = files_in({"docs", "proto"}, {".md"});
  for (const std::string path : {"docs/guarantees.md", "docs/hacking.md"}) {
    const File document{path, tidy::read(root / path)};
    REQUIRE_FALSE(document.text.empty());
    check_none(tidy::check_titles(document, tests, documents));
  }
}
