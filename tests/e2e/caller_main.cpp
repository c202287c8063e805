// A client process for the tests: CALLS tallies, one after the other; prints what went wrong.
// Usage: e2e_caller FILE CALLER CALLS
#include <iostream>

#include "e2e/tasks.hpp"

int main(int argc, char** argv) try {
  if (argc != 4) return 2;
  const std::string path = argv[1];
  const std::int64_t caller = std::stoll(argv[2]);
  const std::int64_t calls = std::stoll(argv[3]);
  taskmesh::Client client;
  std::int64_t wrong = 0;
  std::int64_t failed = 0;
  for (std::int64_t i = 0; i < calls; ++i) {
    const auto result = client.submit_task(e2e::tally(path, caller, i));
    if (!result) {
      ++failed;
      std::cerr << to_string(result.error()) << '\n';
    } else if (result.value() != e2e::tally_answer(caller, i)) {
      ++wrong;
    }
  }
  std::cout << "wrong " << wrong << " failed " << failed << '\n';
  return wrong + failed == 0 ? 0 : 1;
} catch (const std::exception& error) {
  std::cerr << "error: " << error.what() << '\n';
  return 1;
}
