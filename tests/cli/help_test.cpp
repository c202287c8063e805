// The help of every verb: complete, in one form, and true to what the parser takes.
#include "cli/help.hpp"

#include <catch2/catch.hpp>
#include <set>
#include <sstream>

#include "cli/parse.hpp"
#include "cli/verbs.hpp"

namespace help_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;
using Catch::Matchers::StartsWith;
using Words = std::vector<std::string>;

Environment nothing() {
  return [](const std::string&) { return std::nullopt; };
}

/// An example's words behind `taskmesh VERB`; quotes as in a shell, $(...) as one word.
Words words_of(const std::string& example) {
  Words words;
  std::string word;
  bool quoted = false;
  int nested = 0;
  for (const char c : example + " ") {
    if (c == '\'') {
      quoted = !quoted;
    } else if (c == ' ' && !quoted && nested == 0) {
      words.push_back(std::exchange(word, {}));
    } else {
      nested += c == '(' ? 1 : c == ')' ? -1 : 0;
      word += c;
    }
  }
  return {words.begin() + 2, words.end()};
}

}  // namespace

TEST_CASE("the help of a verb says what, how, every flag with its default, and the exit codes",
          "[cli][help]") {
  for (const Verb& verb : verbs()) {
    INFO(verb.name);
    const std::string help = help_of(verb);
    CHECK_THAT(help, StartsWith("taskmesh " + verb.name + ": " + verb.summary + "\n  taskmesh " + verb.name));
    CHECK_THAT(help, Contains("\nexit: 0 "));
    for (const Flag& flag : verb.flags) {
      CHECK_THAT(help, Contains("\n  " + flag.name + (flag.value.empty() ? " " : " " + flag.value + " ")));
      CHECK_THAT(help, Contains(flag.help));
      if (!flag.fallback.empty()) CHECK_THAT(help, Contains("(default " + flag.fallback));
      if (!flag.variable.empty()) CHECK_THAT(help, Contains("$" + flag.variable));
    }
    std::istringstream lines(help);
    for (std::string line; std::getline(lines, line);) {
      INFO(line);
      CHECK(line.size() <= 120);
      CHECK_FALSE(line.ends_with(' '));
    }
  }
}

TEST_CASE("the examples in the help are taken by the parser", "[cli][help]") {
  for (const Verb& verb : verbs()) {
    CHECK(verb.examples.size() >= 2);
    for (const std::string& example : verb.examples) {
      INFO(example);
      const auto arguments = parse(verb, words_of(example), nothing());
      if (!arguments) FAIL_CHECK(to_string(arguments.error()));
    }
  }
}

TEST_CASE("every default is a value that the parser itself would take", "[cli][help]") {
  for (const Verb& verb : verbs()) {
    for (const Flag& flag : verb.flags) {
      if (flag.fallback.empty()) continue;
      INFO(verb.name << " " << flag.name);
      Words words{flag.name, flag.fallback};
      for (const Positional& positional : verb.positionals) {
        if (!positional.required) continue;
        words.push_back(positional.choices.empty() ? "x" : positional.choices.front());
      }
      CHECK(parse(verb, words, nothing()));
    }
  }
}

TEST_CASE("a table is sound: names are told apart, and only the last positional repeats", "[cli][help]") {
  std::set<std::string> names;
  for (const Verb& verb : verbs()) {
    INFO(verb.name);
    CHECK(names.insert(verb.name).second);
    std::set<std::string> flags{"--help"};
    for (const Flag& flag : verb.flags) {
      INFO(flag.name);
      CHECK(flags.insert(flag.name).second);
      CHECK((flag.kind == Kind::toggle) == flag.value.empty());
      CHECK((flag.variable.empty() || flag.variable.starts_with("TASKMESH_")));
    }
    CHECK(flags.contains("--json"));
    for (std::size_t i = 0; i + 1 < verb.positionals.size(); ++i) CHECK_FALSE(verb.positionals[i].repeats);
  }
}

TEST_CASE("the overview names every verb", "[cli][help]") {
  const std::string text = overview(verbs());
  for (const Verb& verb : verbs()) CHECK_THAT(text, Contains("\n  " + verb.name + " "));
  CHECK_THAT(text, Contains("--version"));
}

}  // namespace help_test
