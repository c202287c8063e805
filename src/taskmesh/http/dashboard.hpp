// Dashboard: the files of the page that people look at, as they are in src/taskmesh/http/dashboard, and how they are served.
//
// Plain values that live as long as the process; any thread. docs/dashboard.md.
#pragma once

#include <span>
#include <string_view>

namespace taskmesh::http {

struct EmbeddedFile {
  std::string_view name;  ///< "app.js"
  std::string_view content;
};
/// All of them; made by cmake/taskmesh_embed.cmake.
std::span<const EmbeddedFile> embedded_files();

/// The name of the page itself.
inline constexpr std::string_view dashboard_page = "index.html";
/// Null: there is none of that name.
const EmbeddedFile* find_dashboard_file(std::string_view name);
/// By the ending of its name; empty: a kind of file that is not served.
std::string_view media_type_of(std::string_view name);
/// Content-Security-Policy of the page: it may run and show what this server has, and talk to this server; nothing else.
/// No text ever becomes HTML (Trusted Types).
std::string_view dashboard_policy();

}  // namespace taskmesh::http
