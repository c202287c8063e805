// taskmesh: the command line. Finds the verb, reads its flags by its table, runs it.
#include <csignal>
#include <cstdio>
#include <exception>

#include "cli/help.hpp"
#include "cli/output.hpp"
#include "cli/parse.hpp"
#include "cli/values.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

using Words = std::vector<std::string>;

std::string without_newline(std::string text) {
  text.pop_back();  // print_line adds it.
  return text;
}

Exit refuse(std::string what, std::string why, std::string fix) {
  return print_failure(
      {.kind = ErrorKind::invalid, .what = std::move(what), .why = std::move(why), .fix = std::move(fix)});
}

Exit unknown_verb(const std::string& word, const std::vector<Verb>& known) {
  Words names;
  for (const Verb& verb : known) names.push_back(verb.name);
  const auto meant = nearest(word, names);
  const std::string kind = word.starts_with('-') ? "unknown flag" : "unknown verb";
  return refuse(kind + " '" + word + "'", meant ? "did you mean `taskmesh " + *meant + "`?" : "",
                "`taskmesh --help` lists the verbs");
}

Exit run_verb(const Verb& verb, const Words& words) {
  if (asks_for_help(words)) return print_line(without_newline(help_of(verb)), Exit::done);
  const auto arguments = parse(verb, words, process_environment(), process_config_finder());
  if (!arguments) return print_failure(arguments.error());
  try {
    return verb.run(*arguments);
  } catch (const Failure& failure) {
    return print_failure(failure.error());
  }
}

Exit run(const Words& words) {
  const std::vector<Verb> known = verbs();
  if (words.empty()) {
    print_note(without_newline(overview(known)));
    return Exit::usage;
  }
  const std::string& first = words.front();
  if (first == "--help" || first == "-h") return print_line(without_newline(overview(known)), Exit::done);
  if (first == "--version") return print_line("taskmesh " TASKMESH_VERSION, Exit::done);
  for (const Verb& verb : known) {
    if (verb.name == first) return run_verb(verb, Words(words.begin() + 1, words.end()));
  }
  return unknown_verb(first, known);
}

}  // namespace

}  // namespace taskmesh::cli

int main(int argc, char** argv) {
  // A reader that went away ends the output, not a worker; write() says EPIPE instead.
  std::signal(SIGPIPE, SIG_IGN);
  using taskmesh::cli::Exit;
  try {
    return static_cast<int>(taskmesh::cli::run({argv + 1, argv + argc}));
  } catch (const std::exception& error) {
    taskmesh::cli::print_error({.what = "taskmesh ended by mistake", .why = error.what()});
    return static_cast<int>(Exit::failed);
  }
}
