// The table of settings as text: an example file, and the rows of docs/configuration.md.
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace taskmesh::cli {

/// taskmesh.toml with every setting, its meaning and its default, each one commented out.
std::string example_file();

/// One row per setting, as docs/configuration.md has them:
/// | `worker.slots` | `TASKMESH_SLOTS` | `--slots N` | one per core | tasks that run at once |
std::vector<std::string> markdown_rows();

/// `text` in lines of at most `width`, each behind `prefix`.
std::string wrapped(std::string_view text, std::string_view prefix, std::size_t width);

}  // namespace taskmesh::cli
