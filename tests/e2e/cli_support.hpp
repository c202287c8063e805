// What the tests of the command line share.
#pragma once

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>
#include <string>

#include "support/process.hpp"

namespace e2e {

using nlohmann::json;
using support::Host;
using support::Outcome;
using support::Process;
using support::time_factor;
using support::Words;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Catch::Matchers::Matches;
using Catch::Matchers::StartsWith;

/// TASKMESH_CLI is the path of the binary under test.
inline Host make_host() { return Host(TASKMESH_CLI); }

/// The one JSON document on standard output.
inline json document(const Outcome& outcome) {
  INFO("stdout: " << outcome.out << " stderr: " << outcome.err);
  REQUIRE(outcome.out.ends_with('\n'));
  return json::parse(outcome.out);
}

/// The one line on standard output.
inline std::string line(const Outcome& outcome) {
  INFO("stdout: " << outcome.out << " stderr: " << outcome.err);
  const Words lines = support::lines_of(outcome.out);
  REQUIRE(lines.size() == 1);
  return lines.front();
}

/// Checks exit code and that nothing is on standard output but `out`.
inline void check(const Outcome& outcome, int exit_code, const std::string& out) {
  INFO("stdout: " << outcome.out << " stderr: " << outcome.err);
  CHECK(outcome.exit_code == exit_code);
  CHECK(outcome.out == out);
}

/// Runs `taskmesh status ID` until it says `state`.
inline bool becomes(const Host& host, const std::string& id, const std::string& state) {
  const auto until = std::chrono::steady_clock::now() + support::patience;
  while (std::chrono::steady_clock::now() < until) {
    if (host.run({"status", id}).out == state + "\n") return true;
  }
  return false;
}

}  // namespace e2e
