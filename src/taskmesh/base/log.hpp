// Log: lines for people, on stderr. One per life-cycle change of a node, none per task at the default level.
//
// A Log is a cheap handle to one logger; copies share it. There is no global one: whoever writes was given a
// Log. Threads: any. Never blocks: when stderr takes nothing more (a stopped pager behind a pipe), lines are
// dropped and the next line that gets through says how many. Control characters in a text are replaced, so no
// peer can forge a line.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

enum class LogLevel : std::uint8_t { debug, info, warning, error, off };

/// Reads debug, info, warning, error or off. Error: invalid.
Result<LogLevel> parse_log_level(std::string_view text);

/// The variable TASKMESH_LOG where it is set and readable, else `otherwise`.
LogLevel log_level_from_environment(LogLevel otherwise);

class Log {
 public:
  /// Writes to `fd`, which stays open and stays the caller's.
  explicit Log(LogLevel level, int fd = 2);

  void debug(std::string_view text) const { write(LogLevel::debug, text); }
  void info(std::string_view text) const { write(LogLevel::info, text); }
  void warning(std::string_view text) const { write(LogLevel::warning, text); }
  void error(std::string_view text) const { write(LogLevel::error, text); }
  void write(LogLevel level, std::string_view text) const;
  bool enabled(LogLevel level) const { return level >= level_ && level != LogLevel::off; }

 private:
  struct Logger;
  std::shared_ptr<Logger> logger_;
  LogLevel level_;
};

}  // namespace taskmesh
