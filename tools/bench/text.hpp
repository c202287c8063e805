// Text of tables: numbers and rows of fixed width. Pure; values in, text out.
#pragma once

#include <cstdint>
#include <string>

namespace taskmesh::bench {

/// With so many digits after the point.
std::string fixed(double value, int decimals);
/// "1 worker", "2 workers".
std::string plural(std::uint64_t count, const std::string& word);
/// One line of a table, with its newline.
std::string row(const std::string& title, const std::string& ratio, const std::string& range,
                const std::string& mesh, const std::string& raw);

}  // namespace taskmesh::bench
