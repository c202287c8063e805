// The site around the pages: style sheet and index. Part of the driver; needs no mesh.
#pragma once

#include <string>
#include <vector>

#include "document.hpp"

namespace pipeline {

struct FailedDocument {
  Source source;
  std::string stage;
  std::string why;
};

/// What the index is made of. `run` are lines for people: who did how much, how long it took.
struct Site {
  std::vector<Record> records;
  std::vector<FailedDocument> failures;
  std::vector<std::string> run;
};

/// Makes the folder if needed. Throws BadDocument if it holds an index that another program wrote.
void prepare_folder(const std::string& out_dir);

/// Writes style sheet and index; sorts the records by name. Returns the path of the index.
std::string write_site(Site& site, const std::string& out_dir);

/// How many documents are of each kind: "changelog 12", in the order of `kinds`, kinds without documents left
/// out.
std::vector<std::string> count_kinds(const std::vector<Record>& records);

}  // namespace pipeline
