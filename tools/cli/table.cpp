#include "cli/table.hpp"

#include <algorithm>

namespace taskmesh::cli {

std::string table_of(const std::vector<Row>& rows) {
  std::vector<std::size_t> widths(rows.empty() ? 0 : rows.front().size());
  for (const Row& row : rows) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  std::string text;
  for (const Row& row : rows) {
    if (!text.empty()) text += "\n";
    for (std::size_t i = 0; i + 1 < widths.size(); ++i) {
      text += row[i] + std::string(widths[i] - row[i].size() + 2, ' ');
    }
    text += row.back();
  }
  return text;
}

std::string rough(Duration span) {
  if (span < 1s) return std::to_string(span / 1ms) + "ms";
  if (span < 2min) return std::to_string(span / 1s) + "s";
  if (span < 2h) return std::to_string(span / 1min) + "m";
  if (span < 48h) return std::to_string(span / 1h) + "h";
  return std::to_string(span / 24h) + "d";
}

}  // namespace taskmesh::cli
