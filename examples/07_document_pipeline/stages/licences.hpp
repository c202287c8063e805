// Which licences does a text name? By SPDX identifiers, License fields, paths of common licences and known
// sentences.
//
// Pure and total. Named, not granted: a licence text that mentions another licence names both.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace pipeline {

/// SPDX identifiers, distinct, ascending.
std::vector<std::string> find_licences(std::string_view text);

/// The SPDX identifier of a short name as Debian writes it ("GPL-2+", "Expat", "BSD-3-clause"); empty if
/// unknown.
std::string spdx_id(std::string_view short_name);

}  // namespace pipeline
