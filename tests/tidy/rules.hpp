// House rules 1-4 as functions: text in, violations out. Each violation names the file and the rule, so
// that it can be mended without reading this folder. An empty answer means that the rule is kept.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tidy/source.hpp"

namespace tidy {

using Violations = std::vector<std::string>;

inline constexpr std::size_t function_lines_max = 70;
inline constexpr std::size_t file_lines_max = 600;

/// Rule 1: includes go down only.
Violations check_layers(const File& file);

/// Rule 2: where zmq, cereal, spdlog, nlohmann and CLI11 may be included, and where time and sleep live.
Violations check_outside_world(const File& file);

/// Rule 2: an installed header includes no zmq, spdlog, SQLite, RESTinio or JSON header, and nothing of
/// ours that is not installed with it. `cmake` is src/CMakeLists.txt, which lists what is installed.
Violations check_installed(const std::vector<File>& files, std::string_view cmake);

/// Rule 3: length of functions and files.
Violations check_length(const File& file);

/// Rule 4: each file's name, relative to the folder of `cmake_path`, stands in that CMake text.
Violations check_registered(const std::vector<File>& files, std::string_view cmake_path,
                            std::string_view cmake);

/// Words that say "not finished".
Violations check_unfinished(const File& file);

}  // namespace tidy
