#include "cli/completion.hpp"

#include "cli/values.hpp"

namespace taskmesh::cli {

namespace {

using Words = std::vector<std::string>;

std::string joined_by(const std::string& separator, const Words& words) {
  std::string text;
  for (const std::string& word : words) text += (text.empty() ? "" : separator) + word;
  return text;
}

Words flag_words(const Verb& verb) {
  Words words;
  for (const Flag& flag : verb.flags) words.push_back(flag.name);
  words.emplace_back("--help");
  return words;
}

Words verb_words(const std::vector<Verb>& verbs) {
  Words words;
  for (const Verb& verb : verbs) words.push_back(verb.name);
  return words;
}

/// The words of the first positional that has a set of them.
Words positional_words(const Verb& verb) {
  for (const Positional& positional : verb.positionals) {
    if (!positional.choices.empty()) return positional.choices;
  }
  return {};
}

/// In single quotes for any of the shells; `escaped_quote` is how a quote stands within them.
std::string quoted(const std::string& text, const std::string& escaped_quote) {
  std::string out = "'";
  for (const char c : text) out += c == '\'' ? escaped_quote : std::string(1, c);
  return out + "'";
}

/// A zsh description stands in brackets, behind a name that may hold no colon either.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text) {
    if (c == '[' || c == ']' || c == ':' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

// ---- bash ---------------------------------------------------------------------------------------------------

/// "      submit:--wait | submit:--config) ...": what stands behind a flag that takes a value.
std::string bash_values(const Verb& verb) {
  std::string text;
  for (const Flag& flag : verb.flags) {
    if (flag.value.empty()) continue;
    const Words words = choices(flag.kind);
    std::string action = "return";  // Nothing that is known: offer nothing wrong.
    if (!words.empty()) action = "values='" + joined_by(" ", words) + "'";
    if (flag.kind == Kind::file) action = "files=1";
    text += "    " + verb.name + ":" + flag.name + ") " + action + " ;;\n";
  }
  return text;
}

}  // namespace

std::string bash_completion(const std::vector<Verb>& verbs) {
  std::string flags;
  std::string values;
  for (const Verb& verb : verbs) {
    Words offered = positional_words(verb);
    const Words own = flag_words(verb);
    offered.insert(offered.end(), own.begin(), own.end());
    flags += "    " + verb.name + ") values='" + joined_by(" ", offered) + "' ;;\n";
    values += bash_values(verb);
  }
  return "# bash completion for taskmesh, made by `taskmesh completion bash`\n"
         "_taskmesh() {\n"
         "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before='' verb='' values='' files='' at=$COMP_CWORD\n"
         "  COMPREPLY=()\n"
         "  if ((COMP_CWORD > 1)); then\n"
         "    verb=\"${COMP_WORDS[1]}\"\n"
         "    # --wait=5s is three words where bash splits at '='\n"
         "    if [[ $word == '=' ]]; then\n"
         "      word=''\n"
         "    elif [[ ${COMP_WORDS[at - 1]} == '=' ]]; then\n"
         "      at=$((at - 1))\n"
         "    fi\n"
         "    before=\"${COMP_WORDS[at - 1]}\"\n"
         "  fi\n"
         "  case \"$verb:$before\" in\n"
         "    :*) values='" +
         joined_by(" ", verb_words(verbs)) + " --help --version' ;;\n" + values +
         "    *) ;;\n"
         "  esac\n"
         "  if [[ -n $files ]]; then\n"
         "    compopt -o filenames 2>/dev/null\n"
         "    mapfile -t COMPREPLY < <(compgen -f -- \"$word\")\n"
         "    return\n"
         "  fi\n"
         "  [[ -n $values ]] || case \"$verb\" in\n" +
         flags +
         "    *) ;;\n"
         "  esac\n"
         "  mapfile -t COMPREPLY < <(compgen -W \"$values\" -- \"$word\")\n"
         "}\n"
         "complete -F _taskmesh taskmesh\n";
}

// ---- zsh ----------------------------------------------------------------------------------------------------

namespace {

std::string zsh_flag(const Flag& flag) {
  std::string spec = flag.repeats ? "*" : "";
  spec += flag.name + (flag.value.empty() ? "" : "=") + "[" + zsh_text(flag.help) + "]";
  if (!flag.value.empty()) {
    spec += ":" + zsh_text(flag.value) + ":";
    const Words words = choices(flag.kind);
    if (!words.empty()) spec += "(" + joined_by(" ", words) + ")";
    if (flag.kind == Kind::file) spec += "_files";
  }
  return quoted(spec, "'\\''");
}

std::string zsh_positional(const Positional& positional) {
  std::string spec = positional.repeats ? "*" : "";
  spec += (positional.required || positional.repeats ? ":" : "::") + zsh_text(positional.name) + ":";
  if (!positional.choices.empty()) spec += "(" + joined_by(" ", positional.choices) + ")";
  return quoted(spec, "'\\''");
}

}  // namespace

std::string zsh_completion(const std::vector<Verb>& verbs) {
  std::string text =
      "#compdef taskmesh\n"
      "# zsh completion for taskmesh, made by `taskmesh completion zsh`\n"
      "_taskmesh() {\n"
      "  local -a verbs\n"
      "  verbs=(\n";
  for (const Verb& verb : verbs) {
    text += "    " + quoted(verb.name + ":" + zsh_text(verb.summary), "'\\''") + "\n";
  }
  text +=
      "  )\n"
      "  if ((CURRENT == 2)); then\n"
      "    _describe verb verbs\n"
      "    return\n"
      "  fi\n"
      "  local verb=$words[2]\n"
      "  shift words\n"
      "  ((CURRENT--))\n"
      "  case $verb in\n";
  for (const Verb& verb : verbs) {
    text += "    " + verb.name + ")\n      _arguments \\\n";
    for (const Flag& flag : verb.flags) text += "        " + zsh_flag(flag) + " \\\n";
    for (const Positional& positional : verb.positionals)
      text += "        " + zsh_positional(positional) + " \\\n";
    text += "        '--help[print what the verb takes]'\n      ;;\n";
  }
  return text +
         "  esac\n"
         "}\n"
         "if [[ $funcstack[1] == _taskmesh ]]; then\n"
         "  _taskmesh \"$@\"\n"
         "else\n"
         "  compdef _taskmesh taskmesh\n"
         "fi\n";
}

// ---- fish ---------------------------------------------------------------------------------------------------

std::string fish_completion(const std::vector<Verb>& verbs) {
  const std::string line = "complete -c taskmesh ";
  std::string text = "# fish completion for taskmesh, made by `taskmesh completion fish`\n" + line + "-f\n";
  const std::string no_verb =
      "-n 'not __fish_seen_subcommand_from " + joined_by(" ", verb_words(verbs)) + "' ";
  for (const Verb& verb : verbs) {
    text += line + no_verb + "-a " + verb.name + " -d " + quoted(verb.summary, "\\'") + "\n";
  }
  text += line + no_verb + "-l version -d 'print the version'\n" + line + "-l help -d 'print help'\n";
  for (const Verb& verb : verbs) {
    const std::string here = line + "-n '__fish_seen_subcommand_from " + verb.name + "' ";
    const Words words = positional_words(verb);
    if (!words.empty()) text += here + "-a '" + joined_by(" ", words) + "'\n";
    for (const Flag& flag : verb.flags) {
      text += here + "-l " + flag.name.substr(2);
      if (flag.kind == Kind::file) text += " -r -F";
      if (!flag.value.empty() && flag.kind != Kind::file) text += " -x";
      if (const Words values = choices(flag.kind); !values.empty())
        text += " -a '" + joined_by(" ", values) + "'";
      text += " -d " + quoted(flag.help, "\\'") + "\n";
    }
  }
  return text;
}

}  // namespace taskmesh::cli
