#include "cli/terminal.hpp"

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>

#include "taskmesh/base/check.hpp"

namespace taskmesh::cli {

namespace {

// Another screen, no cursor, no wrapping at the edge; and back.
constexpr std::string_view take_sequence = "\x1b[?1049h\x1b[?25l\x1b[?7l\x1b[2J";
constexpr std::string_view back_sequence = "\x1b[0m\x1b[?7h\x1b[?25h\x1b[?1049l";
constexpr std::array fatal_signals{SIGSEGV, SIGABRT, SIGBUS, SIGFPE, SIGILL};

/// For the handler of fatal signals, which knows nothing else.
termios at_first{};

bool write_all(std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(STDOUT_FILENO, text.data(), text.size());
    if (written < 0 && errno != EINTR && errno != EAGAIN) return false;
    if (written < 0 && errno == EAGAIN) {
      pollfd room{.fd = STDOUT_FILENO, .events = POLLOUT, .revents = 0};
      ::poll(&room, 1, -1);
    }
    if (written > 0) text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

/// Only what a handler of signals may call.
void on_fatal(int number) {
  static_cast<void>(!::write(STDOUT_FILENO, back_sequence.data(), back_sequence.size()));
  ::tcsetattr(STDIN_FILENO, TCSANOW, &at_first);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

void handle_fatal(void (*handler)(int)) {
  for (const int number : fatal_signals) ::signal(number, handler);
}

Error no_terminal(std::string why) {
  return {
      .kind = ErrorKind::invalid,
      .what = "there is no terminal to draw on",
      .why = std::move(why),
      .fix = "say --once for one picture as text, or use `taskmesh workers --watch` and `taskmesh tasks`"};
}

}  // namespace

Result<void> Terminal::look() {
  if (::isatty(STDIN_FILENO) == 0) return fail(no_terminal("standard input is none"));
  if (::isatty(STDOUT_FILENO) == 0) return fail(no_terminal("standard output is none"));
  const char* kind = std::getenv("TERM");
  if (kind == nullptr || *kind == '\0') return fail(no_terminal("$TERM does not say what it is"));
  if (std::string_view(kind) == "dumb") return fail(no_terminal("$TERM is 'dumb'"));
  return {};
}

Terminal::Terminal() {
  sigset_t ours;
  sigemptyset(&ours);
  for (const int number : {SIGTERM, SIGINT, SIGHUP, SIGQUIT, SIGWINCH, SIGCONT}) sigaddset(&ours, number);
  TASKMESH_CHECK(pthread_sigmask(SIG_BLOCK, &ours, nullptr) == 0);
  signal_fd_ = ::signalfd(-1, &ours, SFD_CLOEXEC | SFD_NONBLOCK);
  wake_fd_ = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  TASKMESH_CHECK(signal_fd_ >= 0 && wake_fd_ >= 0);
  ::tcgetattr(STDIN_FILENO, &before_);
  at_first = before_;
  taken_ = true;
  handle_fatal(&on_fatal);
  enter();
}

Terminal::~Terminal() {
  give_back();
  ::close(signal_fd_);
  ::close(wake_fd_);
}

void Terminal::enter() {
  termios raw = before_;
  ::cfmakeraw(&raw);
  raw.c_cc[VMIN] = 0;  // read() never waits: wait() does.
  raw.c_cc[VTIME] = 0;
  ::tcsetattr(STDIN_FILENO, TCSANOW, &raw);
  write_all(take_sequence);
}

void Terminal::give_back() {
  if (!taken_) return;
  taken_ = false;
  write_all(back_sequence);
  ::tcsetattr(STDIN_FILENO, TCSAFLUSH, &before_);  // What was typed for the picture is not for the shell.
  handle_fatal(SIG_DFL);
}

TerminalSize Terminal::size() const {
  winsize window{};
  if (::ioctl(STDOUT_FILENO, TIOCGWINSZ, &window) != 0 || window.ws_col == 0 || window.ws_row == 0) return {};
  return {.columns = window.ws_col, .rows = window.ws_row};
}

bool Terminal::show(std::string_view octets) const { return write_all(octets); }

Terminal::Happened Terminal::wait(Duration budget) {
  std::array<pollfd, 3> watched{{{.fd = STDIN_FILENO, .events = POLLIN, .revents = 0},
                                 {.fd = signal_fd_, .events = POLLIN, .revents = 0},
                                 {.fd = wake_fd_, .events = POLLIN, .revents = 0}}};
  const timespec time = to_timespec(budget);
  ::ppoll(watched.data(), watched.size(), &time, nullptr);
  Happened happened;
  if (watched[1].revents != 0) take_signals(happened);
  if (watched[0].revents != 0) take_keys(happened);
  std::uint64_t rings = 0;
  static_cast<void>(!::read(wake_fd_, &rings, sizeof rings));
  if (happened.redraw) enter();
  return happened;
}

void Terminal::take_signals(Happened& happened) const {
  signalfd_siginfo signal{};
  while (::read(signal_fd_, &signal, sizeof signal) == sizeof signal) {
    const bool picture = signal.ssi_signo == SIGWINCH || signal.ssi_signo == SIGCONT;
    (picture ? happened.redraw : happened.over) = true;
  }
}

void Terminal::take_keys(Happened& happened) {
  std::array<char, 1'024> octets{};
  const ssize_t count = ::read(STDIN_FILENO, octets.data(), octets.size());
  if (count <= 0) {
    happened.over = count == 0 || errno != EINTR;  // It was readable, and there is nothing: it is gone.
    return;
  }
  happened.keys = keys_.read({octets.data(), static_cast<std::size_t>(count)});
}

void Terminal::wake() const {
  const std::uint64_t one = 1;
  static_cast<void>(!::write(wake_fd_, &one, sizeof one));
}

}  // namespace taskmesh::cli
