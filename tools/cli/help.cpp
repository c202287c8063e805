#include "cli/help.hpp"

#include <algorithm>

namespace taskmesh::cli {

namespace {

struct Line {
  std::string left;
  std::string middle;
  std::string right;
};

std::string padded(std::string text, std::size_t width) {
  if (text.size() < width) text.resize(width, ' ');
  return text;
}

std::string default_of(const Flag& flag) {
  const std::string& value = flag.fallback.empty() ? flag.unset : flag.fallback;
  if (value.empty() && flag.variable.empty()) return {};
  if (value.empty()) return "($" + flag.variable + ")";
  return "(default " + value + (flag.variable.empty() ? "" : "; $" + flag.variable) + ")";
}

Line line_of(const Flag& flag) {
  return {flag.value.empty() ? flag.name : flag.name + " " + flag.value, flag.help, default_of(flag)};
}

Line line_of(const Positional& positional) {
  std::string left = positional.name;
  if (!positional.required) left = "[" + left + "]";
  if (positional.repeats) left += "...";
  return {std::move(left), positional.help, {}};
}

/// Three columns, as wide as their longest text.
std::string columns(const std::vector<Line>& lines) {
  std::size_t left = 0;
  std::size_t middle = 0;
  for (const Line& line : lines) {
    left = std::max(left, line.left.size());
    if (!line.right.empty()) middle = std::max(middle, line.middle.size());
  }
  std::string text;
  for (const Line& line : lines) {
    text += "  " + padded(line.left, left + 2);
    text += line.right.empty() ? line.middle : padded(line.middle, middle + 2) + line.right;
    text += "\n";
  }
  return text;
}

}  // namespace

std::string help_of(const Verb& verb) {
  std::string text = "taskmesh " + verb.name + ": " + verb.summary + "\n";
  for (const std::string& example : verb.examples) text += "  " + example + "\n";
  text += "\n";
  std::vector<Line> lines;
  for (const Positional& positional : verb.positionals) lines.push_back(line_of(positional));
  for (const Flag& flag : verb.flags) lines.push_back(line_of(flag));
  lines.push_back({"--help", "print this", {}});
  text += columns(lines);
  return text + "\nexit: " + verb.exits + "\n";
}

std::string overview(const std::vector<Verb>& verbs) {
  std::string text =
      "taskmesh: a brokerless mesh of workers that calls back\n"
      "  taskmesh worker --builtin      in one terminal\n"
      "  taskmesh submit add 2 3        in another: prints 5\n\n";
  std::vector<Line> lines;
  for (const Verb& verb : verbs) lines.push_back({verb.name, verb.summary, {}});
  lines.push_back({"VERB --help", "what a verb takes, its defaults and exit codes", {}});
  lines.push_back({"--version", "print the version", {}});
  text += columns(lines);
  return text +
         "\nA setting comes from its flag, else from its TASKMESH_* variable, else it has its default.\n"
         "Durations are written 500ms, 5s, 2m or 1h. Results go to standard output, all else to standard "
         "error.\n"
         "exit: 0 done, 1 task failed or refused, 2 usage, 3 mesh unreachable, 4 deadline passed\n";
}

}  // namespace taskmesh::cli
