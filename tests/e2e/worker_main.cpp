// A worker in C++ for the tests: the built-in tasks and `tally`. Usage: e2e_worker [SLOTS]
#include <cstdio>
#include <iostream>
#include <stdexcept>

#include "e2e/tasks.hpp"

namespace {

std::int64_t run_tally(const std::string& path, std::int64_t caller, std::int64_t number) {
  std::FILE* file = std::fopen(path.c_str(), "ae");
  if (file == nullptr) throw std::runtime_error("cannot open " + path);
  std::fprintf(file, "%lld %lld\n", static_cast<long long>(caller), static_cast<long long>(number));
  if (std::fclose(file) != 0) throw std::runtime_error("cannot write " + path);
  return e2e::tally_answer(caller, number);
}

}  // namespace

int main(int argc, char** argv) try {
  const auto slots = static_cast<std::uint32_t>(argc > 1 ? std::stoi(argv[1]) : 2);
  taskmesh::Worker worker{{.slots = slots}};
  worker.serve_builtins();
  worker.serve(e2e::tally, run_tally);
  worker.run([&worker] { std::cerr << "serves at " << worker.endpoint() << std::endl; });
  return 0;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
