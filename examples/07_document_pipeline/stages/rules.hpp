// Stage 3, apply rules: what can be said about this document? Dates, versions, licences, and a table of
// rules.
//
// Pure and total. The text is dropped here; its redacted beginning stays as the excerpt, so later stages
// carry little.
#pragma once

#include "../document.hpp"

namespace pipeline {

/// The stage. Needs content and classification; fills facts, redacts title and sections, empties
/// content.text.
Document apply_rules(Document document);

}  // namespace pipeline
