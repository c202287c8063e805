// The golden octets of proto/vectors, both ways. TASKMESH_REWRITE_VECTORS=1 writes the files anew; do that
// only with a new record or field, never to make a change of the format pass.
#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>

#include "wire/samples.hpp"
#include "wire/vectors.hpp"

namespace vectors_test {

namespace {

using namespace taskmesh;

const std::filesystem::path folder = std::filesystem::path(TASKMESH_SOURCE_DIR) / "proto/vectors";

std::string text_of(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  REQUIRE(file.good());
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

void rewrite_if_asked(const samples::Sample& sample) {
  if (std::getenv("TASKMESH_REWRITE_VECTORS") == nullptr) return;
  std::ofstream(folder / (sample.name + ".hex")) << vectors::print(sample.about, sample.expect, sample.frame);
}

/// The examples between fences, each with its file's name in the first line.
std::vector<std::string> fenced_vectors(const std::string& document) {
  std::vector<std::string> found;
  const std::string fence = "```hex ";
  for (std::size_t at = document.find(fence); at != std::string::npos; at = document.find(fence, at)) {
    at += fence.size();
    found.push_back(document.substr(at, document.find("\n```", at) + 1 - at));
  }
  return found;
}

}  // namespace

TEST_CASE("every golden vector reads as it says, and what we write is the golden vector", "[wire][vectors]") {
  for (const samples::Sample& sample : samples::all()) {
    INFO("proto/vectors/" << sample.name << ".hex");
    rewrite_if_asked(sample);
    const vectors::Vector golden = vectors::parse(text_of(folder / (sample.name + ".hex")));
    std::vector<proto::Message> messages;
    CHECK(vectors::read(golden.frame, wire::mesh_tag(samples::mesh), messages) == sample.expect);
    CHECK(golden.expect == sample.expect);
    CHECK(messages == sample.messages);
    CHECK(golden.frame.head == sample.frame.head);
    CHECK(golden.frame.parts == sample.frame.parts);
    if (!sample.canonical) continue;
    const wire::Frame again = samples::written(messages);
    CHECK(again.head == golden.frame.head);
    CHECK(again.parts == golden.frame.parts);
  }
}

TEST_CASE("no golden vector is left unread", "[wire][vectors]") {
  std::set<std::string> names;
  for (const samples::Sample& sample : samples::all()) names.insert(sample.name + ".hex");
  for (const auto& entry : std::filesystem::directory_iterator(folder)) {
    if (entry.path().extension() != ".hex") continue;
    INFO(entry.path());
    CHECK(names.contains(entry.path().filename().string()));
  }
}

TEST_CASE("every record type has a golden vector", "[wire][vectors]") {
  std::set<std::size_t> seen;
  for (const proto::Message& message : samples::one_of_each()) seen.insert(message.index());
  CHECK(seen.size() == std::variant_size_v<proto::Message>);
}

TEST_CASE("the examples in the specification are the golden vectors", "[wire][vectors]") {
  const auto examples = fenced_vectors(text_of(folder.parent_path() / "01-frames.md"));
  REQUIRE(examples.size() >= 2);
  for (const std::string& example : examples) {
    const std::string name = example.substr(0, example.find('\n'));
    INFO("proto/01-frames.md, example " << name);
    CHECK(example.substr(name.size() + 1) == text_of(folder / name));
  }
}

TEST_CASE("the specification's table of records is the code's", "[wire][vectors]") {
  const std::string spec = text_of(folder.parent_path() / "01-frames.md");
  for (const proto::Message& message : samples::one_of_each()) {
    const auto type = std::visit([]<class T>(const T&) { return proto::type_of<T>; }, message);
    const auto number = static_cast<std::uint16_t>(type);
    const std::string row = "| " + wire::type_name(number) + " | " + std::to_string(number) + " | " +
                            (wire::is_critical(type) ? "yes" : "no") + " |";
    INFO(row);
    CHECK(spec.find(row) != std::string::npos);
  }
}

}  // namespace vectors_test
