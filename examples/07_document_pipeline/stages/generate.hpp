// Stage 4, generate: one readable HTML page per document.
//
// Pure and total. Everything that comes from a document is escaped; the page links nowhere but to itself, to
// the index and to the site's own style sheet.
#pragma once

#include <string>
#include <string_view>

#include "../document.hpp"

namespace pipeline {

inline constexpr const char* index_file = "index.html";
inline constexpr const char* style_file = "style.css";

/// The stage. Needs content, classification and facts.
Page generate(const Document& document);

/// Text for element content and for double-quoted attributes.
std::string escape_html(std::string_view text);

/// A plain file name for the page: letters, digits and dashes of the name, and a checksum that keeps it
/// distinct.
std::string page_file(const Source& source);

/// Everything up to and including <body>, the same for every page and the index.
std::string page_head(std::string_view title);

}  // namespace pipeline
