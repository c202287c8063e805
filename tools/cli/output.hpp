// Output: results on standard output, everything else on standard error.
#pragma once

#include <string>
#include <string_view>

#include "cli/verb.hpp"
#include "taskmesh/base/result.hpp"

namespace taskmesh::cli {

enum class Written {
  yes,
  closed,  ///< Nobody reads any more (a closed pipe): stop, and say nothing.
  failed,  ///< The disk is full, for example; the reason has been printed.
};

/// The line and a newline, written through at once.
Written print_line(std::string_view line);
/// As above; `outcome` unless the line could not be written. A closed pipe changes nothing.
Exit print_line(std::string_view line, Exit outcome);
/// A line for people on standard error.
void print_note(std::string_view line);
/// "error: what: why (fix)" on standard error.
void print_error(const Error& error);
/// Prints the error and gives the exit code of its kind.
Exit print_failure(const Error& error);
/// The same for a node that serves: what keeps it from starting is wrong usage or a failure, never the mesh.
Exit print_failed_start(const Error& error);

/// The text as a terminal may see it: control characters that others put into it become spaces.
std::string harmless(std::string_view text);

}  // namespace taskmesh::cli
