// Runs a fuzz target without libFuzzer: over every file of the folders named, then over so many mutations of
// them, from a fixed seed. A failed check or a sanitizer's finding ends the process.
// Usage: taskmesh_fuzz_NAME MUTATIONS FOLDER...
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "taskmesh/base/random.hpp"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr std::uint64_t seed = 20'261'121;

/// In a block of exactly this size, so that the address sanitizer sees a read behind its end.
void run(const std::string& input) {
  const std::vector<std::uint8_t> octets(input.begin(), input.end());
  LLVMFuzzerTestOneInput(octets.data(), octets.size());
}

std::string mutated(std::string input, const std::vector<std::string>& seeds, taskmesh::Random& random) {
  for (std::uint64_t changes = random.below(6) + 1; changes > 0; --changes) {
    const std::size_t at = random.below(input.size() + 1);
    const std::string& other = seeds[random.below(seeds.size())];
    const std::size_t from = random.below(other.size() + 1);
    switch (random.below(5)) {
      case 0:
        input.resize(at);
        break;
      case 1:
        input.insert(at, other, from, random.below(32));
        break;
      case 2:
        input.erase(at, random.below(8));
        break;
      case 3:
        input.replace(at, std::min<std::size_t>(4, input.size() - at), 4, '\xFF');
        break;
      default:
        if (at < input.size()) input[at] = static_cast<char>(random.next());
    }
  }
  return input;
}

}  // namespace

int main(int count, char** arguments) {
  std::vector<std::string> seeds;
  const int mutations = count > 1 ? std::atoi(arguments[1]) : 0;
  for (int i = 2; i < count; ++i) {
    for (const auto& entry : std::filesystem::directory_iterator(arguments[i])) {
      std::ifstream file(entry.path(), std::ios::binary);
      seeds.emplace_back(std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>());
    }
  }
  if (seeds.empty()) {
    std::fprintf(stderr, "error: no seeds (name the folder of the corpus)\n");
    return 1;
  }
  std::sort(seeds.begin(), seeds.end());  // A folder has no order; a failure must come again.
  for (const std::string& input : seeds) run(input);
  taskmesh::Random random(seed);
  for (int i = 0; i < mutations; ++i) run(mutated(seeds[random.below(seeds.size())], seeds, random));
  std::printf("%zu seeds and %d mutations were survived\n", seeds.size(), mutations);
  return 0;
}
