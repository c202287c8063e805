// taskmesh completion: a script that completes the command line in a shell.
#include "cli/completion.hpp"
#include "cli/output.hpp"
#include "cli/verbs.hpp"

namespace taskmesh::cli {

namespace {

Exit run_completion(const Arguments& arguments) {
  const std::string& shell = arguments.text("SHELL");
  std::string script = shell == "bash"  ? bash_completion(verbs())
                       : shell == "zsh" ? zsh_completion(verbs())
                                        : fish_completion(verbs());
  script.pop_back();  // print_line adds the newline.
  return print_line(script, Exit::done);
}

}  // namespace

Verb completion_verb() {
  return {
      .name = "completion",
      .summary = "print a script that completes this command line in a shell",
      .examples = {"taskmesh completion bash", "taskmesh completion fish"},
      .positionals = {{.name = "SHELL", .help = "bash, zsh or fish", .choices = {"bash", "zsh", "fish"}}},
      .flags = {{.name = "--json", .value = {}, .help = "the script is text anyway", .kind = Kind::toggle}},
      .exits = "0 done, 2 usage",
      .run = run_completion};
}

}  // namespace taskmesh::cli
