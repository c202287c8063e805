// Markup in, plain text out, for the formats the extract stage knows. Input is valid UTF-8 with \n line ends.
//
// Pure and total: any text is accepted, and what looks like broken markup stays as text. Sections are bounded
// by sections_max, their titles and the title by title_bytes_max. Time is linear in the text.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "../document.hpp"

namespace pipeline {

struct Stripped {
  std::string title;  ///< Empty if the text has none.
  std::vector<Section> sections;
  std::string text;
  void add_section(std::uint32_t level, std::string_view heading);  ///< Ignored beyond sections_max.
  void add_line(std::string_view line);
};

Stripped strip_markdown(std::string_view text);  ///< Headings, links, emphasis, quotes, fences, comments.
Stripped strip_html(std::string_view text);      ///< Tags, comments, scripts, styles, character references.
Stripped strip_debian_changelog(std::string_view text);  ///< One section per entry: "bash (5.2-1)".
Stripped strip_dep5(std::string_view text);              ///< One section per Files or License paragraph.
Stripped strip_plain(std::string_view text);             ///< Underlined and numbered headings.

}  // namespace pipeline
