#include "report.hpp"

#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <iostream>

namespace pipeline {
namespace {

double milliseconds_of(std::chrono::microseconds time) {
  return std::chrono::duration<double, std::milli>(time).count();
}

template <class... Values>
std::string formatted(const char* format, Values... values) {
  std::array<char, 256> text{};
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
  std::snprintf(text.data(), text.size(), format, values...);
#pragma GCC diagnostic pop
  return text.data();
}

}  // namespace

void Tally::add(const std::string& worker, std::size_t stage, std::chrono::microseconds took) {
  Row& row = by_worker_[worker];
  ++row.tasks.at(stage);
  row.busy += took;
  Stage& of_stage = by_stage_.at(stage);
  ++of_stage.tasks;
  of_stage.total += took;
  of_stage.longest = std::max(of_stage.longest, took);
}

std::uint64_t Tally::tasks() const {
  std::uint64_t sum = 0;
  for (const Stage& stage : by_stage_) sum += stage.tasks;
  return sum;
}

std::vector<std::string> Tally::lines() const {
  std::string head = formatted("%-14s", "worker");
  for (const char* const stage : stage_names) head += formatted(" %12s", stage);
  std::vector<std::string> out{head + formatted(" %10s", "busy")};
  for (const auto& [worker, row] : by_worker_) {
    std::string line = formatted("%-14.60s", worker.c_str());
    for (const std::uint64_t tasks : row.tasks)
      line += formatted(" %12llu", static_cast<unsigned long long>(tasks));
    out.push_back(line + formatted(" %8.0fms", milliseconds_of(row.busy)));
  }
  out.push_back(formatted("%-14s %12s %12s %12s", "stage", "tasks", "mean", "longest"));
  for (std::size_t i = 0; i < stages; ++i) {
    const Stage& stage = by_stage_.at(i);
    const double mean =
        stage.tasks == 0 ? 0 : milliseconds_of(stage.total) / static_cast<double>(stage.tasks);
    out.push_back(formatted("%-14s %12llu %10.2fms %10.2fms", stage_names.at(i),
                            static_cast<unsigned long long>(stage.tasks), mean,
                            milliseconds_of(stage.longest)));
  }
  return out;
}

Progress::Progress(bool silent) : silent_{silent}, terminal_{::isatty(STDERR_FILENO) == 1} {}

void Progress::show(const Status& status) {
  if (silent_ || status.total == 0) return;
  const std::size_t ended = status.done + status.failed;
  const std::string counts = formatted("%zu/%zu documents, %zu in flight, %zu failed", ended, status.total,
                                       status.in_flight, status.failed);
  if (terminal_) {
    constexpr std::size_t width = 30;
    const std::size_t filled = ended * width / status.total;
    std::cerr << "\r\x1b[K[" << std::string(filled, '#') << std::string(width - filled, '.') << "] " << counts
              << std::flush;
    open_line_ = true;
  } else if (const std::size_t tenth = ended * 10 / status.total; tenth > tenth_) {
    tenth_ = tenth;
    std::cerr << counts << '\n';
  }
}

void Progress::note(const std::string& line) {
  finish();
  std::cerr << line << '\n';
}

void Progress::finish() {
  if (open_line_) std::cerr << '\n';
  open_line_ = false;
}

std::string headline(const Status& status, const Tally& tally) {
  const double seconds = std::max(std::chrono::duration<double>(status.elapsed).count(), 0.001);
  const auto documents = static_cast<double>(status.done + status.failed);
  return formatted("%zu documents in %.2f s (%.0f/s), %llu tasks on %zu workers", status.done + status.failed,
                   seconds, documents / seconds, static_cast<unsigned long long>(tally.tasks()),
                   tally.workers());
}

void print_summary(const Site& site, const std::string& index, bool plain) {
  if (plain) {
    std::cout << "pages " << site.records.size() << '\n';
  } else {
    for (const std::string& line : site.run) std::cout << line << '\n';
  }
  for (const std::string& line : count_kinds(site.records)) std::cout << "  " << line << '\n';
  std::cout << "failed " << site.failures.size() << '\n';
  for (const FailedDocument& failure : site.failures) {
    std::cout << "  " << failure.source.name << ": " << failure.stage << ": " << failure.why << '\n';
  }
  if (!plain) std::cout << "site: " << index << '\n';
}

}  // namespace pipeline
