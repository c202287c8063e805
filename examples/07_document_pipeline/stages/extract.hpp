// Stage 1, extract: from a file to plain text with a title, sections and counts.
//
// Pure but for reading the one file. Throws BadDocument for what cannot be read, unpacked or decoded, and for
// a file without a word in it.
#pragma once

#include <string>
#include <string_view>

#include "../document.hpp"

namespace pipeline {

/// The stage. The answer's content is complete; text is what a reader would read, without markup.
Document extract(const Source& source);

/// markdown, html, debian changelog, dep-5 copyright or plain, by name and by the first lines.
std::string detect_format(std::string_view name, std::string_view text);

/// The part after decoding: format, title, sections, words, lines and text.
Content parse(std::string_view name, std::string_view text);

}  // namespace pipeline
