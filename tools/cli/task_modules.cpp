#include "cli/task_modules.hpp"

#include <cxxabi.h>
#include <dlfcn.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <exception>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string_view>
#include <typeinfo>

#include "taskmesh/task_module.hpp"

namespace taskmesh::cli {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view mark = TASKMESH_MODULE_MARK;
constexpr std::string_view elf = "\177ELF";
/// How much of a file that cannot be loaded is searched for the version that it was built for.
constexpr std::size_t searched_bytes_max = 64 * 1024 * 1024;
constexpr std::size_t named_bytes_max = 128;  // Of a version that a file claims.

const char* const how_to_build = "build it with taskmesh_add_module, see docs/task_modules.md";

[[noreturn]] void refuse(const std::string& path, std::string why, std::string fix) {
  throw Failure({.kind = ErrorKind::invalid,
                 .what = "task module '" + path + "' cannot be served",
                 .why = std::move(why),
                 .fix = std::move(fix)});
}

std::string demangled(const char* name) {
  int status = 0;
  const std::unique_ptr<char, decltype(&std::free)> text(abi::__cxa_demangle(name, nullptr, nullptr, &status),
                                                         &std::free);
  return status == 0 && text ? text.get() : name;
}

/// "0.1.0, libstdc++" of TASKMESH_MODULE_BUILT_FOR.
std::string_view version_in(std::string_view built_for) {
  return built_for.starts_with(mark) ? built_for.substr(mark.size()) : built_for;
}

[[noreturn]] void refuse_version(const std::string& path, std::string_view built_for) {
  refuse(path,
         "it was built for taskmesh " + std::string(version_in(built_for).substr(0, named_bytes_max)) +
             ", this is taskmesh " + std::string(version_in(TASKMESH_MODULE_BUILT_FOR)),
         "build it again with the headers of this version");
}

void check_file(const std::string& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    refuse(path,
           error && error != std::errc::no_such_file_or_directory ? error.message() : "there is no such file",
           "give the path of a shared library");
  }
  if (fs::is_directory(status)) refuse(path, "it is a directory", "give the path of a shared library in it");
  if (!fs::is_regular_file(status))
    refuse(path, "it is no regular file", "give the path of a shared library");
  std::ifstream file(path, std::ios::binary);
  if (!file) refuse(path, std::strerror(errno), "make it readable for this user");
  std::string magic(elf.size(), '\0');
  file.read(magic.data(), static_cast<std::streamsize>(magic.size()));
  if (magic != elf) refuse(path, "it is no shared library", how_to_build);
}

/// What the file says that it was built for; empty if it does not. Without running any of it.
std::string built_for_in(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::string bytes(
      static_cast<std::size_t>(std::min<std::uintmax_t>(fs::file_size(path), searched_bytes_max)), '\0');
  file.read(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  bytes.resize(static_cast<std::size_t>(file.gcount()));
  const auto at = bytes.find(mark);
  if (at == std::string::npos) return {};
  return bytes.substr(at, std::min(bytes.find('\0', at), at + mark.size() + named_bytes_max) - at);
}

/// What the loader said, without the path, which the error names already.
std::string readable(std::string text, const std::string& path) {
  if (text.starts_with(path + ": ")) text.erase(0, path.size() + 2);
  constexpr std::string_view undefined = "undefined symbol: ";
  if (text.starts_with(undefined)) {
    const std::string symbol =
        text.substr(undefined.size(), text.find_first_of(", ", undefined.size()) - undefined.size());
    text = "nobody defines " + demangled(symbol.c_str()) + ", which it uses";
  }
  return text;
}

void* open_library(const std::string& path) {
  const std::string whole = fs::absolute(path).string();  // Without a slash it would be searched for.
  if (void* const library = ::dlopen(whole.c_str(), RTLD_NOW | RTLD_LOCAL)) return library;
  const char* const said = ::dlerror();
  const std::string why = readable(said != nullptr ? said : "the loader does not say why", whole);
  // A module for another version often fails here, on a function that this version does not have.
  const std::string built_for = built_for_in(path);
  if (!built_for.empty() && built_for != TASKMESH_MODULE_BUILT_FOR) refuse_version(path, built_for);
  refuse(path, why,
         "link it with all libraries that it uses, and build it with the headers of taskmesh " +
             std::string(version()));
}

using Entry = decltype(&::taskmesh_task_module);

Entry entry_of(void* library, const std::string& path) {
  void* const symbol = ::dlsym(library, "taskmesh_task_module");
  if (symbol == nullptr) {
    refuse(path, "it does not export the function taskmesh_task_module",
           "write TASKMESH_TASK_MODULE(worker) { ... } in it, see docs/task_modules.md");
  }
  return reinterpret_cast<Entry>(symbol);
}

/// What it was built for where it did nothing because of that, else nullptr.
const char* let_register(Entry entry, Worker& worker, const std::string& path) {
  try {
    return entry(TASKMESH_MODULE_BUILT_FOR, &worker);
  } catch (const Failure& failure) {
    const Error& error = failure.error();
    refuse(path, error.what + (error.why.empty() ? "" : ": " + error.why), error.fix);
  } catch (const std::exception& error) {
    refuse(path, "it threw " + demangled(typeid(error).name()) + ": " + error.what(),
           "mend what it needs to register its tasks");
  } catch (...) {
    refuse(path, "it threw something that is no std::exception", "mend what it needs to register its tasks");
  }
}

}  // namespace

void load_task_module(Worker& worker, const std::string& path) {
  check_file(path);
  const std::size_t before = worker.tasks().size();
  const char* const built_for = let_register(entry_of(open_library(path), path), worker, path);
  if (built_for != nullptr) refuse_version(path, built_for);
  if (worker.tasks().size() == before) {
    refuse(path, "it registered no task", "call worker.serve in its TASKMESH_TASK_MODULE");
  }
}

}  // namespace taskmesh::cli
