// Parsing: a verb's table and the words of a command line give Arguments, or the reason why not.
//
// Order: flag > variable > configuration file > fallback. Every value is checked against its flag's kind, wherever
// it came from. Pure: the environment and the file are functions. Errors: invalid, with the nearest name where one
// was misspelt, and with the file's line where the value stands there.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/config_file.hpp"
#include "cli/verb.hpp"
#include "taskmesh/base/result.hpp"

namespace taskmesh::cli {

/// The variable's value; nullopt if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

/// Of this process. An empty variable counts as not set.
Environment process_environment();

/// True if --help or -h is said (before a "--").
bool asks_for_help(const std::vector<std::string>& words);

/// The file to read, given the path that was said by flag or variable (empty: look where it usually is).
using ConfigFinder = std::function<Result<ConfigFile>(const std::string& path)>;

/// Looks where $XDG_CONFIG_HOME and $HOME of this process say.
ConfigFinder process_config_finder();

/// `words` are those behind the verb's name. Without a finder no file is read.
Result<Arguments> parse(const Verb& verb, const std::vector<std::string>& words,
                        const Environment& environment, const ConfigFinder& find_config = {});

struct Resolved {
  std::vector<std::string> values;  ///< The fallback where nothing was given.
  bool given = false;               ///< As Arguments::given.
  Origin origin;
};

/// The value of one flag: `said` on the command line, else its variable's, else the file's, else the fallback.
Result<Resolved> resolve(const Flag& flag, std::vector<std::string> said, const Environment& environment,
                         const ConfigFile& config);

}  // namespace taskmesh::cli
