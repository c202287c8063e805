// taskmesh_sim --seed=N [--until=M] [--notes]: replays one seed (or N..M) of the swarm and prints the hash of its
// history; with --notes also its log.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "sim/swarm.hpp"

namespace {

bool read_number(std::string_view text, std::string_view flag, std::uint64_t& value) {
  if (!text.starts_with(flag)) return false;
  text.remove_prefix(flag.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 0;
  std::uint64_t until = 0;
  bool notes = false;
  for (int i = 1; i < argc; ++i) {
    if (std::string_view{argv[i]} == "--notes") {
      notes = true;
      continue;
    }
    if (read_number(argv[i], "--seed=", seed) || read_number(argv[i], "--until=", until)) continue;
    std::fprintf(stderr, "usage: taskmesh_sim --seed=N [--until=M] [--notes]\n");
    return 2;
  }
  int failed = 0;
  for (std::uint64_t one = seed; one <= (until < seed ? seed : until); ++one) {
    const auto outcome = taskmesh::sim::run_seed(one);
    if (outcome.failures.empty() && until > seed) continue;
    std::printf("seed=%llu hash=%016llx events=%llu failures=%zu\n", static_cast<unsigned long long>(one),
                static_cast<unsigned long long>(outcome.hash),
                static_cast<unsigned long long>(outcome.entries), outcome.failures.size());
    for (const auto& failure : outcome.failures) std::printf("  %s\n", failure.c_str());
    for (const auto& note : outcome.notes) {
      if (notes) std::printf("  %s\n", note.c_str());
    }
    failed += outcome.failures.empty() ? 0 : 1;
  }
  return failed == 0 ? 0 : 1;
}
