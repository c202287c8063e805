// Settings: everything that flag, TASKMESH_* variable and configuration file can say, in one table.
//
// Verbs take their flags from here, the file is read by it, `taskmesh config`, taskmesh.toml(5) and
// docs/configuration.md are printed from it or compared with it. A new setting is one entry here, and its flag in the
// verbs that use it. What a command is told once (arguments of a task, --builtin, --json) is no setting.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.hpp"

namespace taskmesh::cli {

struct Setting {
  Flag flag;            ///< flag.setting is its name in the file; every setting has a variable.
  std::string example;  ///< As TOML; what the example file shows where there is no default.
  std::string note;     ///< More than the help's one line, for the manual; may be empty.
};

/// Sorted by table of the file: those without one first.
std::vector<Setting> settings();

/// The flag of that setting. A name that is not in the table is a bug.
Flag setting_flag(std::string_view name);

/// --config: where the file is.
Flag config_flag();

/// The default for people: "30s", "one per core".
std::string default_text(const Flag& flag);

}  // namespace taskmesh::cli
