// Terminal: the one that this process was started at, as a picture and a keyboard, by ANSI sequences and termios.
// docs/decisions/0027.
//
// Given back as it was found by the destructor, by give_back(), and where the process is ended by a fatal signal. One per
// process; made before any other thread, so that signals are left to it. Threads: one.
#pragma once

#include <termios.h>

#include <string_view>
#include <vector>

#include "cli/keys.hpp"
#include "cli/top_view.hpp"
#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh::cli {

class Terminal {
 public:
  /// Why there is none here: input or output is no terminal, or one without a cursor ($TERM). Error: invalid.
  static Result<void> look();

  /// Takes it: raw keys, another screen, no cursor. look() has found one.
  Terminal();
  Terminal(const Terminal&) = delete;
  Terminal& operator=(const Terminal&) = delete;
  ~Terminal();

  /// As it was found. Harmless when that was done before.
  void give_back();
  TerminalSize size() const;
  /// False: nobody sees it any more.
  bool show(std::string_view octets) const;

  struct Happened {
    std::vector<Key> keys{};
    bool redraw = false;  ///< Its size has changed, or somebody else was at it.
    bool over = false;    ///< SIGTERM, SIGINT, SIGHUP, SIGQUIT, or nobody types any more.
  };
  /// Until something happens, wake(), or `budget` has passed.
  Happened wait(Duration budget);
  /// From any thread.
  void wake() const;

 private:
  void enter();
  void take_signals(Happened& happened) const;
  void take_keys(Happened& happened);

  termios before_{};
  bool taken_ = false;
  int signal_fd_;
  int wake_fd_;
  KeyReader keys_;
};

}  // namespace taskmesh::cli
