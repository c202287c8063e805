#include "taskmesh/base/log.hpp"

#include <poll.h>
#include <spdlog/logger.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>
#include <unistd.h>

#include <array>
#include <cstdlib>
#include <mutex>
#include <string>

namespace taskmesh {

namespace {

constexpr std::size_t line_bytes = 4096;  // A pipe that reports room takes this much without blocking.
constexpr std::array<std::string_view, 5> level_names{"debug", "info", "warning", "error", "off"};

/// Writes whole lines, and only where the descriptor has room for them now.
class PoliteSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  explicit PoliteSink(int fd) : fd_(fd) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    spdlog::memory_buf_t line;
    formatter_->format(message, line);
    if (line.size() > line_bytes) {
      line.resize(line_bytes);
      line[line_bytes - 1] = '\n';
    }
    if (dropped_ > 0 &&
        put("(" + std::to_string(dropped_) + " log lines were dropped: stderr was blocked)\n")) {
      dropped_ = 0;
    }
    if (!put({line.data(), line.size()})) ++dropped_;
  }
  void flush_() override {}

  bool put(std::string_view line) const {
    pollfd room{.fd = fd_, .events = POLLOUT, .revents = 0};
    if (::poll(&room, 1, 0) != 1 || (room.revents & POLLOUT) == 0) return false;
    return ::write(fd_, line.data(), line.size()) > 0;
  }

  int fd_;
  std::uint64_t dropped_ = 0;
};

spdlog::level::level_enum to_spdlog(LogLevel level) {
  switch (level) {
    case LogLevel::debug:
      return spdlog::level::debug;
    case LogLevel::info:
      return spdlog::level::info;
    case LogLevel::warning:
      return spdlog::level::warn;
    case LogLevel::error:
      return spdlog::level::err;
    case LogLevel::off:
      return spdlog::level::off;
  }
  return spdlog::level::off;
}

std::string without_control_characters(std::string_view text) {
  std::string clean(text);
  for (char& c : clean) {
    const auto octet = static_cast<unsigned char>(c);
    if (octet < 0x20 || octet == 0x7F) c = ' ';
  }
  return clean;
}

}  // namespace

struct Log::Logger {
  explicit Logger(int fd) : out("taskmesh", std::make_shared<PoliteSink>(fd)) {
    out.set_formatter(std::make_unique<spdlog::pattern_formatter>("%Y-%m-%dT%H:%M:%S.%eZ %l taskmesh[%P]: %v",
                                                                  spdlog::pattern_time_type::utc));
    out.set_level(spdlog::level::debug);
  }
  spdlog::logger out;
};

Result<LogLevel> parse_log_level(std::string_view text) {
  for (std::size_t i = 0; i < level_names.size(); ++i) {
    if (level_names[i] == text) return static_cast<LogLevel>(i);
  }
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 64)) + "' is not a log level",
               .why = "the levels are debug, info, warning, error and off",
               .fix = "use one of them"});
}

LogLevel log_level_from_environment(LogLevel otherwise) {
  const char* text = std::getenv("TASKMESH_LOG");
  if (text == nullptr) return otherwise;
  return parse_log_level(text).value_or(otherwise);
}

Log::Log(LogLevel level, int fd) : logger_(std::make_shared<Logger>(fd)), level_(level) {}

void Log::write(LogLevel level, std::string_view text) const {
  if (enabled(level))
    logger_->out.log(to_spdlog(level), spdlog::string_view_t(without_control_characters(text)));
}

}  // namespace taskmesh
