// taskmesh_sim --seed=N [--until=M] [--notes] [--members]: replays one seed (or N..M) of the swarm, or of the members, and
// prints the hash of its history; with --notes also its log.
#include <charconv>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "sim/members.hpp"
#include "sim/swarm.hpp"

namespace {

bool read_number(std::string_view text, std::string_view flag, std::uint64_t& value) {
  if (!text.starts_with(flag)) return false;
  text.remove_prefix(flag.size());
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  return error == std::errc{} && end == text.data() + text.size();
}

template <class Outcome>
bool report(const Outcome& outcome, bool always, bool notes) {
  if (outcome.failures.empty() && !always) return true;
  std::printf("seed=%llu hash=%016llx failures=%zu\n", static_cast<unsigned long long>(outcome.seed),
              static_cast<unsigned long long>(outcome.hash), outcome.failures.size());
  for (const auto& failure : outcome.failures) std::printf("  %s\n", failure.c_str());
  for (const auto& note : outcome.notes) {
    if (notes) std::printf("  %s\n", note.c_str());
  }
  return outcome.failures.empty();
}

}  // namespace

int main(int argc, char** argv) {
  std::uint64_t seed = 0;
  std::uint64_t until = 0;
  bool notes = false;
  bool members = false;
  for (int i = 1; i < argc; ++i) {
    const std::string_view flag = argv[i];
    notes = notes || flag == "--notes";
    members = members || flag == "--members";
    if (flag == "--notes" || flag == "--members") continue;
    if (read_number(flag, "--seed=", seed) || read_number(flag, "--until=", until)) continue;
    std::fprintf(stderr, "usage: taskmesh_sim --seed=N [--until=M] [--notes] [--members]\n");
    return 2;
  }
  bool good = true;
  for (std::uint64_t one = seed; one <= (until < seed ? seed : until); ++one) {
    const bool always = until <= seed;
    good = (members ? report(taskmesh::sim::run_members(one), always, notes)
                    : report(taskmesh::sim::run_seed(one), always, notes)) &&
           good;
  }
  return good ? 0 : 1;
}
