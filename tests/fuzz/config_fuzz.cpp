// The configuration file: it is read as a whole, or refused with its name and a reason; what is read is in the form
// that flags take.
//
// Input: the file's text.
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "cli/config_file.hpp"
#include "cli/parse.hpp"
#include "cli/settings.hpp"
#include "taskmesh/base/check.hpp"

namespace {

using namespace taskmesh;

std::optional<std::string> no_variable(const std::string& /*name*/) { return std::nullopt; }

/// The verb at hand takes from the file what its flags are called there.
void check_taken(const cli::ConfigFile& file) {
  static const cli::Verb worker{
      .name = "worker", .summary = "works", .examples = {}, .positionals = {}, .flags = cli::mesh_flags()};
  const auto read = cli::parse(worker, {}, no_variable, [&](const std::string& /*path*/) { return file; });
  TASKMESH_CHECK(read.has_value() || !read.error().what.empty());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const auto file = cli::parse_config({reinterpret_cast<const char*>(data), size}, "file.toml");
  if (!file) {
    const Error& error = file.error();
    TASKMESH_CHECK(error.kind == ErrorKind::invalid && !error.fix.empty());
    TASKMESH_CHECK(error.what.find("file.toml") != std::string::npos);
    return 0;
  }
  for (const auto& [name, value] : file->values) {
    TASKMESH_CHECK(file->find(name) == &value && value.line > 0);
  }
  check_taken(*file);
  return 0;
}
