#include "sources.hpp"

#include <algorithm>
#include <system_error>

namespace pipeline {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t listed_max = 1'000'000;

bool is_hidden(const fs::path& path) { return path.filename().string().starts_with('.'); }

// Errors below the folder (a folder that may not be read) skip that folder only.
template <class Visit>
void walk(const fs::path& folder, const fs::path& skip, Visit visit) {
  constexpr auto options = fs::directory_options::skip_permission_denied;
  std::error_code error;
  fs::recursive_directory_iterator entry{folder, options, error};
  if (error) {
    throw BadDocument{"cannot list " + folder.string(), error.message(),
                      "name a folder that exists and may be read"};
  }
  for (; entry != fs::recursive_directory_iterator{}; entry.increment(error)) {
    if (error) return;
    std::error_code ignored;
    const bool is_folder = entry->is_directory(ignored) && !entry->is_symlink(ignored);
    if (is_hidden(entry->path()) || (is_folder && fs::equivalent(entry->path(), skip, ignored))) {
      if (is_folder) entry.disable_recursion_pending();
    } else if (!is_folder && !fs::is_directory(entry->path(), ignored)) {
      visit(*entry);
    }
  }
}

std::vector<Source> sorted(std::vector<Source> sources) {
  std::sort(sources.begin(), sources.end(), [](const Source& a, const Source& b) { return a.name < b.name; });
  return sources;
}

bool is_package_document(const std::string& file) {
  return file == "copyright" || (file.starts_with("changelog") && file.ends_with(".gz"));
}

void append_repository(std::vector<Source>& sources, const fs::path& repository, const fs::path& skip) {
  std::error_code error;
  if (!fs::is_regular_file(repository / "README.md", error))
    return;  // The binary was moved to another machine.
  std::vector<Source> found;
  walk(repository, skip, [&](const fs::directory_entry& entry) {
    const std::string name = entry.path().lexically_relative(repository).string();
    if (name.ends_with(".md") && !name.starts_with("build/")) found.push_back({repository.string(), name});
  });
  found = sorted(std::move(found));
  sources.insert(sources.end(), found.begin(), found.end());
}

void append_licences(std::vector<Source>& sources, const fs::path& share) {
  std::vector<Source> found;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator{share / "common-licenses", error}) {
    if (!entry.is_symlink())
      found.push_back({share.string(), "common-licenses/" + entry.path().filename().string()});
  }
  found = sorted(std::move(found));
  sources.insert(sources.end(), found.begin(), found.end());
}

std::vector<Source> list_packages(const fs::path& share) {
  std::vector<Source> found;
  std::error_code error;
  for (const auto& package : fs::directory_iterator{share / "doc", error}) {
    if (package.is_symlink() || !package.is_directory(error))
      continue;  // A link shares another package's files.
    for (const auto& file : fs::directory_iterator{package.path(), error}) {
      if (file.is_symlink() || !is_package_document(file.path().filename().string())) continue;
      found.push_back({share.string(), file.path().lexically_relative(share).string()});
    }
  }
  return sorted(std::move(found));
}

}  // namespace

std::vector<Source> list_folder(const fs::path& folder, const fs::path& skip) {
  std::vector<Source> sources;
  walk(folder, skip, [&](const fs::directory_entry& entry) {
    if (sources.size() < listed_max) {
      sources.push_back({folder.string(), entry.path().lexically_relative(folder).string()});
    }
  });
  return sorted(std::move(sources));
}

std::vector<Source> list_defaults(const fs::path& repository, const fs::path& skip, std::size_t count_max) {
  std::vector<Source> sources;
  append_repository(sources, repository, skip);
  append_licences(sources, "/usr/share");
  if (count_max != 0 && sources.size() >= count_max) return limit_sources(std::move(sources), count_max);
  std::vector<Source> packages = list_packages("/usr/share");
  if (count_max != 0) packages = limit_sources(std::move(packages), count_max - sources.size());
  sources.insert(sources.end(), packages.begin(), packages.end());
  return sources;
}

std::vector<Source> limit_sources(std::vector<Source> sources, std::size_t count_max) {
  if (count_max == 0 || sources.size() <= count_max) return sources;
  std::vector<Source> drawn;
  for (std::size_t i = 0; i < count_max; ++i) drawn.push_back(sources[i * sources.size() / count_max]);
  return drawn;
}

}  // namespace pipeline
