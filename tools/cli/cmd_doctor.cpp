// taskmesh doctor: looks at everything that has to be right for a mesh to be seen from here.
#include <unistd.h>

#include <algorithm>
#include <array>

#include "cli/doctor.hpp"
#include "cli/output.hpp"
#include "cli/parse.hpp"
#include "cli/settings.hpp"
#include "cli/values.hpp"
#include "cli/verbs.hpp"
#include "taskmesh/base/json.hpp"

extern char** environ;  // NOLINT: POSIX names it so

namespace taskmesh::cli {

namespace {

std::string_view to_string(Verdict verdict) {
  switch (verdict) {
    case Verdict::ok:
      return "ok";
    case Verdict::warning:
      return "warning";
    case Verdict::problem:
      return "problem";
  }
  return "";
}

std::size_t count(const Findings& findings, Verdict verdict) {
  return static_cast<std::size_t>(
      std::count_if(findings.begin(), findings.end(),
                    [verdict](const Finding& finding) { return finding.verdict == verdict; }));
}

std::string counted(std::size_t number, const std::string& thing) {
  return std::to_string(number) + " " + thing + (number == 1 ? "" : "s");
}

/// Variables that look like settings and are none: misspelt, most of the time.
Findings examine_variables() {
  std::vector<std::string> known{config_flag().variable, "TASKMESH_TASK_ID", "TASKMESH_ATTEMPT",
                                 "TASKMESH_DEADLINE_MS"};
  for (const Setting& setting : settings()) known.push_back(setting.flag.variable);
  Findings findings;
  for (char** at = environ; *at != nullptr; ++at) {
    const std::string_view variable(*at);
    const std::string name(variable.substr(0, variable.find('=')));
    if (!name.starts_with("TASKMESH_") || std::find(known.begin(), known.end(), name) != known.end())
      continue;
    const auto meant = nearest(name, known);
    findings.push_back({Verdict::warning, "variables", "nothing reads the variable " + name,
                        meant ? "did you mean " + *meant + "?" : "",
                        "`taskmesh config` lists those that are read"});
  }
  return findings;
}

Finding configuration(const Arguments& arguments) {
  const auto file = process_config_finder()(arguments.text("--config"));  // It was read a moment ago.
  if (!file) return {Verdict::problem, "settings", file.error().what, file.error().why, file.error().fix};
  return {Verdict::ok, "settings",
          file->path.empty() ? "no configuration file" : "configuration file " + file->path};
}

Findings examine(const Arguments& arguments, const std::string& mesh) {
  const Patient patient{.mesh = mesh,
                        .seeds = arguments.list("--seed"),
                        .token_file = arguments.text("--token-file"),
                        .insecure = arguments.given("--insecure"),
                        .wait = arguments.duration("--wait"),
                        .survey = io::survey_host(mesh)};
  Findings findings{configuration(arguments)};
  for (const Findings& part :
       {examine_variables(), examine_directory(patient), examine_workers(patient), examine_machine()}) {
    findings.insert(findings.end(), part.begin(), part.end());
  }
  return findings;
}

std::string line_of(const Finding& finding) {
  const auto padded = [](std::string_view text, std::size_t width) {
    return std::string(text) + std::string(width - std::min(width, text.size()), ' ');
  };
  std::string text = padded(to_string(finding.verdict), 9) + padded(finding.check, 11) + finding.what;
  if (!finding.why.empty()) text += ": " + finding.why;
  if (!finding.fix.empty() && finding.verdict != Verdict::ok) text += " (" + finding.fix + ")";
  return harmless(text);
}

std::string lines_of(const Findings& findings) {
  std::string text;
  for (const Finding& finding : findings) text += (text.empty() ? "" : "\n") + line_of(finding);
  return text;
}

std::string document(const Findings& findings, const std::string& mesh) {
  JsonWriter writer;
  writer.begin_object();
  writer.key("mesh");
  writer.string(mesh);
  writer.key("problems");
  writer.number(static_cast<std::uint64_t>(count(findings, Verdict::problem)));
  writer.key("warnings");
  writer.number(static_cast<std::uint64_t>(count(findings, Verdict::warning)));
  writer.key("findings");
  writer.begin_array();
  for (const Finding& finding : findings) {
    writer.begin_object();
    const std::array<std::pair<const char*, std::string_view>, 5> members{
        {{"check", finding.check},
         {"verdict", to_string(finding.verdict)},
         {"what", finding.what},
         {"why", finding.why},
         {"fix", finding.fix}}};
    for (const auto& [name, text] : members) {
      writer.key(name);
      writer.string(text);
    }
    writer.end_object();
  }
  writer.end_array();
  writer.end_object();
  return writer.take();
}

Exit run_doctor(const Arguments& arguments) {
  const std::string mesh = arguments.text("--mesh").empty() ? "default" : arguments.text("--mesh");
  if (const auto checked = detail::check_mesh(mesh); !checked) return print_failure(checked.error());
  const Findings findings = examine(arguments, mesh);
  const std::size_t problems = count(findings, Verdict::problem);
  const Exit exit = problems == 0 ? Exit::done : Exit::failed;
  if (arguments.given("--json")) return print_line(document(findings, mesh), exit);
  const Exit printed = print_line(lines_of(findings), exit);
  print_note("mesh '" + mesh + "': " + counted(problems, "problem") + ", " +
             counted(count(findings, Verdict::warning), "warning"));
  return printed;
}

}  // namespace

Verb doctor_verb() {
  const std::vector<Flag> own{{.name = "--wait",
                               .value = "DURATION",
                               .help = "how long workers have to answer",
                               .kind = Kind::period,
                               .fallback = "2s"},
                              setting_flag("insecure")};
  return {
      .name = "doctor",
      .summary = "tell why a mesh is not seen from here: directory, token, workers, seeds, limits",
      .examples = {"taskmesh doctor", "taskmesh doctor --mesh reports --seed tcp://127.0.0.1:24800 --json"},
      .positionals = {},
      .flags = joined(joined(own, mesh_flags()), {json_flag()}),
      .exits = "0 nothing is a problem, 1 something is, 2 usage",
      .run = run_doctor};
}

}  // namespace taskmesh::cli
