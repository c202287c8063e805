// TASKMESH_CHECK(condition): a bug in taskmesh itself ends the process with a line that names it.
//
// For what cannot happen unless our own code is wrong; never for input, never for a peer's mistake.
#pragma once

namespace taskmesh {

/// Prints the failed check on stderr and aborts.
[[noreturn]] void check_failed(const char* condition, const char* file, int line) noexcept;

}  // namespace taskmesh

#define TASKMESH_CHECK(condition) \
  ((condition) ? static_cast<void>(0) : ::taskmesh::check_failed(#condition, __FILE__, __LINE__))
