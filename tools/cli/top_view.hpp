// The picture of `taskmesh top`: lines for a size of the terminal, and the octets that show them. Pure.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/top_model.hpp"

namespace taskmesh::cli {

struct TerminalSize {
  std::size_t columns = 80;
  std::size_t rows = 24;
  bool operator==(const TerminalSize&) const = default;
};

enum class Style {
  plain,
  title,
  heading,  ///< Of a table.
  selected,
  good,
  bad,
  faint,  ///< What has ended.
};

struct Line {
  std::string text;
  Style style = Style::plain;
  bool operator==(const Line&) const = default;
};

/// Exactly size.rows lines, none longer than size.columns characters. A terminal too small for the tables gets the first
/// lines of them. Tells the model how many tasks there is room for.
std::vector<Line> frame_of(TopModel& model, TerminalSize size);
/// The whole of it, for a file or a pipe: as many lines as it takes.
std::vector<Line> frame_for_print(const TopModel& model);

/// The octets that draw it over the last frame. Without colours: bold and reverse alone.
std::string paint(const std::vector<Line>& lines, bool colours);

/// One line that a terminal shows as `width` characters at most: control characters, also those of UTF-8, are replaced.
std::string fit(std::string_view text, std::size_t width);

}  // namespace taskmesh::cli
