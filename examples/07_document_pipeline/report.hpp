// What people see while the pipeline runs and after it: a progress bar, and who did what.
//
// Tally is plain data without locks: its owner guards it.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "site.hpp"

namespace pipeline {

/// Tasks and their times, by worker and by stage.
class Tally {
 public:
  static constexpr std::size_t stages = stage_names.size();
  void add(const std::string& worker, std::size_t stage, std::chrono::microseconds took);
  std::uint64_t tasks() const;
  std::size_t workers() const { return by_worker_.size(); }
  /// Two small tables, as lines.
  std::vector<std::string> lines() const;

 private:
  struct Row {
    std::array<std::uint64_t, stages> tasks{};
    std::chrono::microseconds busy{};
  };
  struct Stage {
    std::uint64_t tasks = 0;
    std::chrono::microseconds total{};
    std::chrono::microseconds longest{};
  };
  std::map<std::string, Row> by_worker_;
  std::array<Stage, stages> by_stage_{};
};

struct Status {
  std::size_t total = 0;
  std::size_t done = 0;
  std::size_t failed = 0;
  std::size_t in_flight = 0;
  std::chrono::milliseconds elapsed{};
};

/// Draws on stderr: a bar that overwrites itself on a terminal, else a line per tenth.
class Progress {
 public:
  explicit Progress(bool silent);
  void show(const Status& status);
  void note(const std::string& line);  ///< A line of its own; never silent.
  void finish();                       ///< Ends the bar's line.

 private:
  bool silent_;
  bool terminal_;
  bool open_line_ = false;
  std::size_t tenth_ = 0;
};

/// "300 documents in 2.14 s (140/s), 1493 tasks on 3 workers"
std::string headline(const Status& status, const Tally& tally);

/// The summary on stdout: with times and workers, or plain: only what is the same on every run.
void print_summary(const Site& site, const std::string& index, bool plain);

}  // namespace pipeline
