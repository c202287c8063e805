#include "taskmesh/base/check.hpp"

#include <cstdio>
#include <cstdlib>

namespace taskmesh {

void check_failed(const char* condition, const char* file, int line) noexcept {
  std::fprintf(stderr, "taskmesh: bug: check failed: %s at %s:%d\n", condition, file, line);
  std::abort();
}

}  // namespace taskmesh
