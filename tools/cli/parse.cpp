#include "cli/parse.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "cli/settings.hpp"
#include "cli/values.hpp"

namespace taskmesh::cli {

namespace {

using Words = std::vector<std::string>;

bool is_flag_word(std::string_view word) {
  const bool number = word.size() > 1 && ((word[1] >= '0' && word[1] <= '9') || word[1] == '.');
  return word.size() > 1 && word.front() == '-' && !number;
}

/// CLI11 gives brackets, commas, empty words and leading dashes of a value a meaning of their own. Our values
/// are JSON, so it gets their places ("@3") and never sees them.
class Places {
 public:
  explicit Places(const Words& words) {
    bool flags = true;
    for (const std::string& word : words) {
      if (!flags || !is_flag_word(word)) {
        seen_.push_back(place_of(word));
      } else if (const auto equals = word.find('='); equals != std::string::npos) {
        seen_.push_back(word.substr(0, equals + 1) + place_of(word.substr(equals + 1)));
      } else {
        flags = word != "--";
        seen_.push_back(word);
      }
    }
  }
  /// What CLI11 may see, in the reverse order that it wants.
  Words reversed() const { return {seen_.rbegin(), seen_.rend()}; }
  /// The text behind a place; nullopt if it is a flag.
  std::optional<std::string> text(std::string_view seen) const {
    if (!seen.starts_with('@')) return std::nullopt;
    std::size_t index = 0;
    std::from_chars(seen.data() + 1, seen.data() + seen.size(), index);
    return texts_.at(index);
  }

 private:
  std::string place_of(std::string text) {
    texts_.push_back(std::move(text));
    return "@" + std::to_string(texts_.size() - 1);
  }

  Words seen_;
  Words texts_;
};

Error usage(const Verb& verb, std::string what, std::string why = {}, std::string fix = {}) {
  if (fix.empty()) fix = "see `taskmesh " + verb.name + " --help`";
  return {.kind = ErrorKind::invalid, .what = std::move(what), .why = std::move(why), .fix = std::move(fix)};
}

Error unknown_flag(const Verb& verb, std::string flag) {
  flag = flag.substr(0, flag.find('='));
  Words names{"--help"};
  for (const Flag& known : verb.flags) names.push_back(known.name);
  const auto meant = nearest(flag, names);
  return usage(verb, "unknown flag '" + flag + "'", meant ? "did you mean " + *meant + "?" : "");
}

/// The parser's complaint in our words. It begins with the flag's name: "--wait: 1 required", "json was given".
Error malformed(const Verb& verb, std::string_view complaint) {
  for (const Flag& flag : verb.flags) {
    const std::string_view dashed = flag.name;
    const std::string_view bare = dashed.substr(2);
    const bool about_it =
        complaint.starts_with(std::string(dashed) + ":") || complaint.starts_with(std::string(bare) + " ");
    if (!about_it) continue;
    if (flag.kind == Kind::toggle) return usage(verb, flag.name + " takes no value");
    return usage(verb, flag.name + " needs a value", "it is written " + written(flag));
  }
  return usage(verb, std::string(complaint));
}

/// The values with the name of where they came from, for errors.
Result<void> check_all(const Flag& flag, const std::string& place, const Words& values) {
  for (const std::string& value : values) {
    if (auto checked = check_value(flag, value); !checked) {
      Error error = std::move(checked.error());
      error.kind = ErrorKind::invalid;
      error.what = place + ": " + error.what;
      return fail(std::move(error));
    }
  }
  return {};
}

std::string with_commas(const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : ", ") + word;
  return text;
}

Words split_at_commas(const std::string& text) {
  Words parts;
  for (std::size_t begin = 0; begin <= text.size();) {
    const std::size_t end = std::min(text.find(',', begin), text.size());
    if (end > begin) parts.push_back(text.substr(begin, end - begin));
    begin = end + 1;
  }
  return parts;
}

/// One parser for one call: CLI11's options beside our table.
class Parser {
 public:
  Parser(const Verb& verb, const Words& words) : verb_(verb), places_(words) {
    app_.set_help_flag();
    app_.allow_extras();
    for (const Flag& flag : verb.flags) {
      options_.push_back(flag.kind == Kind::toggle ? app_.add_flag(flag.name)->disable_flag_override()
                                                   : app_.add_option(flag.name));
    }
    for (const Positional& positional : verb.positionals) {
      options_.push_back(app_.add_option(positional.name)->allow_extra_args(positional.repeats));
    }
    for (CLI::Option* option : options_) option->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  }

