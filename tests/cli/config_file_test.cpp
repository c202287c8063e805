// The configuration file: what is read, and every way in which a file is refused.
#include "cli/config_file.hpp"

#include <sys/stat.h>

#include <catch2/catch.hpp>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include "support/folder.hpp"

namespace config_file_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

std::string complaint(std::string_view text) {
  const auto file = parse_config(text, "t.toml");
  return file ? "no complaint" : to_string(file.error());
}

/// A folder with what is written into it.
struct Folder : support::Folder {
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(path() / name) << text;
    return (path() / name).string();
  }
};

}  // namespace

TEST_CASE("values arrive in the form that flags take, with their lines", "[cli][config]") {
  const auto file = parse_config(
      "mesh = \"reports\"\n"
      "seeds = [\"tcp://a:1\", \"tcp://b:2\"]\n"
      "insecure = true\n"
      "[worker]\n"
      "slots = 0x10\n"
      "results_bytes_max = \"64MiB\"\n"
      "drain_timeout = \"0s\"\n"
      "[submit]\n"
      "priority = \"high\"\n",
      "t.toml");
  REQUIRE(file);
  CHECK(file->path == "t.toml");
  CHECK(file->find("mesh")->values == Words{"reports"});
  CHECK(file->find("seeds")->values == Words{"tcp://a:1", "tcp://b:2"});
  CHECK(file->find("insecure")->values == Words{"true"});
  CHECK(file->find("worker.slots")->values == Words{"16"});
  CHECK(file->find("worker.slots")->line == 5);
  CHECK(file->find("worker.results_bytes_max")->values == Words{"64MiB"});
  CHECK(file->find("submit.priority")->line == 9);
  CHECK(file->find("worker.name") == nullptr);
}

TEST_CASE("sizes are numbers or strings, tables may be dotted", "[cli][config]") {
  const auto file = parse_config("worker.results_bytes_max = 4096\nworker = {}\n", "t.toml");
  CHECK_FALSE(file);  // TOML says: a table is defined once.
  const auto dotted = parse_config("worker.results_bytes_max = 4096\n", "t.toml");
  REQUIRE(dotted);
  CHECK(dotted->find("worker.results_bytes_max")->values == Words{"4096"});
  CHECK(parse_config("", "t.toml"));
  CHECK(parse_config("[worker]\n# nothing\n", "t.toml"));
}

TEST_CASE("an unknown setting is refused with its line, and the nearest is named", "[cli][config]") {
  CHECK_THAT(complaint("\nmehs = \"a\"\n"),
             StartsWith("t.toml:2: unknown setting 'mehs': did you mean mesh?"));
  CHECK_THAT(complaint("[worker]\nslot = 1\n"),
             Contains("t.toml:2: unknown setting 'worker.slot': did you mean worker.slots?"));
  CHECK_THAT(complaint("slots = 1\n"), Contains("unknown setting 'slots': did you mean worker.slots?"));
  CHECK_THAT(complaint("[submit]\nmesh = \"a\"\n"),
             Contains("unknown setting 'submit.mesh': did you mean mesh?"));
  CHECK_THAT(complaint("[teleport]\nto = 1\n"),
             Contains("t.toml:1: unknown setting 'teleport': there is no such setting"));
  CHECK_THAT(complaint("[worker.slots]\nx = 1\n"),
             Contains("worker.slots is a table: it takes a whole number"));
  CHECK_THAT(complaint("[[worker]]\nslots = 1\n"), Contains("unknown setting 'worker'"));
}

TEST_CASE("a value of another type is refused", "[cli][config]") {
  CHECK_THAT(complaint("mesh = 3\n"), Contains("t.toml:1: mesh is a whole number: it takes a string"));
  CHECK_THAT(complaint("insecure = \"yes\"\n"), Contains("insecure is a string: it takes true or false"));
  CHECK_THAT(complaint("seeds = \"tcp://a:1\"\n"),
             Contains("seeds is a string: it takes an array of strings"));
  CHECK_THAT(complaint("seeds = [1]\n"), Contains("seeds is an array: it takes an array of strings"));
  CHECK_THAT(complaint("mesh = [\"a\"]\n"), Contains("mesh is an array: it takes a string"));
  CHECK_THAT(complaint("worker.slots = 1.5\n"), Contains("is a number with a fraction"));
  CHECK_THAT(complaint("worker.slots = \"4\"\n"), Contains("worker.slots is a string"));
  CHECK_THAT(complaint("worker.result_ttl = 30\n"), Contains("it takes a string such as \"30s\""));
  CHECK_THAT(complaint("mesh = 2026-11-22\n"), Contains("mesh is a date or time"));
  CHECK_THAT(complaint("worker = 1\n"), Contains("unknown setting 'worker'"));
}

