#include "taskmesh/http/exposition.hpp"

#include <cstdio>

namespace taskmesh::http {

namespace {

std::string_view type_name(Exposition::Type type) {
  switch (type) {
    case Exposition::Type::counter:
      return "counter";
    case Exposition::Type::gauge:
      return "gauge";
    case Exposition::Type::histogram:
      return "histogram";
    case Exposition::Type::info:
      return "info";
  }
  return "unknown";
}

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '\\' || c == '"') out += '\\';
    if (c == '\n')
      out += "\\n";
    else
      out += c;
  }
  return out;
}

std::string number(double value) {
  char text[32];
  const int size = std::snprintf(text, sizeof text, "%.9g", value);
  return {text, static_cast<std::size_t>(size)};
}

std::string_view ending(Exposition::Type type) {
  if (type == Exposition::Type::counter) return "_total";
  return type == Exposition::Type::info ? "_info" : "";
}

}  // namespace

void Exposition::begin(std::string_view name, Type type, std::string_view unit, std::string_view help) {
  name_ = name;
  type_ = type;
  const bool open = format_ == Format::open_metrics;
  // The text format knows the name of the samples only, and no info.
  const std::string shown = open ? name_ : name_ + std::string(ending(type));
  const std::string_view kind = !open && type == Type::info ? "gauge" : type_name(type);
  text_ += "# TYPE " + shown + " " + std::string(kind) + "\n";
  if (open && !unit.empty()) text_ += "# UNIT " + shown + " " + std::string(unit) + "\n";
  text_ += "# HELP " + shown + " " + escaped(help) + "\n";
}

void Exposition::sample(const Labels& labels, double value) { sample("", labels, number(value)); }

void Exposition::sample(std::string_view suffix, const Labels& labels, std::string_view value) {
  text_ += name_;
  text_ += suffix.empty() ? ending(type_) : suffix;
  char before = '{';
  for (const auto& [label, content] : labels) {
    text_ += before;
    text_ += std::string(label) + "=\"" + escaped(content) + "\"";
    before = ',';
  }
  if (!labels.empty()) text_ += '}';
  text_ += ' ';
  text_ += value;
  text_ += '\n';
}

std::string Exposition::take() {
  if (format_ == Format::open_metrics) text_ += "# EOF\n";
  return std::move(text_);
}

Exposition::Format Exposition::format_for(std::string_view accept) {
  const bool open = accept.find("application/openmetrics-text") != std::string_view::npos;
  return open ? Format::open_metrics : Format::text;
}

std::string_view Exposition::content_type(Format format) {
  return format == Format::open_metrics ? "application/openmetrics-text; version=1.0.0; charset=utf-8"
                                        : "text/plain; version=0.0.4; charset=utf-8";
}

void Exposition::times(const Labels& labels, const TimeCounts& counts) {
  std::uint64_t so_far = 0;
  for (std::size_t i = 0; i < counts.counts.size(); ++i) {
    so_far += counts.counts[i];
    Labels with = labels;
    with.emplace_back("le", i < TimeCounts::bounds.size() ? TimeCounts::bounds[i].seconds : "+Inf");
    sample("_bucket", with, std::to_string(so_far));
  }
  sample("_sum", labels, number(static_cast<double>(counts.sum_ns) / 1e9));
  sample("_count", labels, std::to_string(so_far));
}

}  // namespace taskmesh::http
