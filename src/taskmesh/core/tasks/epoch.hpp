// Epochs: the numbers of the ownerships of one task; two workers never have the same.  Spec: proto/05-keepers.md section 2a.
//
// An epoch is an ordinal (how many ownerships it took to get there) and a line. A line is handed on from one worker to
// the next one, by one gift at a time, so within a line the ordinal alone tells owners apart. Whatever else makes an owner begins
// a line of its own, with bits drawn at random: workers that do not hear each other need not agree on anything.
// Rules compare ordinals alone; users compare fences. Pure.
#pragma once

#include <algorithm>
#include <cstdint>

#include "taskmesh/base/random.hpp"

namespace taskmesh::core {

inline constexpr std::uint32_t ordinal_bits = 12;
inline constexpr std::uint32_t line_bits = 32 - ordinal_bits;
inline constexpr std::uint32_t ordinal_max = (1U << ordinal_bits) - 1;

/// Of who was sent the task first: ordinal 1, line 0.
inline constexpr std::uint32_t first_epoch = 1;

constexpr std::uint32_t ordinal_of(std::uint32_t epoch) { return epoch & ordinal_max; }
constexpr std::uint32_t line_of(std::uint32_t epoch) { return epoch >> ordinal_bits; }
constexpr std::uint32_t epoch_at(std::uint32_t ordinal, std::uint32_t line) {
  return line << ordinal_bits | std::min(ordinal, ordinal_max);
}

/// What code of tasks is told: of two epochs with different ordinals the later one has the greater fence.
constexpr std::uint32_t fence_of(std::uint32_t epoch) { return epoch << line_bits | epoch >> ordinal_bits; }
constexpr std::uint32_t ordinal_of_fence(std::uint32_t fence) { return fence >> line_bits; }
/// Whether the line began with a worker that took the task over from one that is gone.
constexpr bool fence_was_taken_over(std::uint32_t fence) { return (fence & 1U) != 0; }

/// What begins a line. Its lowest bit tells.
enum class LineOf : std::uint8_t {
  said_again,  ///< A SUBMIT or a gift that was said before: another worker may have it from the first time.
  taken_over,  ///< Its owner is gone, as far as is known.
};

/// The ordinal after `epoch`'s, in a line that differs from its line.
inline std::uint32_t epoch_in_new_line(std::uint32_t epoch, LineOf kind, Random& random) {
  const std::uint32_t kind_bit = kind == LineOf::taken_over ? 1 : 0;
  const std::uint32_t drawn = 1 + static_cast<std::uint32_t>(random.below((1U << (line_bits - 1)) - 2));
  std::uint32_t line = drawn << 1U | kind_bit;
  if (line == line_of(epoch)) line += 2;
  return epoch_at(ordinal_of(epoch) + 1, line);
}

/// Of who takes a gift that was never said before; where the ordinals end, as of one that was.
inline std::uint32_t epoch_handed_on(std::uint32_t epoch, Random& random) {
  if (ordinal_of(epoch) == ordinal_max) return epoch_in_new_line(epoch, LineOf::said_again, random);
  return epoch_at(ordinal_of(epoch) + 1, line_of(epoch));
}

}  // namespace taskmesh::core
