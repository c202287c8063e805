// Errors as values: what went wrong, why, and what to do about it.
//
// The kind is for the program (may I retry, and how?), the three texts are for people. Every kind is
// explained in docs/errors.md, which a test compares with this list.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace taskmesh {

/// What the caller may do about an error. The numbers travel on the wire (proto/03-tasks.md): append only.
enum class ErrorKind : std::uint8_t {
  invalid = 1,      ///< The request is wrong; the same request fails again.
  not_found = 2,    ///< Nobody knows that task name or id.
  unavailable = 3,  ///< Nobody could be reached; try again later.
  overloaded = 4,   ///< A limit is reached; try again after a pause.
  timed_out = 5,    ///< A deadline or time limit passed first.
  cancelled = 6,    ///< Somebody cancelled it.
  failed = 7,       ///< The task's own code said no; carries its type and message.
  lost = 8,         ///< The worker that held it died; it may or may not have run.
  corrupt = 9,      ///< Bytes that cannot be what they claim to be.
  refused = 10,     ///< Understood and not allowed.
};

/// One error. Copyable, comparable; printed with to_string().
struct Error {
  ErrorKind kind = ErrorKind::invalid;
  std::string what = {};  ///< What happened: "task 7f3a was not accepted".
  std::string why = {};   ///< The cause: "queue holds 1024 tasks, the limit". May be empty.
  std::string fix = {};   ///< What to do: "add workers or raise queue_tasks_max". May be empty.

  bool operator==(const Error&) const = default;
};

/// The kind's name as written in code, JSON and documents.
std::string_view to_string(ErrorKind kind);

/// "what: why (fix)", leaving out what is empty.
std::string to_string(const Error& error);

}  // namespace taskmesh
