// Words of a command line, and values of variables: read, or refused with a reason. Durations, ids and numbers
// that are read survive being written.
//
// Input: for a duration or an id: 0 or 1, then the text. Else 2, then lines: the words, and behind an empty line
// the variables' values.
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/parse.hpp"
#include "cli/verb.hpp"
#include "fuzz/input.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/base/ids.hpp"
#include "taskmesh/base/time.hpp"

namespace {

using namespace taskmesh;

constexpr std::size_t words_max = 64;

void check_duration(std::string_view text) {
  const auto duration = parse_duration(text);
  if (!duration) {
    TASKMESH_CHECK(duration.error().kind == ErrorKind::invalid && !duration.error().fix.empty());
    return;
  }
  TASKMESH_CHECK(*duration >= Duration::zero());
  const auto again = parse_duration(to_string(*duration));
  TASKMESH_CHECK(again.has_value() && *again == *duration);
}

void check_id(std::string_view text) {
  const auto id = TaskId::parse(text);
  if (!id) return;
  TASKMESH_CHECK(TaskId::parse(to_string(*id)) == *id);
}

/// Every kind of flag and of place.
cli::Verb verb() {
  using cli::Kind;
  cli::Verb verb{.name = "fuzz", .summary = "takes anything", .examples = {"taskmesh fuzz"}};
  verb.positionals = {{.name = "NAME", .help = "a name"},
                      {.name = "MORE", .help = "and more", .required = false, .repeats = true}};
  const auto flag = [&](std::string name, Kind kind) -> cli::Flag& {
    cli::Flag made{.name = "--" + name, .value = kind == Kind::toggle ? "" : "VALUE", .help = "a flag"};
    made.kind = kind;
    made.variable = "V_" + name;
    verb.flags.push_back(std::move(made));
    return verb.flags.back();
  };
  flag("toggle", Kind::toggle);
  flag("text", Kind::text).repeats = true;
  flag("count", Kind::count).most = 1000;
  flag("amount", Kind::amount);
  flag("duration", Kind::duration).fallback = "30s";
  flag("period", Kind::period);
  flag("json", Kind::json);
  flag("priority", Kind::priority);
  flag("state", Kind::task_state);
  flag("log", Kind::log_level);
  return verb;
}

/// Up to the next line's end; false at the end of all.
bool take_line(std::string_view& rest, std::string& line) {
  if (rest.empty()) return false;
  const std::size_t end = rest.find('\n');
  line = std::string(rest.substr(0, end));
  rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  return true;
}

void check_words(std::string_view rest) {
  static const cli::Verb table = verb();
  std::vector<std::string> words;
  std::string line;
  while (words.size() < words_max && take_line(rest, line) && !line.empty()) words.push_back(line);
  std::map<std::string, std::string> variables;
  for (const cli::Flag& flag : table.flags) {
    if (take_line(rest, line) && !line.empty()) variables[flag.variable] = line;
  }
  static_cast<void>(cli::asks_for_help(words));
  const auto read = cli::parse(table, words, [&](const std::string& name) -> std::optional<std::string> {
    const auto found = variables.find(name);
    if (found == variables.end()) return std::nullopt;
    return found->second;
  });
  if (!read) {
    TASKMESH_CHECK(!read.error().what.empty() && !read.error().fix.empty());
    return;
  }
  TASKMESH_CHECK(!read->given("--count") || (read->count("--count") >= 1 && read->count("--count") <= 1000));
  TASKMESH_CHECK(read->duration("--duration") >= Duration::zero());
  TASKMESH_CHECK(!read->given("--period") || read->duration("--period") > Duration::zero());
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  switch (input.octet()) {
    case 0:
      check_duration(input.rest());
      break;
    case 1:
      check_id(input.rest());
      break;
    default:
      check_words(input.rest());
      break;
  }
  return 0;
}
