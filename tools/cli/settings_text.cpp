#include "cli/settings_text.hpp"

#include "cli/settings.hpp"

namespace taskmesh::cli {

namespace {

constexpr std::size_t line_width = 110;

std::string toml_value(const Setting& setting) {
  const Flag& flag = setting.flag;
  if (flag.fallback.empty()) return setting.example;
  const bool number = flag.kind == Kind::count || flag.kind == Kind::amount;
  return number ? flag.fallback : "\"" + flag.fallback + "\"";
}

}  // namespace

std::string wrapped(std::string_view text, std::string_view prefix, std::size_t width) {
  std::string lines;
  std::string line;
  while (!text.empty()) {
    const std::size_t space = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, space);
    if (!line.empty() && prefix.size() + line.size() + 1 + word.size() > width) {
      lines += std::string(prefix) + line + "\n";
      line.clear();
    }
    line += (line.empty() ? "" : " ") + std::string(word);
    text.remove_prefix(std::min(space + 1, text.size()));
  }
  return line.empty() ? lines : lines + std::string(prefix) + line + "\n";
}

std::string example_file() {
  std::string text =
      "# taskmesh.toml: settings of taskmesh, each one with its default where it has one. A flag and a "
      "TASKMESH_*\n"
      "# variable come before this file. It is looked for at --config, $TASKMESH_CONFIG,\n"
      "# $XDG_CONFIG_HOME/taskmesh/taskmesh.toml (else ~/.config/...), /etc/taskmesh/taskmesh.toml; the "
      "first is "
      "read.\n";
  std::string section;
  for (const Setting& setting : settings()) {
    const std::string& name = setting.flag.setting;
    const std::size_t dot = name.find('.');
    if (dot != std::string::npos && name.substr(0, dot) != section) {
      section = name.substr(0, dot);
      text += "\n[" + section + "]\n";
    }
    const std::string default_value = default_text(setting.flag);
    text += "\n" + wrapped(setting.flag.help + " (" + setting.flag.name + ", " + setting.flag.variable +
                               "; default: " + default_value + ")",
                           "# ", line_width);
    text += wrapped(setting.note, "# ", line_width);
    text += "#" + name.substr(dot == std::string::npos ? 0 : dot + 1) + " = " + toml_value(setting) + "\n";
  }
  return text;
}

std::vector<std::string> markdown_rows() {
  std::vector<std::string> rows;
  for (const Setting& setting : settings()) {
    const Flag& flag = setting.flag;
    rows.push_back("| `" + flag.setting + "` | `" + flag.variable + "` | `" + written(flag) + "` | " +
                   default_text(flag) + " | " + flag.help + " |");
  }
  return rows;
}

}  // namespace taskmesh::cli
