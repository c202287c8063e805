// How much memory did one call ask for at once? This folder's binary counts what operator new is asked for.
#pragma once

#include <cstddef>

namespace allocations {

/// From its construction on: the largest single allocation of this thread.
class Largest {
 public:
  Largest();
  std::size_t octets() const;
};

}  // namespace allocations
