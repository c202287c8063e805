// Exposition: numbers as Prometheus and OpenMetrics want to read them.
//
// Families one after the other, each with its samples: begin() then sample(). Pure; plain values. Specs: OpenMetrics 1.0 and
// the text format 0.0.4 of Prometheus; which one is decided by the Accept header.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/base/time_counts.hpp"

namespace taskmesh::http {

class Exposition {
 public:
  enum class Format { text, open_metrics };
  enum class Type { counter, gauge, histogram, info };
  using Labels = std::vector<std::pair<std::string_view, std::string_view>>;

  explicit Exposition(Format format) : format_(format) {}

  /// `name` without _total or _info. A unit ends the name: "seconds", "bytes"; else empty.
  void begin(std::string_view name, Type type, std::string_view unit, std::string_view help);
  void sample(const Labels& labels, std::uint64_t value) { sample("", labels, std::to_string(value)); }
  void sample(const Labels& labels, double value);
  /// One of several lines of a histogram: `suffix` is _bucket, _sum or _count.
  void sample(std::string_view suffix, const Labels& labels, std::string_view value);
  /// All lines of a histogram, into the family that was begun.
  void times(const Labels& labels, const TimeCounts& counts);
  /// The whole document.
  std::string take();

  static Format format_for(std::string_view accept);
  static std::string_view content_type(Format format);
  Format format() const { return format_; }

 private:
  Format format_;
  std::string name_;
  Type type_ = Type::gauge;
  std::string text_;
};

}  // namespace taskmesh::http
