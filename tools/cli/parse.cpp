#include "cli/parse.hpp"

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>
#include <algorithm>
#include <charconv>
#include <cstdlib>
#include <numeric>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/log.hpp"
#include "taskmesh/task_result.hpp"

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

/// "--wait DURATION"
std::string shown(const Flag& flag) { return flag.value.empty() ? flag.name : flag.name + " " + flag.value; }

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
    return usage(verb, flag.name + " needs a value", "it is written " + shown(flag));
  }
  return usage(verb, std::string(complaint));
}

Result<void> check_whole_number(const std::string& value, std::uint64_t at_least, std::uint64_t most) {
  std::uint64_t number = 0;
  const auto [end, error] = std::from_chars(value.data(), value.data() + value.size(), number);
  const bool whole = error == std::errc{} && end == value.data() + value.size();
  if (whole && number >= at_least && number <= most) return {};
  return fail(
      {.what = "'" + value + "' is not a number that it takes",
       .why = "it takes a whole number from " + std::to_string(at_least) + " to " + std::to_string(most)});
}

Result<void> check_duration(const std::string& value, bool above_zero) {
  auto duration = parse_duration(value);
  if (!duration) return fail(std::move(duration.error()));
  if (above_zero && *duration <= Duration::zero()) {
    return fail({.what = "'" + value + "' is too short", .why = "it takes a duration above zero"});
  }
  return {};
}

Result<void> check_json(const std::string& value) {
  auto json = parse_json(value);
  if (json) return {};
  return fail({.what = "'" + value.substr(0, 64) + "' is not valid JSON",
               .why = std::move(json.error().why),
               .fix = "quote it for the shell: '{\"id\": 7}'"});
}

Result<void> check_truth(const std::string& value) {
  const Words known{"1", "true", "yes", "0", "false", "no"};
  if (std::find(known.begin(), known.end(), value) != known.end()) return {};
  return fail({.what = "'" + value + "' is neither yes nor no", .fix = "use 1 or 0"});
}

bool is_true(const std::string& value) { return value == "1" || value == "true" || value == "yes"; }

template <class T>
Result<void> without_value(Result<T> read) {
  if (!read) return fail(std::move(read.error()));
  return {};
}

Result<void> check(const Flag& flag, const std::string& value) {
  if (value.empty()) return fail({.what = "the value is empty"});
  switch (flag.kind) {
    case Kind::toggle:
      return check_truth(value);
    case Kind::text:
      return {};
    case Kind::count:
      return check_whole_number(value, 1, flag.most);
    case Kind::amount:
      return check_whole_number(value, 0, flag.most);
    case Kind::duration:
      return check_duration(value, false);
    case Kind::period:
      return check_duration(value, true);
    case Kind::json:
      return check_json(value);
    case Kind::priority:
      return without_value(parse_priority(value));
    case Kind::log_level:
      return without_value(parse_log_level(value));
  }
  return {};
}

/// The values with the name of where they came from, for errors.
Result<void> check_all(const Verb& verb, const Flag& flag, const std::string& source, const Words& values) {
  for (const std::string& value : values) {
    if (auto checked = check(flag, value); !checked) {
      Error error = std::move(checked.error());
      return fail(usage(verb, source + ": " + error.what, std::move(error.why), std::move(error.fix)));
    }
  }
  return {};
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

/// Values of one flag: those of the command line, else the variable's, else the fallback.
Result<void> settle(const Verb& verb, const Flag& flag, Words said, const Environment& environment,
                    Arguments& arguments) {
  std::string source = flag.name;
  const bool on_command_line = !said.empty();
  if (!on_command_line && !flag.variable.empty()) {
    if (auto value = environment(flag.variable)) {
      source = flag.variable;
      said = flag.repeats ? split_at_commas(*value) : Words{*value};
    }
  }
  if (auto checked = check_all(verb, flag, source, said); !checked) return checked;
  bool given = !said.empty();
  if (flag.kind == Kind::toggle) given = given && is_true(said.back());
  if (said.empty() && !flag.fallback.empty()) said = {flag.fallback};
  if (!flag.repeats && said.size() > 1) said = {said.back()};
  arguments.put(flag.name, std::move(said), given);
  return {};
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

  Result<Arguments> run(const Environment& environment) {
    try {
      app_.parse(places_.reversed());
    } catch (const CLI::ParseError& error) {
      return fail(malformed(verb_, error.what()));
    }
    if (auto surplus = check_surplus(); !surplus) return fail(std::move(surplus.error()));
    Arguments arguments;
    for (std::size_t i = 0; i < verb_.flags.size(); ++i) {
      auto said = said_for(i);
      if (!said) return fail(std::move(said.error()));
      auto settled = settle(verb_, verb_.flags[i], std::move(*said), environment, arguments);
      if (!settled) return fail(std::move(settled.error()));
    }
    for (std::size_t i = 0; i < verb_.positionals.size(); ++i) {
      auto taken = take_positional(i, arguments);
      if (!taken) return fail(std::move(taken.error()));
    }
    return arguments;
  }

 private:
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
    const bool given = !values.empty();
    arguments.put(positional.name, std::move(values), given);
    return {};
  }

  const Verb& verb_;
  Places places_;
  CLI::App app_;
  std::vector<CLI::Option*> options_;  ///< Flags, then positionals, in the table's order.
};

std::size_t edit_distance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace

Environment process_environment() {
  return [](const std::string& variable) -> std::optional<std::string> {
    const char* value = std::getenv(variable.c_str());
    if (value == nullptr || *value == '\0') return std::nullopt;
    return value;
  };
}

bool asks_for_help(const Words& words) {
  const auto end = std::find(words.begin(), words.end(), "--");
  return std::any_of(words.begin(), end, [](const auto& word) { return word == "--help" || word == "-h"; });
}

std::optional<std::string> nearest(std::string_view word, const Words& candidates) {
  std::optional<std::string> best;
  constexpr std::size_t farthest = 2;  // Two letters that changed places.
  std::size_t best_distance = farthest + 1;
  for (const std::string& candidate : candidates) {
    const bool begun = word.size() >= 3 && candidate.starts_with(word);
    const std::size_t distance = begun ? 1 : edit_distance(word.substr(0, 64), candidate);
    if (distance < best_distance) {
      best_distance = distance;
      best = candidate;
    }
  }
  return best;
}

Result<Arguments> parse(const Verb& verb, const Words& words, const Environment& environment) {
  return Parser(verb, words).run(environment);
}

}  // namespace taskmesh::cli
