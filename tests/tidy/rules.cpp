#include "tidy/rules.hpp"

#include <algorithm>
#include <map>
#include <regex>
#include <set>

namespace tidy {
namespace {

using Names = std::set<std::string, std::less<>>;

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string out;
  for (const auto part : parts) out += part;
  return out;
}

/// src/taskmesh/core/node.cpp -> core; src/taskmesh/client.hpp -> face; tools/cli/main.cpp -> tools.
std::string layer_of_path(std::string_view path) {
  if (path.starts_with("proto/taskmesh/")) return "proto";
  if (path.starts_with("src/taskmesh/")) {
    path.remove_prefix(std::string_view{"src/taskmesh/"}.size());
    const std::size_t slash = path.find('/');
    return slash == std::string_view::npos ? "face" : std::string{path.substr(0, slash)};
  }
  if (path.starts_with("tests/core/")) return "tests/core";
  return std::string{path.substr(0, path.find('/'))};
}

/// "taskmesh/core/node.hpp" -> core; "taskmesh/client.hpp" -> face.
std::string layer_of_include(std::string_view include) {
  const std::string_view inner = include.substr(1, include.size() - 2);
  if (inner.starts_with("taskmesh/proto/")) return "proto";
  return layer_of_path(joined({"src/", inner}));
}

const std::map<std::string, Names, std::less<>>& may_include() {
  static const std::map<std::string, Names, std::less<>> table{
      {"base", {"base"}},
      {"proto", {"proto", "base"}},
      {"core", {"core", "proto", "base"}},
      {"wire", {"wire", "proto", "base"}},
      {"io", {"io", "wire", "core", "proto", "base"}},
      {"face", {"face", "io", "wire", "core", "proto", "base"}},
      {"http", {"http", "face", "io", "wire", "core", "proto", "base"}},
      {"tools", {"face", "http", "base"}},
      {"examples", {"face", "http", "base"}},
      {"tests/core", {"face", "wire", "core", "proto", "base"}},
      {"tests", {"face", "http", "io", "wire", "core", "proto", "base"}},
  };
  return table;
}

/// A library from outside: its headers, and the layers and files of src and proto that may include them.
struct Outside {
  std::string name;
  std::regex header;
  Names layers;
  Names files;
};

const std::vector<Outside>& outside() {
  static const std::vector<Outside> table{
      {"zmq",
       std::regex{"[<\"]zmq"},
       {},
       {"src/taskmesh/io/zmq_transport.cpp", "src/taskmesh/io/curve_keys.cpp"}},
      {"cereal", std::regex{"[<\"]cereal/"}, {"wire"}, {"src/taskmesh/payload.hpp"}},
      {"libsodium", std::regex{"[<\"]sodium"}, {}, {"src/taskmesh/wire/webhook_signature.cpp"}},
      {"libcurl", std::regex{"[<\"]curl/"}, {}, {"src/taskmesh/io/curl_handles.hpp"}},
      {"spdlog", std::regex{"[<\"](spdlog|fmt)/"}, {"base", "io", "face", "http"}, {}},
      {"JSON", std::regex{"[<\"]nlohmann/"}, {"base", "wire", "io", "face", "http"}, {}},
      {"RESTinio",
       std::regex{"[<\"](restinio/|asio|http_parser)"},
       {},
       {"src/taskmesh/http/http_server.cpp", "src/taskmesh/http/connection_socket.hpp"}},
      {"CLI11", std::regex{"[<\"]CLI/"}, {}, {}},
  };
  return table;
}

bool in_library(std::string_view path) { return path.starts_with("src/") || path.starts_with("proto/"); }

Violations check_libraries(const File& file) {
  Violations found;
  const std::string layer = layer_of_path(file.path);
  for (const std::string& include : includes(file.text)) {
    for (const Outside& library : outside()) {
      if (!std::regex_search(include, library.header)) continue;
      if (library.layers.contains(layer) || library.files.contains(file.path)) continue;
      found.push_back(joined(
          {file.path, " may not include ", include, " (rule 2: where ", library.name, " may appear)"}));
    }
  }
  return found;
}

bool may_sleep(std::string_view path) {
  return path.starts_with("src/taskmesh/io/") || path.starts_with("tests/e2e/") ||
         path.starts_with("tests/chaos/");
}

/// Our own installed headers as src/CMakeLists.txt names them, as paths from the root.
Names installed_headers(std::string_view cmake) {
  static const std::regex set{R"(FILE_SET\s+HEADERS[^)]*\))"};
  static const std::regex header{R"([\w./]+\.hpp)"};
  const std::string text = without_hash_comments(cmake);
  Names names;
  std::smatch match;
  if (!std::regex_search(text, match, set)) return names;
  const std::string list = match.str();
  for (std::sregex_iterator it{list.begin(), list.end(), header}, end; it != end; ++it) {
    const std::string name = it->str();
    names.insert(name.starts_with("../") ? name.substr(3) : joined({"src/", name}));
  }
  return names;
}

std::string path_of_include(std::string_view include) {
  const std::string_view inner = include.substr(1, include.size() - 2);
  return joined({inner.starts_with("taskmesh/proto/") ? "proto/" : "src/", inner});
}

}  // namespace