  Result<Arguments> run(const Environment& environment, const ConfigFinder& find_config) {
    try {
      app_.parse(places_.reversed());
    } catch (const CLI::ParseError& error) {
      return fail(malformed(verb_, error.what()));
    }
    if (auto surplus = check_surplus(); !surplus) return fail(std::move(surplus.error()));
    auto config = config_file(environment, find_config);
    if (!config) return fail(std::move(config.error()));
    Arguments arguments;
    for (std::size_t i = 0; i < verb_.flags.size(); ++i) {
      auto said = said_for(i);
      if (!said) return fail(std::move(said.error()));
      const Flag& flag = verb_.flags[i];
      auto resolved = resolve(flag, std::move(*said), environment, *config);
      if (!resolved) return fail(in_help(std::move(resolved.error())));
      arguments.put(flag.name, std::move(resolved->values), resolved->given, std::move(resolved->origin));
    }
    for (std::size_t i = 0; i < verb_.positionals.size(); ++i) {
      auto taken = take_positional(i, arguments);
      if (!taken) return fail(std::move(taken.error()));
    }
    return arguments;
  }

 private:
  Error in_help(Error error) const {
    if (error.fix.empty()) error.fix = "see `taskmesh " + verb_.name + " --help`";
    return error;
  }

  /// The file that this call reads, if the verb reads one at all.
  Result<ConfigFile> config_file(const Environment& environment, const ConfigFinder& find_config) const {
    for (std::size_t i = 0; i < verb_.flags.size(); ++i) {
      if (verb_.flags[i].name != config_flag().name || !find_config) continue;
      auto said = said_for(i);
      if (!said) return fail(std::move(said.error()));
      auto path = resolve(verb_.flags[i], std::move(*said), environment, {});
      if (!path) return fail(in_help(std::move(path.error())));
      return find_config(path->values.empty() ? std::string{} : path->values.back());
    }
    return ConfigFile{};
  }

  Result<void> check_surplus() const {
    for (const std::string& left : app_.remaining()) {
      const auto text = places_.text(left);
      if (text) return fail(usage(verb_, "one argument too many: '" + *text + "'"));
      if (left != "--") return fail(unknown_flag(verb_, left));
    }
    return {};
  }

  Result<Words> said_for(std::size_t index) const {
    const Flag& flag = verb_.flags[index];
    const CLI::Option& option = *options_[index];
    if (flag.kind == Kind::toggle) return option.count() > 0 ? Words{"yes"} : Words{};
    Words said;
    for (const std::string& seen : option.results()) {
      auto text = places_.text(seen);
      if (!text) return fail(malformed(verb_, flag.name + ":"));  // It swallowed the next flag.
      said.push_back(std::move(*text));
    }
    return said;
  }

  Result<void> take_positional(std::size_t index, Arguments& arguments) const {
    const Positional& positional = verb_.positionals[index];
    Words values;
    for (const std::string& seen : options_[verb_.flags.size() + index]->results()) {
      values.push_back(places_.text(seen).value_or(seen));
    }
    if (positional.required && values.empty()) {
      return fail(usage(verb_, positional.name + " is missing", "it is " + positional.help));
    }
    for (const std::string& value : values) {
      const Words& known = positional.choices;
      if (known.empty() || std::find(known.begin(), known.end(), value) != known.end()) continue;
      return fail(usage(verb_, positional.name + ": '" + value + "' is none of " + with_commas(known)));
    }
    const bool given = !values.empty();
    arguments.put(positional.name, std::move(values), given);
    return {};
  }

  const Verb& verb_;
  Places places_;
  CLI::App app_;
  std::vector<CLI::Option*> options_;  ///< Flags, then positionals, in the table's order.
};

}  // namespace

Environment process_environment() {
  return [](const std::string& variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

ConfigFinder process_config_finder() {
  return [](const std::string& path) {
    const Environment environment = process_environment();
    return find_config(
        path, config_places(environment("XDG_CONFIG_HOME").value_or(""), environment("HOME").value_or("")));
  };
}

bool asks_for_help(const Words& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const auto& word) { return word == "--help" || word == "-h"; });
}

Result<Resolved> resolve(const Flag& flag, Words said, const Environment& environment,
                         const ConfigFile& config) {
  Origin origin{.source = Source::flag, .place = flag.name};
  if (said.empty() && !flag.variable.empty()) {
    if (auto value = environment(flag.variable)) {
      origin = {.source = Source::variable, .place = flag.variable};
      said = flag.repeats ? split_at_commas(*value) : Words{*value};
    }
  }
  if (auto checked = check_all(flag, origin.place, said); !checked) return fail(std::move(checked.error()));
  if (said.empty() && !flag.setting.empty()) {
    if (const ConfigValue* value = config.find(flag.setting)) {
      origin = {.source = Source::file, .place = config.path + ":" + std::to_string(value->line)};
      said = value->values;
    }
  }
  Resolved resolved{.values = {}, .given = !said.empty(), .origin = std::move(origin)};
  if (flag.kind == Kind::toggle) resolved.given = resolved.given && is_true(said.back());
  if (said.empty()) resolved.origin = {};
  if (said.empty() && !flag.fallback.empty()) said = {flag.fallback};
  if (!flag.repeats && said.size() > 1) said = {said.back()};
  resolved.values = std::move(said);
  return resolved;
}

Result<Arguments> parse(const Verb& verb, const Words& words, const Environment& environment,
                        const ConfigFinder& find_config) {
  return Parser(verb, words).run(environment, find_config);
}

}  // namespace taskmesh::cli
