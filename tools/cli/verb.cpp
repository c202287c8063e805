#include "cli/verb.hpp"

#include <charconv>

#include "taskmesh/base/check.hpp"
#include "taskmesh/base/limits.hpp"

namespace taskmesh::cli {

const Arguments::Entry& Arguments::entry(std::string_view name) const {
  const auto found = entries_.find(name);
  TASKMESH_CHECK(found != entries_.end() && "the verb's table lists the name");
  return found->second;
}

bool Arguments::given(std::string_view name) const { return entry(name).given; }

const std::vector<std::string>& Arguments::list(std::string_view name) const { return entry(name).values; }

const std::string& Arguments::text(std::string_view name) const {
  static const std::string none;
  const auto& values = list(name);
  return values.empty() ? none : values.back();
}

std::uint64_t Arguments::count(std::string_view name) const {
  const std::string& digits = text(name);
  std::uint64_t number = 0;
  std::from_chars(digits.data(), digits.data() + digits.size(), number);  // The parser has checked it.
  return number;
}

Duration Arguments::duration(std::string_view name) const {
  const std::string& value = text(name);
  return value.empty() ? Duration{} : parse_duration(value).value_or(Duration{});
}

void Arguments::put(const std::string& name, std::vector<std::string> values, bool given) {
  entries_[name] = {std::move(values), given};
}

std::vector<Flag> mesh_flags() {
  return {{.name = "--mesh",
           .value = "NAME",
           .help = "the mesh to join",
           .unset = "default",
           .variable = "TASKMESH_MESH"},
          {.name = "--seed",
           .value = "ENDPOINT",
           .help = "a worker elsewhere, tcp://HOST:PORT; repeatable",
           .unset = "none",
           .variable = "TASKMESH_SEEDS",
           .repeats = true},
          {.name = "--token-file",
           .value = "FILE",
           .help = "the mesh token of another host or user",
           .unset = "this host's",
           .variable = "TASKMESH_TOKEN_FILE"}};
}

Flag json_flag() {
  return {.name = "--json", .value = {}, .help = "print one JSON document", .kind = Kind::toggle};
}

std::vector<Flag> joined(std::vector<Flag> flags, const std::vector<Flag>& more) {
  flags.insert(flags.end(), more.begin(), more.end());
  return flags;
}

}  // namespace taskmesh::cli
