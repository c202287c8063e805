#include "cli/manual.hpp"

#include <algorithm>

#include "cli/settings.hpp"
#include "cli/settings_text.hpp"

namespace taskmesh::cli {

namespace {

/// Text as roff shows it: dashes that can be copied, and no line that is taken for a request.
std::string escaped(const std::string& text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    line_begins = c == '\n';
    switch (c) {
      case '\\':
        out += "\\e";
        break;
      case '-':
        out += "\\-";
        break;
      case '\'':
        out += "\\(aq";
        break;
      case '`':
        out += "\\(ga";
        break;
      case '~':
        out += "\\(ti";
        break;
      case '^':
        out += "\\(ha";
        break;
      case '"':
        out += "\\(dq";
        break;
      default:
        out += c;
    }
  }
  return out;
}

std::string bold(const std::string& text) { return "\\fB" + escaped(text) + "\\fR"; }
std::string italic(const std::string& text) { return "\\fI" + escaped(text) + "\\fR"; }

/// A reference: taskmesh\-submit(1).
std::string page_link(const std::string& name, const std::string& section) {
  return bold(name) + "(" + section + ")";
}

std::string head(const std::string& name, const std::string& section, const std::string& version) {
  std::string upper = name;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c; });
  return ".\\\" Made by `taskmesh man`: change the table of verbs or settings instead.\n.TH " +
         escaped(upper) + " " + section + " \"\" \"taskmesh " + version + "\" \"taskmesh\"\n.nh\n.ad l\n";
}

std::string name_section(const std::string& name, const std::string& summary) {
  return ".SH NAME\n" + escaped(name) + " \\- " + escaped(summary) + "\n";
}

std::string item(const std::string& tag, const std::string& text) {
  return ".TP\n" + tag + "\n" + text + "\n";
}

std::string flag_tag(const Flag& flag) {
  return bold(flag.name) + (flag.value.empty() ? "" : " " + italic(flag.value));
}

/// "Default: 30s. Variable: TASKMESH_WAIT. In the file: client.wait."
std::string sources_of(const Flag& flag) {
  std::string text;
  if (const std::string value = default_text(flag); !value.empty())
    text += " Default: " + escaped(value) + ".";
  if (!flag.variable.empty()) text += " Variable: " + bold(flag.variable) + ".";
  if (!flag.setting.empty()) text += " In the file: " + bold(flag.setting) + ".";
  return text;
}

std::string sentence(std::string text) {
  if (!text.empty() && text.front() >= 'a' && text.front() <= 'z') {
    text.front() = static_cast<char>(text.front() - 'a' + 'A');
  }
  return escaped(text) + ".";
}

std::string synopsis(const Verb& verb) {
  std::string text = ".SH SYNOPSIS\n" + bold("taskmesh " + verb.name);
  for (const Positional& positional : verb.positionals) {
    const std::string name = italic(positional.name) + (positional.repeats ? "..." : "");
    text += positional.required ? " " + name : " [" + name + "]";
  }
  return text + " [" + italic("FLAG") + "...]\n";
}

std::string examples(const Verb& verb) {
  std::string text = ".SH EXAMPLES\n.EX\n";
  for (const std::string& example : verb.examples) text += escaped(example) + "\n";
  return text + ".EE\n";
}

std::string see_also(const std::vector<Verb>& verbs, const std::string& but) {
  std::string text = ".SH SEE ALSO\n" + page_link("taskmesh", "1");
  for (const Verb& verb : verbs) {
    if (verb.name != but) text += ",\n" + page_link("taskmesh-" + verb.name, "1");
  }
  return text + ",\n" + page_link("taskmesh.toml", "5") + "\n";
}

