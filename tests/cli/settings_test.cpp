// The table of settings: sound, used by the verbs, obeyed in the right order, and what the documents say.
#include "cli/settings.hpp"

#include <catch2/catch.hpp>
#include <fstream>
#include <map>
#include <set>
#include <sstream>

#include "cli/parse.hpp"
#include "cli/settings_text.hpp"
#include "cli/values.hpp"
#include "cli/verbs.hpp"

namespace settings_test {

namespace {

using namespace taskmesh::cli;
using Catch::Matchers::Contains;
using Words = std::vector<std::string>;

Environment with(const std::map<std::string, std::string>& variables) {
  return [variables](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  };
}

ConfigFinder file_of(const std::string& text) {
  return [text](const std::string&) { return parse_config(text, "t.toml"); };
}

/// Three values that differ from each other and from the default.
Words three_values(Kind kind) {
  switch (kind) {
    case Kind::count:
    case Kind::amount:
      return {"11", "12", "13"};
    case Kind::size:
      return {"11KiB", "12KiB", "13KiB"};
    case Kind::duration:
    case Kind::period:
      return {"11s", "12s", "13s"};
    case Kind::priority:
      return {"low", "high", "critical"};
    case Kind::log_level:
      return {"debug", "error", "off"};
    case Kind::consent:  // There are two beside the default: neighbours differ.
      return {"required", "if-supported", "required"};
    default:
      return {"one", "two", "three"};
  }
}

std::string toml_line(const Flag& flag, const std::string& value) {
  const bool bare = flag.kind == Kind::count || flag.kind == Kind::amount || flag.kind == Kind::toggle;
  const std::string literal = bare ? value : "\"" + value + "\"";
  return flag.setting + " = " + (flag.repeats ? "[" + literal + "]" : literal) + "\n";
}

/// The words that a verb needs beside its flags.
Words needed(const Verb& verb) {
  Words words;
  for (const Positional& positional : verb.positionals) {
    if (positional.required) words.push_back(positional.choices.empty() ? "x" : positional.choices.front());
  }
  return words;
}

/// Each flag of each verb that is a setting, but those of config, which lists them all.
template <class Check>
void for_each_use(Check check) {
  for (const Verb& verb : verbs()) {
    for (const Flag& flag : verb.flags) {
      if (flag.setting.empty() || verb.name == "config") continue;
      INFO("taskmesh " << verb.name << " " << flag.name);
      check(verb, flag);
    }
  }
}

std::string text_of(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(std::string(TASKMESH_SOURCE_DIR) + "/" + path).rdbuf();
  return text.str();
}

}  // namespace

TEST_CASE("every setting has a name, a variable, a flag and a default of its own", "[cli][settings]") {
  std::set<std::string> names;
  std::set<std::string> variables{config_flag().variable};
  for (const Setting& setting : settings()) {
    const Flag& flag = setting.flag;
    INFO(flag.setting);
    CHECK(names.insert(flag.setting).second);
    CHECK(variables.insert(flag.variable).second);
    CHECK(flag.variable.starts_with("TASKMESH_"));
    CHECK(flag.name.starts_with("--"));
    CHECK((flag.kind == Kind::toggle) == flag.value.empty());
    CHECK_FALSE(default_text(flag).empty());
    CHECK(flag.fallback.empty() != setting.example.empty());
    if (!flag.fallback.empty()) CHECK(check_value(flag, flag.fallback));
    CHECK(setting_flag(flag.setting).variable == flag.variable);
  }
}

TEST_CASE("every variable and every setting of a verb is in the table, and every setting has a verb",
          "[cli][settings]") {
  std::set<std::string> used;
  for (const Verb& verb : verbs()) {
    for (const Flag& flag : verb.flags) {
      INFO("taskmesh " << verb.name << " " << flag.name);
      if (flag.name == config_flag().name) continue;
      CHECK(flag.variable.empty() == flag.setting.empty());
      if (flag.setting.empty()) continue;
      const Flag known = setting_flag(flag.setting);
      CHECK(flag.name == known.name);
      CHECK(flag.kind == known.kind);
      CHECK(flag.variable == known.variable);
      CHECK(flag.fallback == known.fallback);
      if (verb.name != "config") used.insert(flag.setting);
    }
  }
  for (const Setting& setting : settings()) {
    INFO(setting.flag.setting);
    CHECK(used.contains(setting.flag.setting));
  }
}

TEST_CASE("for every setting of every verb the file is weaker than the variable, and that than the flag",
          "[cli][settings]") {
  for_each_use([](const Verb& verb, const Flag& flag) {
    if (flag.kind == Kind::toggle) return;  // Below: its flag can only be said.
    const Words values = three_values(flag.kind);
    const auto file = file_of(toml_line(flag, values[0]));
    const auto variable = with({{flag.variable, values[1]}});
    Words words = needed(verb);
    const auto by_default = parse(verb, words, with({}), file_of(""));
    REQUIRE(by_default);
    CHECK(by_default->origin(flag.name).source == Source::fallback);
    CHECK(by_default->text(flag.name) == flag.fallback);
    CHECK_FALSE(by_default->given(flag.name));
    const auto by_file = parse(verb, words, with({}), file);
    REQUIRE(by_file);
    CHECK(by_file->list(flag.name) == Words{values[0]});
    CHECK(by_file->given(flag.name));
    CHECK(by_file->origin(flag.name).place == "t.toml:1");
    const auto by_variable = parse(verb, words, variable, file);
    REQUIRE(by_variable);
    CHECK(by_variable->list(flag.name) == Words{values[1]});
    CHECK(by_variable->origin(flag.name).place == flag.variable);
    words.insert(words.end(), {flag.name, values[2]});
    const auto by_flag = parse(verb, words, variable, file);
    REQUIRE(by_flag);
    CHECK(by_flag->list(flag.name) == Words{values[2]});
    CHECK(by_flag->origin(flag.name).source == Source::flag);
  });
}

TEST_CASE("a toggle of the file can be switched off by its variable, and on again by its flag",
          "[cli][settings]") {
  int toggles = 0;
  for_each_use([&](const Verb& verb, const Flag& flag) {
    if (flag.kind != Kind::toggle) return;
    ++toggles;
    const auto file = file_of(toml_line(flag, "true"));
    Words words = needed(verb);
    CHECK_FALSE(parse(verb, words, with({}), file_of(""))->given(flag.name));
    CHECK(parse(verb, words, with({}), file)->given(flag.name));
    CHECK_FALSE(parse(verb, words, with({{flag.variable, "no"}}), file)->given(flag.name));
    words.push_back(flag.name);
    CHECK(parse(verb, words, with({{flag.variable, "no"}}), file)->given(flag.name));
    CHECK_FALSE(parse(verb, needed(verb), with({}), file_of(toml_line(flag, "false")))->given(flag.name));
  });
  CHECK(toggles > 0);
}

TEST_CASE("a wrong file is wrong usage for every verb that reads one, whatever setting is wrong",
          "[cli][settings]") {
  for (const Verb& verb : verbs()) {
    const bool reads = std::any_of(verb.flags.begin(), verb.flags.end(),
                                   [](const Flag& flag) { return flag.name == config_flag().name; });
    INFO(verb.name);
    const auto arguments = parse(verb, needed(verb), with({}), file_of("worker.slots = 0\n"));
    CHECK(arguments.has_value() == !reads);
    if (!arguments) CHECK(arguments.error().kind == taskmesh::ErrorKind::invalid);
  }
}

TEST_CASE("the file to read is named by flag, else by variable, else looked for", "[cli][settings]") {
  std::string asked = "nothing";
  const ConfigFinder finder = [&](const std::string& path) -> taskmesh::Result<ConfigFile> {
    asked = path;
    return ConfigFile{};
  };
  const auto variable = with({{"TASKMESH_CONFIG", "/of/variable"}});
  CHECK(parse(workers_verb(), {}, with({}), finder));
  CHECK(asked.empty());
  CHECK(parse(workers_verb(), {}, variable, finder));
  CHECK(asked == "/of/variable");
  CHECK(parse(workers_verb(), {"--config", "/of/flag"}, variable, finder));
  CHECK(asked == "/of/flag");
}

TEST_CASE("the example file is taken as it is, and says the defaults when its comments are removed",
          "[cli][settings]") {
  const std::string example = example_file();
  const auto commented = parse_config(example, "t.toml");
  REQUIRE(commented);
  CHECK(commented->values.empty());
  std::istringstream lines(example);
  std::string all;
  for (std::string line; std::getline(lines, line);) {
    CHECK(line.size() <= 120);
    const bool setting = line.starts_with('#') && !line.starts_with("# ");
    all += (setting ? line.substr(1) : line) + "\n";
  }
  const auto file = parse_config(all, "t.toml");
  if (!file) FAIL(to_string(file.error()));
  for (const Setting& setting : settings()) {
    INFO(setting.flag.setting);
    const ConfigValue* value = file->find(setting.flag.setting);
    REQUIRE(value != nullptr);
    if (!setting.flag.fallback.empty()) CHECK(value->values == Words{setting.flag.fallback});
  }
}

TEST_CASE("docs/configuration.md lists every setting as the table has it", "[cli][settings]") {
  const std::string document = text_of("docs/configuration.md");
  std::set<std::string> rows;
  for (const std::string& row : markdown_rows()) {
    INFO(row);
    CHECK(rows.insert(row).second);
    CHECK(document.find("\n" + row + "\n") != std::string::npos);
  }
  std::istringstream lines(document);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with("| `") || line.find("` | `TASKMESH_") == std::string::npos) continue;
    INFO("not in the code: " << line);
    CHECK(rows.contains(line));
  }
}

}  // namespace settings_test
