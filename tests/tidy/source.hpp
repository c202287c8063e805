// Source text as the house rules see it: files, code without comments, includes, functions.
//
// Heuristics for code that clang-format has laid out, not a C++ parser. Where they are wrong they are
// wrong in the mild direction: a function may be measured a few lines short, never long.
#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <string_view>
#include <vector>

namespace tidy {

/// One file of the tree; `path` is relative to the root, with '/'.
struct File {
  std::string path;
  std::string text;
};

/// All files below root/folder that end in one of `endings`, sorted by path. A folder that does not exist
/// has no files.
std::vector<File> files_below(const std::filesystem::path& root, std::string_view folder,
                              const std::vector<std::string>& endings = {".hpp", ".cpp"});

/// The whole text; empty if there is no such file.
std::string read(const std::filesystem::path& path);

/// Comments become spaces, line ends stay. With `keep_strings` false, the insides of literals too.
std::string without_comments(std::string_view text, bool keep_strings = true);

/// CMake text without its # comments.
std::string without_hash_comments(std::string_view text);

/// What the #include lines name, brackets or quotes included: `<zmq.hpp>`, `"taskmesh/base/ids.hpp"`.
std::vector<std::string> includes(std::string_view text);

struct Function {
  std::string head;  ///< The declaration, on one line.
  std::size_t line = 0;
  std::size_t lines = 0;  ///< From the declaration to the closing brace, both included.
};
/// The outermost functions; namespaces and classes are looked into.
std::vector<Function> functions(std::string_view text);

/// Number of lines; a last line without line end counts.
std::size_t line_count(std::string_view text);

}  // namespace tidy
