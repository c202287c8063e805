// The configuration file: TOML whose tables and keys are the settings of settings.hpp.
//
//   mesh = "reports"
//   [worker]
//   slots = 4
//   drain_timeout = "30s"
//
// One file is read: the one that is named, else the first of config_places() that exists. It is all right or
// refused: an unknown key, a value of another type or beyond its bounds names its line, also where the verb at hand
// would not have used it. Bounded: config_bytes_max, and toml++'s own depth. Never waits: a pipe is refused.
// Errors: invalid.
#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"

namespace taskmesh::cli {

inline constexpr std::size_t config_bytes_max = 1024 * 1024;

struct ConfigValue {
  std::vector<std::string> values;  ///< In the form that the flag takes; checked.
  std::uint32_t line = 0;
};

struct ConfigFile {
  std::string path = {};  ///< Empty: none was read.
  std::map<std::string, ConfigValue, std::less<>> values = {};

  /// Null where the file does not say it.
  const ConfigValue* find(std::string_view setting) const;
};

/// `path` is for messages and origins.
Result<ConfigFile> parse_config(std::string_view text, const std::string& path);

Result<ConfigFile> read_config(const std::string& path);

/// Where a file is looked for when none is named: the user's, then the machine's.
/// Arguments: $XDG_CONFIG_HOME and $HOME, empty where unset. Relative ones are not used.
std::vector<std::string> config_places(const std::string& config_home, const std::string& home);

/// Reads `path`, or where that is empty the first place that exists; no file at all is an empty ConfigFile.
Result<ConfigFile> find_config(const std::string& path, const std::vector<std::string>& places);

}  // namespace taskmesh::cli
