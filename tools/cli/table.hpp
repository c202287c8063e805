// Tables for people: aligned columns, two spaces apart.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/base/time.hpp"

namespace taskmesh::cli {

using Row = std::vector<std::string>;

/// Lines without an end of line behind the last; all rows have as many cells as the first, and the last cell of a row
/// is not padded. What came from others was made harmless before.
std::string table_of(const std::vector<Row>& rows);

/// A span as a person would say it: "850ms", "12s", "5m", "23h", "9d". Always rounded down.
std::string rough(Duration span);

}  // namespace taskmesh::cli
