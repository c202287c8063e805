#include "cli/verb.hpp"

#include <charconv>

#include "cli/settings.hpp"
#include "cli/values.hpp"
#include "taskmesh/base/check.hpp"

namespace taskmesh::cli {

const Arguments::Entry& Arguments::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  TASKMESH_CHECK(found != entries_.end() && "the verb's table lists the name");
  return found->second;
}

bool Arguments::given(std::string_view name) const { return entry(name).given; }

const std::vector<std::string>& Arguments::list(std::string_view name) const { return entry(name).values; }

const std::string& Arguments::text(std::string_view name) const {
  static const std::string none;
  const auto& values = list(name);
  return values.empty() ? none : values.back();
}

std::uint64_t Arguments::count(std::string_view name) const {
  const std::string& digits = text(name);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);  // The parser has checked it.
  return number;
}

Duration Arguments::duration(std::string_view name) const {
  const std::string& value = text(name);
  return value.empty() ? Duration{} : parse_duration(value).value_or(Duration{});
}

std::uint64_t Arguments::size(std::string_view name) const {
  const std::string& value = text(name);
  return value.empty() ? 0 : parse_size(value).value_or(0);
}

const Origin& Arguments::origin(std::string_view name) const { return entry(name).origin; }

void Arguments::put(const std::string& name, std::vector<std::string> values, bool given, Origin origin) {
  entries_[name] = {std::move(values), given, std::move(origin)};
}

std::vector<Flag> common_flags() { return {setting_flag("log"), config_flag()}; }

std::vector<Flag> mesh_flags() {
  return joined({setting_flag("mesh"), setting_flag("seeds"), setting_flag("token_file")}, common_flags());
}

Flag json_flag() {
  return {.name = "--json", .value = {}, .help = "print one JSON document", .kind = Kind::toggle};
}

std::vector<Positional> task_id_positional() {
  return {{.name = "ID", .help = "the task id: 32 hexadecimal digits"}};
}

std::string written(const Flag& flag) {
  return flag.value.empty() ? flag.name : flag.name + " " + flag.value;
}

Flag list_limit_flag(std::string help) {
  return {.name = "--limit",
          .value = "N",
          .help = std::move(help),
          .kind = Kind::count,
          .fallback = "1000",
          .most = list_limit_most};
}

Flag question_flag() {
  constexpr Duration question_budget = 5s;
  return {.name = "--wait",
          .value = "DURATION",
          .help = "give up asking after this long",
          .kind = Kind::duration,
          .fallback = taskmesh::to_string(question_budget)};
}

std::vector<Flag> joined(std::vector<Flag> flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace taskmesh::cli
