// Completion scripts in the shells that they are for; bash always, zsh and fish where they are installed.
#include "cli/completion.hpp"

#include <algorithm>
#include <catch2/catch.hpp>
#include <cstdlib>
#include <fstream>

#include "cli/verbs.hpp"
#include "support/process.hpp"

namespace completion_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;
using support::Words;

/// A folder with one file in it.
class Script {
 public:
  explicit Script(const std::string& text) : path_((folder_.path() / "script").string()) {
    std::ofstream(path_) << text;
  }
  const std::string& path() const { return path_; }
  const std::filesystem::path& folder() const { return folder_.path(); }

 private:
  support::Folder folder_;
  std::string path_;
};

support::Outcome run(const Words& words) {
  const char* path = std::getenv("PATH");
  return support::Process(words, {{"PATH", path != nullptr ? path : "/bin:/usr/bin"}, {"LC_ALL", "C.UTF-8"}})
      .wait();
}

bool installed(const std::string& shell) {
  return run({"/bin/sh", "-c", "command -v " + shell}).exit_code == 0;
}

/// What bash offers for the words, the last of which is being typed.
Words offered(const Script& script, const Words& words) {
  Words command{"bash", "-c",
                "source \"$1\"; shift; COMP_WORDS=(\"$@\"); COMP_CWORD=$(($# - 1)); _taskmesh;"
                " ((${#COMPREPLY[@]})) && printf '%s\\n' \"${COMPREPLY[@]}\"",
                "bash", script.path()};
  command.insert(command.end(), words.begin(), words.end());
  const support::Outcome outcome = run(command);
  INFO(outcome.err);
  CHECK(outcome.err.empty());
  return support::lines_of(outcome.out);
}

bool has(const Words& words, const std::string& word) {
  return std::find(words.begin(), words.end(), word) != words.end();
}

}  // namespace

SCENARIO("bash completes verbs, flags and values", "[cli][completion]") {
  const Script script(bash_completion(verbs()));
  THEN("verbs come first") {
    const Words all = offered(script, {"taskmesh", ""});
    for (const Verb& verb : verbs()) CHECK(has(all, verb.name));
    CHECK(has(all, "--version"));
    CHECK(offered(script, {"taskmesh", "sub"}) == Words{"submit"});
    CHECK(offered(script, {"taskmesh", "worker"}) == Words{"worker", "workers"});
  }
  THEN("each verb has its own flags") {
    for (const Verb& verb : verbs()) {
      const Words all = offered(script, {"taskmesh", verb.name, "--"});
      INFO(verb.name);
      CHECK(all.size() == verb.flags.size() + 1);
      for (const Flag& flag : verb.flags) CHECK(has(all, flag.name));
      CHECK(has(all, "--help"));
    }
    CHECK(offered(script, {"taskmesh", "submit", "add", "2", "--pri"}) == Words{"--priority"});
  }
  THEN("values with a known set are offered, also behind an equals sign") {
    CHECK(offered(script, {"taskmesh", "submit", "--priority", ""}) ==
          Words{"critical", "high", "normal", "low"});
    CHECK(offered(script, {"taskmesh", "submit", "--priority", "h"}) == Words{"high"});
    CHECK(offered(script, {"taskmesh", "submit", "--priority", "=", "cr"}) == Words{"critical"});
    CHECK(offered(script, {"taskmesh", "submit", "--priority", "="}).size() == 4);
    CHECK(offered(script, {"taskmesh", "worker", "--log", "d"}) == Words{"debug"});
    CHECK(offered(script, {"taskmesh", "completion", "z"}) == Words{"zsh"});
  }
  THEN("a file's name is completed, and nothing is offered where nothing is known") {
    const std::string begun = (script.folder() / "scr").string();
    CHECK(offered(script, {"taskmesh", "worker", "--config", begun}) == Words{script.path()});
    CHECK(offered(script, {"taskmesh", "submit", "--wait", ""}).empty());
    CHECK(offered(script, {"taskmesh", "unheard", "--"}).empty());
  }
}

TEST_CASE("zsh and fish take their scripts", "[cli][completion]") {
  const Script zsh(zsh_completion(verbs()));
  const Script fish(fish_completion(verbs()));
  if (installed("zsh")) {
    CHECK(run({"zsh", "-n", zsh.path()}).exit_code == 0);
    const auto loaded =
        run({"zsh", "-fc", "autoload -U compinit; compinit -D; source \"$1\"; echo $_comps[taskmesh]", "zsh",
             zsh.path()});
    INFO(loaded.err);
    CHECK(loaded.out == "_taskmesh\n");
  }
  if (installed("fish")) {
    const auto complete = [&](const std::string& typed) {
      const auto outcome =
          run({"fish", "-N", "-c", "source " + fish.path() + "; complete -C '" + typed + "'"});
      INFO(outcome.err);
      CHECK(outcome.exit_code == 0);
      return outcome.out;
    };
    CHECK_THAT(complete("taskmesh sub"), Contains("submit\thand one task"));
    CHECK_THAT(complete("taskmesh submit --pri"), Contains("--priority\t"));
    CHECK_THAT(complete("taskmesh submit --priority h"), Contains("high"));
    CHECK_THAT(complete("taskmesh completion b"), Contains("bash"));
  }
}

TEST_CASE("every flag of every verb is in the script of every shell", "[cli][completion]") {
  const std::string zsh = zsh_completion(verbs());
  const std::string fish = fish_completion(verbs());
  CHECK(zsh.starts_with("#compdef taskmesh\n"));
  for (const Verb& verb : verbs()) {
    for (const Flag& flag : verb.flags) {
      INFO(verb.name << " " << flag.name);
      CHECK_THAT(zsh, Contains(flag.name + (flag.value.empty() ? "[" : "=[")));
      CHECK_THAT(fish,
                 Contains("__fish_seen_subcommand_from " + verb.name + "' -l " + flag.name.substr(2) + " "));
    }
  }
}

}  // namespace completion_test
