// Verb: one command of the `taskmesh` binary as data. The same table is parsed, printed as help, and read by
// whatever is generated from it (completion, manual pages), so that they cannot disagree.
//
// A verb is a value: built when it is needed, kept by nobody. What was read ends up in Arguments, already
// checked against each flag's kind, so that a verb's own code meets no malformed number or duration.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "taskmesh/base/time.hpp"

namespace taskmesh::cli {

/// What the process says to whoever started it.
enum class Exit : int {
  done = 0,
  failed = 1,       ///< The task failed, or it was refused.
  usage = 2,        ///< The command line, or a variable, is wrong.
  unreachable = 3,  ///< No worker could be asked.
  late = 4,         ///< A deadline passed first.
};

/// What a value must look like; checked before the verb runs.
enum class Kind {
  toggle,    ///< No value: said or not said. As a variable: 1, true, yes or 0, false, no.
  text,      ///< Anything but nothing.
  count,     ///< A whole number of at least 1.
  amount,    ///< A whole number of at least 0.
  duration,  ///< 0s or more.
  period,    ///< A duration above zero.
  size,      ///< Bytes, at least 1: a whole number, also with KiB, MiB or GiB.
  file,      ///< The name of a file; what it holds is checked by who opens it.
  json,      ///< One JSON document.
  moment,    ///< A date and time, RFC 3339.
  priority,
  task_state,  ///< Of a task that a worker knows.
  log_level,
  consent,  ///< Whether endpoints of webhooks are asked.
};

struct Flag {
  std::string name;           ///< "--wait"
  std::string value;          ///< What stands for its value in the help: "DURATION". Empty: a toggle.
  std::string help;           ///< "give up waiting after this long"
  Kind kind = Kind::text;     ///< How the value is checked.
  std::string fallback = {};  ///< Used when neither flag nor variable is there: "30s".
  std::string unset = {};     ///< For people, where there is no fallback: "the number of cores".
  std::string variable = {};  ///< Read when the flag is not there: "TASKMESH_WAIT".
  std::uint64_t most = 1'000'000'000;  ///< Of a count, an amount or a size.
  bool repeats = false;      ///< May be said more than once; the variable is then separated by commas.
  std::string setting = {};  ///< Its name in the configuration file: "worker.slots". Empty: never read there.
};

/// An argument without a flag.
struct Positional {
  std::string name;  ///< "NAME"
  std::string help;
  bool required = true;
  bool repeats = false;                   ///< Takes all that is left; the last one only.
  std::vector<std::string> choices = {};  ///< The words that it takes; empty: any.
};

/// Where a value came from, the strongest last.
enum class Source { fallback, file, variable, flag };

struct Origin {
  Source source = Source::fallback;
  std::string place =
      {};  ///< "/etc/taskmesh/taskmesh.toml:3", "TASKMESH_SLOTS", "--slots"; of a fallback: "".
};

/// The values of one call, after flag > variable > file > fallback. A name that the verb does not list is a bug.
class Arguments {
 public:
  /// A value was given by flag, variable or file (not by the fallback); for a toggle: it is on.
  bool given(std::string_view name) const;
  /// The value as text; the last one where it was repeated; empty if there is none.
  const std::string& text(std::string_view name) const;
  const std::vector<std::string>& list(std::string_view name) const;
  /// 0 where there is no value.
  std::uint64_t count(std::string_view name) const;
  /// Zero where there is no value: ask given() first where zero is one.
  Duration duration(std::string_view name) const;

  /// Bytes; 0 where there is no value.
  std::uint64_t size(std::string_view name) const;
  const Origin& origin(std::string_view name) const;

  /// For the parser, and for tests of verbs.
  void put(const std::string& name, std::vector<std::string> values, bool given, Origin origin = {});

 private:
  struct Entry {
    std::vector<std::string> values;
    bool given = false;
    Origin origin = {};
  };
  const Entry& entry(std::string_view name) const;

  std::map<std::string, Entry, std::less<>> entries_;
};

struct Verb {
  std::string name;
  std::string summary;                ///< One line: what it does.
  std::vector<std::string> examples;  ///< Complete command lines that work.
  std::vector<Positional> positionals;
  std::vector<Flag> flags;
  std::string exits;  ///< "0 done, 1 task failed, ...": the codes that this verb has.
  std::function<Exit(const Arguments&)> run;
};

/// The flags of every verb that has settings: --config, --log.
std::vector<Flag> common_flags();
/// The flags of every verb that joins a mesh: --mesh, --seed, --token-file, and the common ones.
std::vector<Flag> mesh_flags();
/// --json
Flag json_flag();
/// The task that a verb is about, as its positional ID.
std::vector<Positional> task_id_positional();
/// --wait of verbs that ask about a task and do not wait for its end.
Flag question_flag();
/// --limit of a verb that lists; 1,000 unless told otherwise.
Flag list_limit_flag(std::string help);
/// The largest --limit.
inline constexpr std::uint64_t list_limit_most = 1'000'000;
/// How it is written: "--wait DURATION".
std::string written(const Flag& flag);
/// `more` behind `flags`.
std::vector<Flag> joined(std::vector<Flag> flags, const std::vector<Flag>& more);

}  // namespace taskmesh::cli
