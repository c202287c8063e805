// Parsing: a verb's table and the words of a command line give Arguments, or the reason why not.
//
// Order: flag > variable > fallback. Every value is checked against its flag's kind, wherever it came from.
// Pure: the environment is a function. Errors: invalid, with the nearest name where one was misspelt.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "cli/verb.hpp"
#include "taskmesh/base/result.hpp"

namespace taskmesh::cli {

/// The variable's value; nullopt if it is not set.
using Environment = std::function<std::optional<std::string>(const std::string& variable)>;

/// Of this process. An empty variable counts as not set.
Environment process_environment();

/// True if --help or -h is said (before a "--").
bool asks_for_help(const std::vector<std::string>& words);

/// `words` are those behind the verb's name.
Result<Arguments> parse(const Verb& verb, const std::vector<std::string>& words,
                        const Environment& environment);

/// The candidate that `word` was probably meant to be.
std::optional<std::string> nearest(std::string_view word, const std::vector<std::string>& candidates);

}  // namespace taskmesh::cli
