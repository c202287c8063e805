#include "taskmesh/base/error.hpp"

namespace taskmesh {

std::string_view to_string(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return "invalid";
    case ErrorKind::not_found:
      return "not_found";
    case ErrorKind::unavailable:
      return "unavailable";
    case ErrorKind::overloaded:
      return "overloaded";
    case ErrorKind::timed_out:
      return "timed_out";
    case ErrorKind::cancelled:
      return "cancelled";
    case ErrorKind::failed:
      return "failed";
    case ErrorKind::lost:
      return "lost";
    case ErrorKind::corrupt:
      return "corrupt";
    case ErrorKind::refused:
      return "refused";
  }
  return "unknown";  // A newer peer's kind: shown, never trusted.
}

std::string to_string(const Error& error) {
  std::string text = error.what;
  if (!error.why.empty()) text += ": " + error.why;
  if (!error.fix.empty()) text += " (" + error.fix + ")";
  return text;
}

}  // namespace taskmesh
