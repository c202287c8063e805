// Documents compared with the code they describe.
//
// docs/errors.md: under a heading that contains "Kinds" a table whose rows begin
//     | `invalid` | 1 | ...           (name and number of an ErrorKind; further columns are free)
// and under a heading that contains "Wire codes" the same for proto::Code:
//     | `version` | 1 | ...
//
// docs/limits.md: a table with one row per constant of src/taskmesh/base/limits.hpp:
//     | `payload_bytes` | 64 MiB | ...
// The value is written as people read it: a number with optional commas and a unit (none, B, KiB, MiB, GiB,
// us, ms, s, min, h) and is compared by value: `16 * 1024` in the code is "16 KiB", "16,384" or "16384" here.
//
// docs/guarantees.md, docs/hacking.md: what stands in "quotes" (not in backticks) is the title of a test, of the file whose name
// stood last in backticks, or a heading of a document. So nothing that is promised loses its test unseen.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "tidy/rules.hpp"

namespace tidy {

using Table = std::map<std::string, std::string>;  ///< First column without its backticks -> second column.

/// The enumerators of `enum class <name>` with their numbers.
Table enumerators(std::string_view code, std::string_view name);

/// The constants of limits.hpp with their expressions.
Table constants(std::string_view code);

/// The rows "| `name` | value |..." of all tables, or of those under headings that contain `heading`.
Table rows(std::string_view markdown, std::string_view heading = "");

struct Quantity {
  double amount = 0;     ///< Counts and bytes as they are, durations in microseconds.
  bool is_time = false;  ///< 1,000,000 is not 1 s.
  bool operator==(const Quantity&) const = default;
};

/// The value of a constant's expression or of a document's cell; `known` resolves names of other constants.
std::optional<Quantity> evaluate(std::string_view expression, const Table& known = {});

/// Same names, same numbers, in both directions.
Violations compare_numbers(const Table& code, const Table& document, std::string_view where);

/// The titles of a file's tests, as they are run.
std::vector<std::string> titles(std::string_view code);

/// Each quote in `document` is a heading or a test's title in the file that it says; each scenario (S01) is in some title.
Violations check_titles(const File& document, const std::vector<File>& tests,
                        const std::vector<File>& documents);

/// Same names, same values by evaluate(), in both directions.
Violations compare_limits(const Table& code, const Table& document, std::string_view where);

}  // namespace tidy