Page page_of(const Verb& verb, const std::vector<Verb>& verbs, const std::string& version) {
  const std::string name = "taskmesh-" + verb.name;
  std::string text = head(name, "1", version) + name_section(name, verb.summary) + synopsis(verb);
  if (!verb.positionals.empty()) text += ".SH ARGUMENTS\n";
  for (const Positional& positional : verb.positionals) {
    text += item(italic(positional.name), sentence(positional.help));
  }
  text += ".SH FLAGS\n";
  for (const Flag& flag : verb.flags) text += item(flag_tag(flag), sentence(flag.help) + sources_of(flag));
  text += item(bold("--help"), "Print what the verb takes.");
  text += ".SH EXIT STATUS\n" + sentence(verb.exits) + "\n" + examples(verb) + see_also(verbs, verb.name);
  return {name, "1", std::move(text)};
}

Page overview_page(const std::vector<Verb>& verbs, const std::string& version) {
  std::string text =
      head("taskmesh", "1", version) +
      name_section("taskmesh", "a brokerless mesh of workers that calls back") + ".SH SYNOPSIS\n" +
      bold("taskmesh") + " " + italic("VERB") + " [" + italic("ARGUMENT") + "...] [" + italic("FLAG") +
      "...]\n.SH DESCRIPTION\n"
      "Workers find each other, clients send tasks straight to the least loaded one, and when a task\n"
      "ends its completion is pushed to the address that was registered with it.\n"
      ".SH VERBS\n";
  for (const Verb& verb : verbs) {
    text += item(bold(verb.name),
                 sentence(verb.summary) + " See " + page_link("taskmesh-" + verb.name, "1") + ".");
  }
  text += ".SH FLAGS\n" + item(bold("--help"), "Print an overview.") +
          item(bold("--version"), "Print the version.");
  text += ".SH EXIT STATUS\n" + item("0", "Done.") + item("1", "The task failed, or was refused.") +
          item("2", "The command line, a variable or the configuration file is wrong.") +
          item("3", "No worker of the mesh could be reached.") + item("4", "A deadline passed first.");
  text +=
      ".SH EXAMPLES\n.EX\ntaskmesh worker \\-\\-builtin      # in one terminal\n"
      "taskmesh submit add 2 3        # in another: prints 5\n.EE\n";
  return {"taskmesh", "1", text + see_also(verbs, "")};
}

Page settings_page(const std::vector<Verb>& verbs, const std::string& version) {
  std::string text =
      head("taskmesh.toml", "5", version) + name_section("taskmesh.toml", "settings of taskmesh");
  text +=
      ".SH DESCRIPTION\nA setting comes from its flag, else from its variable, else from this file, else it "
      "has its\n"
      "default. The file is the first of these, and TOML:\n"
      ".IP 1. 4\n" +
      bold("--config") + " " + italic("FILE") + "\n.IP 2. 4\n" + bold("$TASKMESH_CONFIG") + "\n.IP 3. 4\n" +
      italic("$XDG_CONFIG_HOME/taskmesh/taskmesh.toml") + ", or\n" +
      italic("~/.config/taskmesh/taskmesh.toml") + "\n.IP 4. 4\n" + italic("/etc/taskmesh/taskmesh.toml") +
      "\n.PP\nAn unknown setting or a wrong value is refused with its line. " +
      page_link("taskmesh-config", "1") +
      "\nprints every setting with where it came from, and an example file.\n.SH SETTINGS\n";
  for (const Setting& setting : settings()) {
    std::string body = sentence(setting.flag.help);
    if (!setting.note.empty()) body += " " + escaped(setting.note);
    body += " Default: " + escaped(default_text(setting.flag)) + ". Flag: " + bold(setting.flag.name) +
            ". Variable: " + bold(setting.flag.variable) + ".";
    text += item(bold(setting.flag.setting), body);
  }
  text += ".SH EXAMPLES\n.EX\n" +
          escaped("mesh = \"reports\"\n\n[worker]\nslots = 8\ndrain_timeout = \"2m\"\n") + ".EE\n";
  return {"taskmesh.toml", "5", text + see_also(verbs, "")};
}

}  // namespace

std::vector<Page> manual(const std::vector<Verb>& verbs, const std::string& version) {
  std::vector<Page> pages{overview_page(verbs, version), settings_page(verbs, version)};
  for (const Verb& verb : verbs) pages.push_back(page_of(verb, verbs, version));
  return pages;
}

}  // namespace taskmesh::cli
