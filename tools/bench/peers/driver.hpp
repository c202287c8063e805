// Driver: what the programs that load a peer have in common. tools/bench/peers/run starts one and asks it for
// slices of load, line by line on standard input; each answer is one line of JSON on standard output:
//
//   lone MILLISECONDS           -> {"p50_us": .., "p99_us": ..}   one task after the other
//   flood WINDOW MILLISECONDS   -> {"per_s": ..}                  a window full of tasks under way
//
// It says `ready` first, when a task has come back. Payload: 100 octets that begin with the task's number; who
// answers anything else than what was sent ends the program, and with it the peer's part of the run.
//
// Threads: one. Errors: std::runtime_error.
#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <functional>
#include <iostream>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "bench/slice.hpp"
#include "bench/statistics.hpp"

namespace taskmesh::bench::peers {

inline constexpr std::uint64_t payload_bytes = 100;

inline std::string payload_of(std::uint64_t number) {
  std::string text = std::to_string(number) + " ";
  text.resize(payload_bytes, 'x');
  return text;
}

inline void expect(bool good, std::string_view what) {
  if (!good) throw std::runtime_error(std::string(what));
}

/// Measures `one`, which sends a payload and returns what came back, until the slice is over.
inline Latency lone_slice(std::chrono::milliseconds length, std::uint64_t& numbers,
                          const std::function<std::string(const std::string&)>& one) {
  std::vector<double> samples_us;
  for (Slice slice(length, 0); slice.more();) {
    const std::string payload = payload_of(numbers++);
    const auto start = Clock::now();
    const std::string answer = one(payload);
    samples_us.push_back(std::chrono::duration<double, std::micro>(Clock::now() - start).count());
    expect(answer == payload, "an answer is not what was sent");
  }
  return {.p50_us = percentile(samples_us, 0.50),
          .p99_us = percentile(samples_us, 0.99),
          .count = samples_us.size()};
}

/// Reads and answers commands until the input ends. Returns the exit code.
inline int drive(const std::function<Latency(std::chrono::milliseconds)>& lone,
                 const std::function<double(std::uint64_t window, std::chrono::milliseconds)>& flood) {
  lone(std::chrono::milliseconds(0));
  std::cout << "ready" << std::endl;
  std::string command;
  while (std::cin >> command) {
    std::uint64_t window = 0;
    std::int64_t length_ms = 0;
    if (command == "flood") std::cin >> window;
    expect((command == "flood" || command == "lone") && std::cin >> length_ms, "a command is unknown");
    const std::chrono::milliseconds length(length_ms);
    if (command == "lone") {
      const Latency got = lone(length);
      std::cout << "{\"p50_us\": " << got.p50_us << ", \"p99_us\": " << got.p99_us << "}" << std::endl;
    } else {
      std::cout << "{\"per_s\": " << static_cast<std::uint64_t>(flood(window, length)) << "}" << std::endl;
    }
  }
  return EXIT_SUCCESS;
}

/// main of a driver: what it throws is told, and ends it.
inline int run_driver(const std::function<int()>& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
    return EXIT_FAILURE;
  }
}

}  // namespace taskmesh::bench::peers
