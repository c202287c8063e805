// taskmesh config: every setting, its value here and now, and where it came from.
#include <algorithm>
#include <array>
#include <set>

#include "cli/output.hpp"
#include "cli/parse.hpp"
#include "cli/settings.hpp"
#include "cli/settings_text.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

namespace taskmesh::cli {

namespace {

/// One setting as this call finds it.
struct SettingRow {
  Setting setting;
  Resolved resolved;
};

/// The call's flags belong to all settings of that flag's name; each setting has a variable and a key of its own.
Result<std::vector<SettingRow>> resolve_all(const Arguments& arguments, const ConfigFile& file) {
  std::vector<SettingRow> rows;
  for (Setting& setting : settings()) {
    std::vector<std::string> said;
    if (arguments.origin(setting.flag.name).source == Source::flag) said = arguments.list(setting.flag.name);
    auto resolved = resolve(setting.flag, std::move(said), process_environment(), file);
    if (!resolved) return fail(std::move(resolved.error()));
    rows.push_back({std::move(setting), std::move(*resolved)});
  }
  return rows;
}

std::string_view to_string(Source source) {
  switch (source) {
    case Source::fallback:
      return "default";
    case Source::file:
      return "file";
    case Source::variable:
      return "variable";
    case Source::flag:
      return "flag";
  }
  return "";
}

std::string from_text(const Origin& origin) {
  std::string text(to_string(origin.source));
  if (!origin.place.empty()) text += " " + origin.place;
  return text;
}

std::string value_text(const SettingRow& row) {
  if (row.setting.flag.kind == Kind::toggle) return row.resolved.given ? "yes" : "no";
  if (row.resolved.values.empty()) return "(" + row.setting.flag.unset + ")";
  std::string text;
  for (const std::string& value : row.resolved.values) text += (text.empty() ? "" : ",") + value;
  return text;
}

std::string config_table(const std::vector<SettingRow>& rows) {
  std::vector<std::array<std::string, 3>> lines{{"SETTING", "VALUE", "FROM"}};
  for (const SettingRow& row : rows) {
    lines.push_back({row.setting.flag.setting, harmless(value_text(row)), from_text(row.resolved.origin)});
  }
  std::array<std::size_t, 2> widths{};
  for (const auto& line : lines) {
    for (std::size_t i = 0; i < widths.size(); ++i) widths[i] = std::max(widths[i], line[i].size());
  }
  std::string text;
  for (const auto& line : lines) {
    if (!text.empty()) text += "\n";
    for (std::size_t i = 0; i < widths.size(); ++i)
      text += line[i] + std::string(widths[i] - line[i].size() + 2, ' ');
    text += line.back();
  }
  return text;
}

void write_value(JsonWriter& writer, const SettingRow& row) {
  const Flag& flag = row.setting.flag;
  const auto& values = row.resolved.values;
  if (flag.kind == Kind::toggle) return writer.boolean(row.resolved.given);
  if (flag.repeats) {
    writer.begin_array();
    for (const std::string& value : values) writer.string(value);
    return writer.end_array();
  }
  if (values.empty()) return writer.null();
  const bool number = flag.kind == Kind::count || flag.kind == Kind::amount;
  number ? writer.raw(values.back()) : writer.string(values.back());
}

std::string document(const std::vector<SettingRow>& rows, const ConfigFile& file) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("file");
  file.path.empty() ? writer.null() : writer.string(file.path);
  writer.key("settings");
  writer.begin_array();
  for (const SettingRow& row : rows) {
    const Flag& flag = row.setting.flag;
    writer.begin_object();
    writer.key("name");
    writer.string(flag.setting);
    writer.key("value");
    write_value(writer, row);
    writer.key("from");
    writer.string(to_string(row.resolved.origin.source));
    writer.key("place");
    row.resolved.origin.place.empty() ? writer.null() : writer.string(row.resolved.origin.place);
    writer.key("default");
    writer.string(default_text(flag));
    writer.key("flag");
    writer.string(flag.name);
    writer.key("variable");
    writer.string(flag.variable);
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

std::string without_newline(std::string text) {
  text.pop_back();  // print_line adds it.
  return text;
}

Exit run_config(const Arguments& arguments) {
  if (arguments.given("--example")) return print_line(without_newline(example_file()), Exit::done);
  // The parser has read the file for the flags; what it holds of settings that share a flag's name is asked here.
  const auto file = process_config_finder()(arguments.text("--config"));
  if (!file) return print_failure(file.error());
  const auto rows = resolve_all(arguments, *file);
  if (!rows) return print_failure(rows.error());
  if (arguments.given("--json")) return print_line(document(*rows, *file), Exit::done);
  print_note(file->path.empty() ? "no configuration file" : "configuration file " + file->path);
  return print_line(config_table(*rows), Exit::done);
}

/// Each setting's flag once: worker.result_ttl and submit.result_ttl share theirs.
std::vector<Flag> setting_flags() {
  std::vector<Flag> flags;
  std::set<std::string> names;
  for (Setting& setting : settings()) {
    if (names.insert(setting.flag.name).second) flags.push_back(std::move(setting.flag));
  }
  return flags;
}

}  // namespace

Verb config_verb() {
  const std::vector<Flag> own{
      {.name = "--example",
       .value = {},
       .help = "print a configuration file with every setting and its default, and stop",
       .kind = Kind::toggle},
      config_flag(),
      json_flag()};
  return {.name = "config",
          .summary = "print every setting, its value, and where it came from",
          .examples = {"taskmesh config", "taskmesh config --slots 2 --json", "taskmesh config --example"},
          .positionals = {},
          .flags = joined(setting_flags(), own),
          .exits = "0 done, 2 usage: also for a wrong value in a variable or in the file",
          .run = run_config};
}

}  // namespace taskmesh::cli
