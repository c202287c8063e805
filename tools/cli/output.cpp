#include "cli/output.hpp"

#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace taskmesh::cli {

namespace {

/// errno, or 0.
int write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EAGAIN) {  // Somebody who shares it made it non-blocking.
      pollfd room{.fd = fd, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    } else if (written < 0 && errno != EINTR) {
      return errno;
    }
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return 0;
}

Exit exit_of(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::invalid:
      return Exit::usage;
    case ErrorKind::unavailable:
      return Exit::unreachable;
    case ErrorKind::timed_out:
      return Exit::late;
    default:
      return Exit::failed;
  }
}

}  // namespace

Written print_line(std::string_view line) {
  const int error = write_all(STDOUT_FILENO, std::string(line) + "\n");
  if (error == 0) return Written::yes;
  if (error == EPIPE) return Written::closed;
  print_error({.kind = ErrorKind::failed,
               .what = "the result could not be printed",
               .why = std::strerror(error),
               .fix = "check where standard output goes"});
  return Written::failed;
}

Exit print_line(std::string_view line, Exit outcome) {
  return print_line(line) == Written::failed ? Exit::failed : outcome;
}

void print_note(std::string_view line) {
  write_all(STDERR_FILENO, harmless(line) + "\n");  // There is nobody to tell if this fails.
}

void print_error(const Error& error) { print_note("error: " + to_string(error)); }

Exit print_failure(const Error& error) {
  print_error(error);
  return exit_of(error.kind);
}

Exit print_failed_start(const Error& error) {
  return print_failure(error) == Exit::usage ? Exit::usage : Exit::failed;
}

std::string harmless(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    const auto octet = static_cast<unsigned char>(c);
    const bool control = octet < 0x20 || octet == 0x7F;
    if (control && c != '\n' && c != '\t') c = ' ';
  }
  return clean;
}

}  // namespace taskmesh::cli
