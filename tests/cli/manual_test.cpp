// Manual pages: complete, from the same tables, and roff that groff and mandoc take without a word.
#include "cli/manual.hpp"

#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>
#include <set>
#include <sstream>

#include "cli/settings.hpp"
#include "cli/verbs.hpp"
#include "support/process.hpp"

namespace manual_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;

/// As it stands in a page.
std::string dashed(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '-' ? "\\-" : std::string(1, c);
  return out;
}

support::Outcome run(const std::string& command) {
  const char* path = std::getenv("PATH");
  return support::Process({"/bin/sh", "-c", command}, {{"PATH", path != nullptr ? path : "/bin:/usr/bin"}})
      .wait();
}

}  // namespace

TEST_CASE("there is a page for the command, for each verb, and for the file", "[cli][manual]") {
  std::set<std::string> files;
  for (const Page& page : manual(verbs(), "1.2.3")) {
    CHECK(files.insert(page.file()).second);
    CHECK_THAT(page.text, Contains("\n.TH ") && Contains("taskmesh 1.2.3") && Contains("\n.SH NAME\n"));
    CHECK_THAT(page.text, Contains("\n.SH SEE ALSO\n"));
  }
  CHECK(files.size() == verbs().size() + 2);
  CHECK(files.contains("taskmesh.1"));
  CHECK(files.contains("taskmesh.toml.5"));
  for (const Verb& verb : verbs()) CHECK(files.contains("taskmesh-" + verb.name + ".1"));
}

TEST_CASE("a page has every flag with its default and variable, the exit codes and the examples",
          "[cli][manual]") {
  const auto pages = manual(verbs(), "1.2.3");
  for (const Verb& verb : verbs()) {
    INFO(verb.name);
    const auto page = std::find_if(pages.begin(), pages.end(),
                                   [&](const Page& each) { return each.name == "taskmesh-" + verb.name; });
    REQUIRE(page != pages.end());
    for (const Flag& flag : verb.flags) {
      INFO(flag.name);
      CHECK_THAT(page->text, Contains(".TP\n\\fB" + dashed(flag.name) + "\\fR"));
      if (!flag.variable.empty()) CHECK_THAT(page->text, Contains("\\fB" + flag.variable + "\\fR"));
      if (!flag.fallback.empty()) CHECK_THAT(page->text, Contains("Default: " + flag.fallback));
    }
    for (const Positional& positional : verb.positionals) {
      CHECK_THAT(page->text, Contains(".TP\n\\fI" + positional.name + "\\fR"));
    }
    CHECK_THAT(page->text, Contains(".SH EXIT STATUS\n0 ") && Contains(".SH EXAMPLES\n.EX\ntaskmesh "));
  }
}

TEST_CASE("taskmesh.toml(5) has every setting", "[cli][manual]") {
  for (const Page& page : manual(verbs(), "1.2.3")) {
    if (page.section != "5") continue;
    for (const Setting& setting : settings()) {
      INFO(setting.flag.setting);
      CHECK_THAT(page.text, Contains("\\fB" + setting.flag.setting + "\\fR"));
      CHECK_THAT(page.text, Contains("\\fB" + setting.flag.variable + "\\fR"));
    }
  }
}

TEST_CASE("no line of a page is taken for a request that it is not", "[cli][manual]") {
  const std::set<std::string> requests{".TH", ".SH", ".TP", ".IP", ".PP",
                                       ".EX", ".EE", ".nh", ".ad", ".\\\""};
  for (const Page& page : manual(verbs(), "1.2.3")) {
    std::istringstream lines(page.text);
    for (std::string line; std::getline(lines, line);) {
      INFO(page.file() << ": " << line);
      CHECK_FALSE(line.starts_with('\''));
      if (line.starts_with('.')) CHECK(requests.contains(line.substr(0, line.find(' '))));
    }
  }
}

TEST_CASE("groff and mandoc find nothing to complain about, where they are installed", "[cli][manual]") {
  const support::Folder folder;
  for (const Page& page : manual(verbs(), "1.2.3")) {
    const std::string path = (folder.path() / page.file()).string();
    std::ofstream(path) << page.text << std::flush;
    INFO(page.file());
    if (run("command -v groff").exit_code == 0) {
      const auto groff = run("groff -man -ww -Tutf8 -z " + path);
      CHECK(groff.exit_code == 0);
      CHECK(groff.err.empty());
    }
    if (run("command -v mandoc").exit_code == 0) {
      const auto mandoc = run("mandoc -T lint -W warning " + path + " | grep -v 'missing date'");
      CHECK(mandoc.out.empty());
    }
  }
}

}  // namespace manual_test