Violations check_layers(const File& file) {
  Violations found;
  const auto allowed = may_include().find(layer_of_path(file.path));
  if (allowed == may_include().end()) return {file.path + " is in no layer of the house (rule 1)"};
  for (const std::string& include : includes(file.text)) {
    const bool ours = std::string_view{include}.substr(1).starts_with("taskmesh/");
    if (ours && !allowed->second.contains(layer_of_include(include))) {
      found.push_back(joined({file.path, " may not include ", include, " (rule 1: includes go down only)"}));
    } else if (in_library(file.path) && ours != include.starts_with("\"")) {
      found.push_back(joined(
          {file.path, " includes ", include, ": write our own headers \"taskmesh/...\", others <...>"}));
    }
  }
  return found;
}

Violations check_outside_world(const File& file) {
  static const std::regex clock{R"(\b(steady|system|high_resolution)_clock\s*::\s*now\b|\bclock_gettime\b)"};
  static const std::regex sleep{R"(\b(sleep_for|sleep_until|usleep|nanosleep)\b|[^\w.:>]sleep\s*\()"};
  Violations found;
  const std::string code = without_comments(file.text, false);
  if (in_library(file.path)) {
    found = check_libraries(file);
    if (file.path != "src/taskmesh/io/clock.hpp" && std::regex_search(code, clock)) {
      found.push_back(file.path +
                      " reads a clock (rule 2: only io/clock.hpp does; take `now` as an argument)");
    }
  }
  const bool watched = in_library(file.path) || file.path.starts_with("tests/");
  if (watched && !may_sleep(file.path) && std::regex_search(code, sleep)) {
    found.push_back(file.path + " sleeps (rule 2: only io/, tests/e2e and tests/chaos may)");
  }
  return found;
}

Violations check_installed(const std::vector<File>& files, std::string_view cmake) {
  static const std::regex banned{"[<\"](zmq|sodium|curl/|spdlog/|fmt/|sqlite3|restinio/|asio|nlohmann/)"};
  const Names installed = installed_headers(cmake);
  if (installed.empty()) return {"src/CMakeLists.txt lists no FILE_SET HEADERS (rule 2 cannot be checked)"};
  Violations found;
  for (const File& file : files) {
    if (!installed.contains(file.path)) continue;
    for (const std::string& include : includes(file.text)) {
      if (std::regex_search(include, banned)) {
        found.push_back(joined({file.path, " is installed and may not include ", include, " (rule 2)"}));
      } else if (include.starts_with("\"taskmesh/") && !installed.contains(path_of_include(include))) {
        found.push_back(
            joined({file.path, " is installed, but not ", include, ", which it includes (rule 2)"}));
      }
    }
  }
  return found;
}

Violations check_length(const File& file) {
  Violations found;
  if (const std::size_t lines = line_count(file.text); lines > file_lines_max) {
    found.push_back(joined({file.path, " has ", std::to_string(lines), " lines (rule 3: never above 600)"}));
  }
  for (const Function& function : functions(file.text)) {
    if (function.lines <= function_lines_max) continue;
    found.push_back(joined({file.path, ":", std::to_string(function.line), " ", function.head.substr(0, 60),
                            " has ", std::to_string(function.lines), " lines (rule 3: never above 70)"}));
  }
  return found;
}

Violations check_registered(const std::vector<File>& files, std::string_view cmake_path,
                            std::string_view cmake) {
  Violations found;
  const std::string text = joined({" ", without_hash_comments(cmake), " "});
  const std::string folder{cmake_path.substr(0, cmake_path.rfind('/') + 1)};
  for (const File& file : files) {
    std::string name = file.path;
    if (name.starts_with(folder)) name.erase(0, folder.size());
    const std::regex word{
        joined({R"~([\s/("])~", std::regex_replace(name, std::regex{R"([.+])"}, R"(\$&)"), R"~([\s)"])~"})};
    if (std::regex_search(text, word)) continue;
    found.push_back(
        joined({file.path, " is not listed in ", cmake_path, " (rule 4: every file is registered)"}));
  }
  return found;
}

Violations check_unfinished(const File& file) {
  static const std::regex words{
      joined({R"(\b(TO)", "DO|FIX", "ME|X", "XX|HA", R"(CK)\b|\bfor)", R"( now\b|\bplace)", "holder"})};
  std::smatch match;
  if (!std::regex_search(file.text, match, words)) return {};
  return {joined({file.path, " says '", match.str(), "': finish it, or write the reason"})};
}

}  // namespace tidy
