// The parser: words and variables against a verb's table.
#include "cli/parse.hpp"

#include <catch2/catch.hpp>
#include <map>

#include "cli/values.hpp"
#include "cli/verbs.hpp"

namespace parse_test {

namespace {

using namespace taskmesh::cli;
using namespace std::chrono_literals;
using Catch::Matchers::Contains;
using Catch::Matchers::Equals;
using Words = std::vector<std::string>;
using Variables = std::map<std::string, std::string>;

Environment with(const Variables& variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

Verb small_verb() {
  return {
      .name = "fly",
      .summary = "goes up",
      .examples = {},
      .positionals = {{.name = "WHERE", .help = "a place"},
                      {.name = "ITEM", .help = "luggage", .required = false, .repeats = true}},
      .flags =
          {{.name = "--fast", .help = "hurry", .kind = Kind::toggle, .variable = "FAST"},
           {.name = "--wait",
            .value = "D",
            .help = "w",
            .kind = Kind::duration,
            .fallback = "30s",
            .variable = "WAIT"},
           {.name = "--limit", .value = "D", .help = "l", .kind = Kind::period},
           {.name = "--count", .value = "N", .help = "c", .kind = Kind::count, .most = 10},
           {.name = "--amount", .value = "N", .help = "a", .kind = Kind::amount},
           {.name = "--data", .value = "JSON", .help = "d", .kind = Kind::json},
           {.name = "--name", .value = "N", .help = "n", .variable = "NAME"},
           {.name = "--stop", .value = "S", .help = "s", .variable = "STOPS", .repeats = true},
           {.name = "--priority", .value = "P", .help = "p", .kind = Kind::priority, .fallback = "normal"},
           {.name = "--log", .value = "L", .help = "l", .kind = Kind::log_level}},
      .exits = "0 done",
      .run = {}};
}

taskmesh::Result<Arguments> read(const Words& words, const Variables& variables = {}) {
  return parse(small_verb(), words, with(variables));
}

/// The whole message, as a person sees it.
std::string complaint(const Words& words, const Variables& variables = {}) {
  const auto arguments = read(words, variables);
  return arguments ? "no complaint" : to_string(arguments.error());
}

}  // namespace

SCENARIO("values come from the flag, else the variable, else the default", "[cli][parse]") {
  GIVEN("nothing but what is required") {
    const auto arguments = read({"north"});
    REQUIRE(arguments);
    THEN("defaults are there, and are not mistaken for something said") {
      CHECK(arguments->duration("--wait") == 30s);
      CHECK_FALSE(arguments->given("--wait"));
      CHECK(arguments->text("--priority") == "normal");
      CHECK(arguments->text("--name").empty());
      CHECK(arguments->count("--count") == 0);
      CHECK(arguments->list("--stop").empty());
      CHECK_FALSE(arguments->given("--fast"));
    }
  }
  GIVEN("variables") {
    const Variables variables{{"WAIT", "2m"}, {"NAME", "seven"}, {"STOPS", "a,b,,c"}, {"FAST", "1"}};
    THEN("they are read where the flag is not said") {
      const auto arguments = read({"north"}, variables);
      REQUIRE(arguments);
      CHECK(arguments->duration("--wait") == 2min);
      CHECK(arguments->given("--wait"));
      CHECK(arguments->text("--name") == "seven");
      CHECK(arguments->list("--stop") == Words{"a", "b", "c"});
      CHECK(arguments->given("--fast"));
    }
    THEN("a flag wins over its variable") {
      const auto arguments =
          read({"north", "--wait", "5ms", "--name=eight", "--stop", "x", "--stop=y"}, variables);
      REQUIRE(arguments);
      CHECK(arguments->duration("--wait") == 5ms);
      CHECK(arguments->text("--name") == "eight");
      CHECK(arguments->list("--stop") == Words{"x", "y"});
    }
    THEN("a wrong value names the variable it came from") {
      CHECK_THAT(complaint({"north"}, {{"WAIT", "soon"}}), Contains("WAIT: 'soon' is not a duration"));
      CHECK_THAT(complaint({"north"}, {{"FAST", "maybe"}}), Contains("FAST: 'maybe' is neither yes nor no"));
    }
    THEN("a toggle can be switched off by its variable") {
      const auto arguments = read({"north"}, {{"FAST", "no"}});
      REQUIRE(arguments);
      CHECK_FALSE(arguments->given("--fast"));
    }
  }
  GIVEN("a flag that is said twice, though it does not repeat") {
    const auto arguments = read({"north", "--name", "a", "--name", "b"});
    REQUIRE(arguments);
    THEN("the last one counts") { CHECK(arguments->list("--name") == Words{"b"}); }
  }
}

SCENARIO("arguments arrive exactly as they were written", "[cli][parse]") {
  const Words hard{"[1,2]", "[]", "{\"a\":[1,2]}", "-2",  "-1.5",  "-.5", "-",   "",       "a,b", "%%",
                   "@0",    "@",  "\"text\"",      "a=b", "[a, b", "{}",  "x y", "nul\\0", "é"};
  Words words{"north"};
  words.insert(words.end(), hard.begin(), hard.end());
  GIVEN("brackets, numbers below zero, empty words, and words that mean something to the parser") {
    const auto arguments = read(words);
    REQUIRE(arguments);
    CHECK(arguments->text("WHERE") == "north");
    CHECK(arguments->list("ITEM") == hard);
  }
  GIVEN("flags among them") {
    words.insert(words.begin() + 3, {"--count", "3", "--fast"});
    const auto arguments = read(words);
    REQUIRE(arguments);
    CHECK(arguments->list("ITEM") == hard);
    CHECK(arguments->count("--count") == 3);
    CHECK(arguments->given("--fast"));
  }
  GIVEN("what looks like a flag behind --") {
    const auto arguments = read({"--fast", "--", "north", "--count", "--", "-x", "--fast=1"});
    REQUIRE(arguments);
    CHECK(arguments->text("WHERE") == "north");
    CHECK(arguments->list("ITEM") == Words{"--count", "--", "-x", "--fast=1"});
  }
  GIVEN("values of flags that look like something else") {
    const auto arguments =
        read({"north", "--data", "[1,2]", "--name=--fast", "--stop", "[a,b]", "--stop=", "--stop=a=b"});
    CHECK_THAT(complaint({"north", "--stop="}), Contains("--stop: the value is empty"));
    CHECK_FALSE(arguments);
    const auto without = read({"north", "--data", "[1,2]", "--name=--fast", "--stop", "[a,b]", "--stop=a=b"});
    REQUIRE(without);
    CHECK(without->text("--data") == "[1,2]");
    CHECK(without->text("--name") == "--fast");
    CHECK(without->list("--stop") == Words{"[a,b]", "a=b"});
  }
}

SCENARIO("wrong usage says what, why, and what to do", "[cli][parse]") {
  THEN("an unknown flag names the nearest") {
    CHECK_THAT(complaint({"north", "--wiat", "5s"}),
               Equals("unknown flag '--wiat': did you mean --wait? (see `taskmesh fly --help`)"));
    CHECK_THAT(complaint({"north", "--pri=high"}),
               Contains("unknown flag '--pri': did you mean --priority?"));
    CHECK_THAT(complaint({"north", "-x"}), Contains("unknown flag '-x'"));
    CHECK_THAT(complaint({"north", "--completely-else"}),
               Equals("unknown flag '--completely-else' (see `taskmesh fly --help`)"));
  }
  THEN("a missing argument is named") {
    CHECK_THAT(complaint({}), Equals("WHERE is missing: it is a place (see `taskmesh fly --help`)"));
  }
  THEN("a missing value is not taken from the next flag") {
    CHECK_THAT(complaint({"north", "--name"}), Contains("--name needs a value: it is written --name N"));
    CHECK_THAT(complaint({"north", "--name", "--fast"}), Contains("--name needs a value"));
    CHECK_THAT(complaint({"north", "--wait", "--fast"}), Contains("--wait needs a value"));
  }
  THEN("a toggle takes no value") {
    CHECK_THAT(complaint({"north", "--fast=no"}), Contains("--fast takes no value"));
  }
  THEN("values are of their kind") {
    CHECK_THAT(complaint({"north", "--wait", "5"}),
               Contains("--wait: '5' is not a duration: it takes a number"));
    CHECK_THAT(complaint({"north", "--wait", "-5s"}), Contains("'-5s' is not a duration"));
    CHECK_THAT(complaint({"north", "--limit", "0s"}), Contains("--limit: '0s' is too short"));
    CHECK_THAT(complaint({"north", "--count", "0"}), Contains("whole number from 1 to 10"));
    CHECK_THAT(complaint({"north", "--count", "11"}), Contains("--count: '11'"));
    CHECK_THAT(complaint({"north", "--count", "2x"}), Contains("--count: '2x'"));
    CHECK_THAT(complaint({"north", "--count", "-1"}), Contains("--count: '-1'"));
    CHECK_THAT(complaint({"north", "--data", "{oops"}), Contains("--data: '{oops' is not valid JSON"));
    CHECK_THAT(complaint({"north", "--priority", "urgent"}), Contains("'urgent' is not a priority"));
    CHECK_THAT(complaint({"north", "--log", "loud"}), Contains("'loud' is not a log level"));
    CHECK(complaint({"north", "--amount", "0", "--wait", "0s", "--count", "10"}) == "no complaint");
  }
  THEN("too many arguments are refused by a verb that takes no more") {
    const auto arguments = parse(workers_verb(), {"please"}, with({}));
    REQUIRE_FALSE(arguments);
    CHECK_THAT(arguments.error().what, Equals("one argument too many: 'please'"));
  }
}

TEST_CASE("--help is seen anywhere before --", "[cli][parse]") {
  CHECK(asks_for_help({"north", "--help"}));
  CHECK(asks_for_help({"-h"}));
  CHECK_FALSE(asks_for_help({"north", "--", "--help"}));
  CHECK_FALSE(asks_for_help({"--helpful"}));
}

TEST_CASE("the nearest name is near, or none", "[cli][parse]") {
  const Words verbs{"worker", "workers", "submit", "status", "result", "listen"};
  CHECK(nearest("sumbit", verbs) == "submit");
  CHECK(nearest("stauts", verbs) == "status");
  CHECK(nearest("workrs", verbs) == "workers");
  CHECK(nearest("sub", verbs) == "submit");
  CHECK_FALSE(nearest("teleport", verbs));
  CHECK_FALSE(nearest("", verbs));
  CHECK_FALSE(nearest(std::string(100'000, 'x'), verbs));
}

}  // namespace parse_test
