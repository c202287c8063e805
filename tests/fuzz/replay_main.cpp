// Runs a fuzz target over files and folders given as arguments: the corpus as a regression test, with any
// compiler. libFuzzer brings its own main in the fuzz preset.
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void replay(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  const std::string bytes{std::istreambuf_iterator<char>{in}, {}};
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t count = 0;
  for (int i = 1; i < argc; ++i) {
    if (std::filesystem::is_directory(argv[i])) {
      for (const auto& entry : std::filesystem::directory_iterator(argv[i])) {
        if (!entry.is_regular_file()) continue;
        std::cerr << entry.path() << '\n';  // The last one named is the one that crashed.
        replay(entry.path());
        ++count;
      }
    } else if (std::filesystem::is_regular_file(argv[i])) {
      replay(argv[i]);
      ++count;
    } else {
      std::cerr << "error: no such corpus: " << argv[i] << '\n';
      return 2;
    }
  }
  std::cout << "replayed " << count << " inputs\n";
  return count > 0 ? 0 : 2;
}
