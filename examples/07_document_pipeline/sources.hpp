// Which documents? Lists files, reads none. Part of the driver; needs no mesh.
//
// The list is ordered, so the same folder gives the same run. Names are relative to their root.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "document.hpp"

namespace pipeline {

/// Every file below `folder`, but hidden ones and what lies in `skip` (an earlier site). Links to folders are
/// not followed. Throws BadDocument if the folder cannot be listed.
std::vector<Source> list_folder(const std::filesystem::path& folder, const std::filesystem::path& skip);

/// This repository's documents, the system's licence texts, package copyright and changelog files; at most
/// `count_max` (0: all), where the packages give way first.
std::vector<Source> list_defaults(const std::filesystem::path& repository, const std::filesystem::path& skip,
                                  std::size_t count_max);

/// At most `count_max` (0: all), drawn evenly, so that every part of the list speaks.
std::vector<Source> limit_sources(std::vector<Source> sources, std::size_t count_max);

}  // namespace pipeline
