// Stage 2, classify: which kind of document is this? Scored features, each a line in one table, and the
// reasons kept.
//
// Pure and total: a document without a convincing feature is "other".
#pragma once

#include "../document.hpp"

namespace pipeline {

/// The kinds, in the order in which the site lists them.
inline constexpr const char* kinds[] = {"licence text",    "copyright file", "changelog",
                                        "readme or guide", "specification",  "other"};

/// The stage. Needs content; fills classification.
Document classify(Document document);

}  // namespace pipeline