TEST_CASE("a value beyond its bounds is refused", "[cli][config]") {
  CHECK_THAT(complaint("worker.slots = 0\n"),
             Contains("t.toml:1: worker.slots: '0' is not a number that it takes"));
  CHECK_THAT(complaint("worker.slots = 4097\n"), Contains("from 1 to 4096"));
  CHECK_THAT(complaint("worker.slots = -1\n"), Contains("'-1'"));
  CHECK_THAT(complaint("worker.result_ttl = \"0s\"\n"), Contains("'0s' is too short"));
  CHECK_THAT(complaint("worker.result_ttl = \"soon\"\n"), Contains("'soon' is not a duration"));
  CHECK_THAT(complaint("worker.results_bytes_max = \"1PiB\"\n"), Contains("'1PiB' is not a size"));
  CHECK_THAT(complaint("log = \"loud\"\n"), Contains("'loud' is not a log level"));
  CHECK_THAT(complaint("submit.priority = \"urgent\"\n"), Contains("'urgent' is not a priority"));
  CHECK_THAT(complaint("seeds = [\"tcp://a:1\", \"\"]\n"), Contains("seeds: the value is empty"));
}

TEST_CASE("what is not TOML is refused with its line", "[cli][config]") {
  CHECK_THAT(complaint("mesh = \"a\"\nmesh = \"b\"\n"), Contains("t.toml:2: this is not TOML: "));
  CHECK_THAT(complaint("mesh = \n"), Contains("t.toml:1: this is not TOML: "));
  CHECK_THAT(complaint("mesh = \"\xff\"\n"), Contains("this is not TOML"));
  CHECK_THAT(complaint(std::string(100'000, '[')), Contains("this is not TOML"));
  CHECK_THAT(complaint("seeds = " + std::string(100'000, '[')), Contains("this is not TOML"));
  CHECK_THAT(complaint(std::string("mesh\0 = \"a\"", 11)), Contains("this is not TOML"));
}

SCENARIO("the file is the one that is named, else the first that exists", "[cli][config]") {
  const Folder folder;
  const std::string mine = folder.write("mine.toml", "mesh = \"mine\"\n");
  const std::string theirs = folder.write("theirs.toml", "mesh = \"theirs\"\n");
  const std::string missing = (folder.path() / "missing.toml").string();
  const auto mesh_in = [](const taskmesh::Result<ConfigFile>& file) {
    return file->find("mesh")->values.front();
  };
  CHECK(mesh_in(find_config(mine, {theirs})) == "mine");
  CHECK(mesh_in(find_config("", {missing, mine + "/below", theirs, mine})) == "theirs");
  CHECK(find_config("", {missing})->path.empty());
  CHECK_FALSE(find_config(missing, {theirs}));
  CHECK(config_places("/c", "/home/me") == Words{"/c/taskmesh/taskmesh.toml", "/etc/taskmesh/taskmesh.toml"});
  CHECK(config_places("", "/home/me").front() == "/home/me/.config/taskmesh/taskmesh.toml");
  CHECK(config_places("relative", "").size() == 1);
}

SCENARIO("a file that cannot be read is refused, and never waited for", "[cli][config]") {
  const Folder folder;
  const auto why = [](const std::string& path) {
    const auto file = read_config(path);
    return file ? "no complaint" : to_string(file.error());
  };
  CHECK_THAT(why((folder.path() / "missing").string()), Contains("No such file"));
  CHECK_THAT(why(folder.path().string()), Contains("it is not a plain file"));
  const std::string pipe = (folder.path() / "pipe").string();
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  CHECK_THAT(why(pipe), Contains("it is not a plain file"));
  CHECK_THAT(why("/dev/zero"), Contains("it is not a plain file"));
  CHECK(why("/dev/null") == "no complaint");
  CHECK_THAT(why(folder.write("huge", std::string(config_bytes_max + 1, '#'))), Contains("more than 1MiB"));
  CHECK(why(folder.write("large", std::string(config_bytes_max, '#'))) == "no complaint");
}

}  // namespace config_file_test
