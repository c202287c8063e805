#include "bench/figures.hpp"

#include <algorithm>

#include "bench/statistics.hpp"
#include "bench/text.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::bench {

namespace {

std::vector<double> ratios(const std::vector<double>& mesh, const std::vector<double>& against) {
  std::vector<double> all;
  for (std::size_t i = 0; i < std::min(mesh.size(), against.size()); ++i) {
    all.push_back(against[i] > 0 ? mesh[i] / against[i] : 0);
  }
  return all;
}

int decimals_of(double value) { return value < 10 ? 2 : value < 1000 ? 1 : 0; }

std::string absolute(const std::vector<double>& samples, const std::string& unit) {
  const double value = spread_of(samples).median;
  return fixed(value, decimals_of(value)) + " " + unit;
}

std::string range(const Spread& spread, int decimals) {
  return "(" + fixed(spread.lowest, decimals) + " to " + fixed(spread.highest, decimals) + ")";
}

void write(JsonWriter& writer, const char* name, const std::vector<double>& samples) {
  const Spread spread = spread_of(samples);
  writer.key(name);
  writer.begin_object();
  const std::vector<std::pair<const char*, double>> members{
      {"median", spread.median}, {"lowest", spread.lowest}, {"highest", spread.highest}};
  for (const auto& [member, value] : members) {
    writer.key(member);
    writer.number(value);
  }
  writer.end_object();
}

}  // namespace

Figures::Line& Figures::line(std::string_view title, std::string_view unit) {
  for (Line& line : lines_) {
    if (line.title == title) return line;
  }
  return lines_.emplace_back(
      Line{.title = std::string(title), .unit = std::string(unit), .mesh = {}, .against = {}});
}

void Figures::add(std::string_view title, std::string_view unit, double mesh, double against) {
  Line& known = line(title, unit);
  known.mesh.push_back(mesh);
  known.against.push_back(against);
}

void Figures::add(std::string_view title, std::string_view unit, double mesh) {
  line(title, unit).mesh.push_back(mesh);
}

std::string Figures::to_text(const std::string& heading, const std::string& against) const {
  std::string text = row(heading, "ratio", "(over rounds)", "mesh", against);
  for (const Line& line : lines_) {
    const Spread ratio = spread_of(ratios(line.mesh, line.against));
    const Spread mesh = spread_of(line.mesh);
    text += line.against.empty() ? row(line.title, "", range(mesh, decimals_of(mesh.median)),
                                       absolute(line.mesh, line.unit), "")
                                 : row(line.title, fixed(ratio.median, 2), range(ratio, 2),
                                       absolute(line.mesh, line.unit), absolute(line.against, line.unit));
  }
  return text;
}

std::string Figures::to_json() const {
  JsonWriter writer;
  writer.begin_array();
  for (const Line& line : lines_) {
    writer.begin_object();
    writer.key("title");
    writer.string(line.title);
    writer.key("unit");
    writer.string(line.unit);
    write(writer, "mesh", line.mesh);
    if (!line.against.empty()) {
      write(writer, "against", line.against);
      write(writer, "ratio", ratios(line.mesh, line.against));
    }
    writer.end_object();
  }
  writer.end_array();
  return writer.take();
}

}  // namespace taskmesh::bench
