// taskmesh man: writes the manual pages; the build does so, and installs them.
#include <filesystem>
#include <fstream>

#include "cli/manual.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::cli {

namespace {

Exit not_written(const std::string& path, std::string why) {
  return print_failure({.kind = ErrorKind::failed,
                        .what = path + " cannot be written",
                        .why = std::move(why),
                        .fix = "give a folder that is yours"});
}

Exit run_man(const Arguments& arguments) {
  const std::filesystem::path folder = arguments.text("FOLDER");
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) return not_written(folder.string(), error.message());
  JsonWriter writer;
  writer.begin_array();
  for (const Page& page : manual(verbs(), TASKMESH_VERSION)) {
    const std::string path = (folder / page.file()).string();
    std::ofstream file(path);
    file << page.text << std::flush;
    if (!file) return not_written(path, "the file could not be made, or the disk is full");
    writer.string(path);
  }
  writer.end_array();
  return arguments.given("--json") ? print_line(writer.text(), Exit::done) : Exit::done;
}

}  // namespace

Verb man_verb() {
  return {.name = "man",
          .summary = "write the manual pages of this command into a folder",
          .examples = {"taskmesh man /tmp/pages", "taskmesh man pages --json"},
          .positionals = {{.name = "FOLDER", .help = "where the pages go; made where it is missing"}},
          .flags = {{.name = "--json",
                     .value = {},
                     .help = "print the names of the files, as one JSON array",
                     .kind = Kind::toggle}},
          .exits = "0 done, 1 not written, 2 usage",
          .run = run_man};
}

}  // namespace taskmesh::cli
