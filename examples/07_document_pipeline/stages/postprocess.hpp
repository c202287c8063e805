// Stage 5, post-process: minify, check the links, write, and hand back the record for the index.
//
// Writes one file below the output folder: complete or not at all, so a page that was written twice by a
// repeated task is the same page. Throws BadDocument for a page that may not be published or cannot be
// written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "../document.hpp"

namespace pipeline {

/// The stage.
Record postprocess(const Page& page, const std::string& out_dir);

/// Without indentation, line ends and comments outside <pre>.
std::string minify(std::string_view html);

/// Every link must lead to an id of this page, to the index or to the style sheet; scripts are refused.
void check_links(std::string_view html);

std::uint32_t crc32_of(std::string_view bytes);

/// Writes a new file beside its place, then renames it there. `file` must be a plain file name.
void write_atomically(const std::string& out_dir, const std::string& file, std::string_view bytes);

}  // namespace pipeline
