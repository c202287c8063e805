// From a file to bounded, valid UTF-8: read, unpack, decode. The first half of the extract stage.
//
// Every function is bounded by document_bytes_max and throws BadDocument for what it refuses.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "../document.hpp"

namespace pipeline {

/// The bytes of a regular file that lies below source.root, also after links are followed. Never blocks on a
/// pipe or device.
std::string read_document(const Source& source);

bool is_gzip(std::string_view bytes);

/// Unpacks all members of a gzip stream (RFC 1952), never holding more than bytes_max of output.
std::string gunzip(std::string_view packed, std::size_t bytes_max = document_bytes_max);

struct Decoded {
  std::string text;  ///< Valid UTF-8, lines end with \n, no control characters but tab and newline.
  std::string encoding;
};

/// UTF-8 (with or without its mark) and UTF-16 (with its mark) are kept; a line that is not UTF-8 is read as
/// windows-1252, which old changelogs mix in. Binary data, and bytes that neither encoding knows, are refused
/// by offset.
Decoded decode(std::string_view bytes);

}  // namespace pipeline
