#include "taskmesh/base/log.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <catch2/catch.hpp>

namespace log_test {

using namespace taskmesh;

namespace {

struct Pipe {
  std::array<int, 2> fds{-1, -1};
  Pipe() { REQUIRE(::pipe2(fds.data(), O_CLOEXEC) == 0); }
  ~Pipe() {
    ::close(fds[0]);
    ::close(fds[1]);
  }
  std::string drain() const {
    ::fcntl(fds[0], F_SETFL, O_NONBLOCK);
    std::string text;
    std::array<char, 4096> chunk{};
    for (ssize_t got = 0; (got = ::read(fds[0], chunk.data(), chunk.size())) > 0;) {
      text.append(chunk.data(), static_cast<std::size_t>(got));
    }
    return text;
  }
};

}  // namespace

SCENARIO("a log line is one line, at or above its level, and never blocks", "[base][log]") {
  GIVEN("a log on a pipe at level info") {
    const Pipe pipe;
    const Log log(LogLevel::info, pipe.fds[1]);
    WHEN("lines of several levels are written, one with control characters") {
      log.debug("too fine");
      log.info("a member\ncame \x1b[31m");
      log.warning("careful");
      THEN("the fine one is missing and nobody can forge a line") {
        const std::string text = pipe.drain();
        CHECK(text.find("too fine") == std::string::npos);
        CHECK(text.find("a member came  [31m") != std::string::npos);
        CHECK(text.find("warning taskmesh[") != std::string::npos);
        CHECK(std::count(text.begin(), text.end(), '\n') == 2);
      }
    }
    WHEN("nobody reads and the pipe is full") {
      for (int i = 0; i < 100'000; ++i) log.info("line " + std::to_string(i));
      THEN("writing came back, and the next line that fits tells how many were dropped") {
        CHECK(pipe.drain().find("line 0\n") != std::string::npos);
        log.info("after");
        const std::string text = pipe.drain();
        CHECK(text.find("log lines were dropped") != std::string::npos);
        CHECK(text.find("after\n") != std::string::npos);
      }
    }
  }
}

TEST_CASE("log levels are read by name", "[base][log]") {
  CHECK(parse_log_level("warning") == LogLevel::warning);
  CHECK_FALSE(parse_log_level("loud"));
  ::setenv("TASKMESH_LOG", "error", 1);
  CHECK(log_level_from_environment(LogLevel::info) == LogLevel::error);
  ::setenv("TASKMESH_LOG", "loud", 1);
  CHECK(log_level_from_environment(LogLevel::info) == LogLevel::info);
  ::unsetenv("TASKMESH_LOG");
}

}  // namespace log_test
