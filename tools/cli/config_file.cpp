#include "cli/config_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <toml++/toml.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <optional>
#include <sstream>

#include "cli/settings.hpp"
#include "cli/values.hpp"

namespace taskmesh::cli {

namespace {

Error bad_file(std::string what, std::string why, std::string fix) {
  return {.kind = ErrorKind::invalid, .what = std::move(what), .why = std::move(why), .fix = std::move(fix)};
}

const std::string see_config = "`taskmesh config --example` prints a file with every setting";

std::string_view kind_of(const toml::node& node) {
  switch (node.type()) {
    case toml::node_type::table:
      return "a table";
    case toml::node_type::array:
      return "an array";
    case toml::node_type::string:
      return "a string";
    case toml::node_type::integer:
      return "a whole number";
    case toml::node_type::floating_point:
      return "a number with a fraction";
    case toml::node_type::boolean:
      return "true or false";
    default:
      return "a date or time";
  }
}

/// What stands in the file for a flag of that kind.
std::string wanted(const Flag& flag) {
  if (flag.repeats) return "an array of strings";
  switch (flag.kind) {
    case Kind::toggle:
      return "true or false";
    case Kind::count:
    case Kind::amount:
      return "a whole number";
    case Kind::size:
      return "a whole number of bytes or a string such as \"256MiB\"";
    case Kind::duration:
    case Kind::period:
      return "a string such as \"30s\"";
    default:
      return "a string";
  }
}

/// The value as the flag would be given it; nullopt if it is of another type.
std::optional<std::string> text_of(const Flag& flag, const toml::node& node) {
  const bool number = flag.kind == Kind::count || flag.kind == Kind::amount || flag.kind == Kind::size;
  if (const auto* integer = node.as_integer(); integer != nullptr && number)
    return std::to_string(integer->get());
  if (const auto* truth = node.as_boolean(); truth != nullptr && flag.kind == Kind::toggle) {
    return truth->get() ? "true" : "false";
  }
  const bool plain = flag.kind == Kind::toggle || flag.kind == Kind::count || flag.kind == Kind::amount;
  if (const auto* string = node.as_string(); string != nullptr && !plain) return string->get();
  return std::nullopt;
}

std::optional<std::vector<std::string>> texts_of(const Flag& flag, const toml::node& node) {
  std::vector<std::string> values;
  const toml::array* array = node.as_array();
  if (flag.repeats != (array != nullptr)) return std::nullopt;
  if (array == nullptr) {
    auto text = text_of(flag, node);
    if (!text) return std::nullopt;
    return std::vector<std::string>{std::move(*text)};
  }
  for (const toml::node& element : *array) {
    auto text = text_of(flag, element);
    if (!text) return std::nullopt;
    values.push_back(std::move(*text));
  }
  return values;
}

/// Walks the tables of one file.
class Reader {
 public:
  explicit Reader(const std::string& path) : settings_(settings()) { file_.path = path; }

  Result<ConfigFile> run(const toml::table& root) {
    if (auto read = read_table(root, ""); !read) return fail(std::move(read.error()));
    return std::move(file_);
  }

 private:
  std::string at(std::uint32_t line) const { return file_.path + ":" + std::to_string(line); }

  Result<void> read_table(const toml::table& table, const std::string& prefix) {
    for (const auto& [key, node] : table) {
      const std::string name = prefix + std::string(key.str());
      const auto line = static_cast<std::uint32_t>(key.source().begin.line);
      auto read = node.is_table() && is_section(name) ? read_table(*node.as_table(), name + ".")
                                                      : read_value(name, line, node);
      if (!read) return read;
    }
    return {};
  }

  bool is_section(const std::string& name) const {
    for (const Setting& setting : settings_) {
      if (setting.flag.setting.starts_with(name + ".")) return true;
    }
    return false;
  }

  Result<void> read_value(const std::string& name, std::uint32_t line, const toml::node& node) {
    for (const Setting& setting : settings_) {
      const Flag& flag = setting.flag;
      if (flag.setting != name) continue;
      auto values = texts_of(flag, node);
      if (!values) {
        return fail(bad_file(at(line) + ": " + name + " is " + std::string(kind_of(node)),
                             "it takes " + wanted(flag), see_config));
      }
      for (const std::string& value : *values) {
        if (auto checked = check_value(flag, value); !checked) {
          Error error = std::move(checked.error());
          return fail(bad_file(at(line) + ": " + name + ": " + error.what, error.why,
                               error.fix.empty() ? see_config : error.fix));
        }
      }
      file_.values[name] = {std::move(*values), line};
      return {};
    }
    return fail(unknown(name, line));
  }

  Error unknown(const std::string& name, std::uint32_t line) const {
    std::vector<std::string> names;
    for (const Setting& setting : settings_) {
      const std::string& known = setting.flag.setting;
      names.push_back(known);
      // The right key in the wrong table, or in none.
      if (known.substr(known.rfind('.') + 1) != name.substr(name.rfind('.') + 1)) continue;
      return bad_file(at(line) + ": unknown setting '" + name + "'", "did you mean " + known + "?",
                      see_config);
    }
    const auto meant = nearest(name, names);
    return bad_file(at(line) + ": unknown setting '" + name.substr(0, 64) + "'",
                    meant ? "did you mean " + *meant + "?" : "there is no such setting", see_config);
  }

  std::vector<Setting> settings_;
  ConfigFile file_;
};

Error unreadable(const std::string& path, std::string why) {
  return bad_file("the configuration file " + path + " cannot be read", std::move(why),
                  "give the path of a readable TOML file by --config or TASKMESH_CONFIG, or remove it");
}

bool is_null_device(const struct stat& status) {
  return S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3);
}

Result<std::string> read_text(int fd, const std::string& path) {
  std::string text(config_bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::read(fd, text.data() + size, text.size() - size);
    if (got < 0 && errno == EINTR) continue;
    if (got < 0) return fail(unreadable(path, std::strerror(errno)));
    if (got == 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > config_bytes_max) {
    return fail(unreadable(path, "it has more than " + size_text(config_bytes_max)));
  }
  text.resize(size);
  return text;
}

/// One that cannot even be seen (another user's home, after su or sudo) is none; one that can be seen must be readable.
bool exists(const std::string& path) {
  struct stat status {};
  return ::stat(path.c_str(), &status) == 0;
}

}  // namespace

const ConfigValue* ConfigFile::find(std::string_view setting) const {
  const auto found = values.find(setting);
  return found == values.end() ? nullptr : &found->second;
}

Result<ConfigFile> parse_config(std::string_view text, const std::string& path) {
  try {
    return Reader(path).run(toml::parse(text, path));
  } catch (const toml::parse_error& error) {
    return fail(bad_file(path + ":" + std::to_string(error.source().begin.line) + ": this is not TOML",
                         std::string(error.description()), see_config));
  }
}

Result<ConfigFile> read_config(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
  if (fd < 0) return fail(unreadable(path, std::strerror(errno)));
  struct stat status {};
  const bool usable = ::fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || is_null_device(status));
  auto text = usable ? read_text(fd, path) : fail(unreadable(path, "it is not a plain file"));
  ::close(fd);
  if (!text) return fail(std::move(text.error()));
  return parse_config(*text, path);
}

std::vector<std::string> config_places(const std::string& config_home, const std::string& home) {
  std::vector<std::string> places;
  if (config_home.starts_with('/')) {
    places.push_back(config_home + "/taskmesh/taskmesh.toml");
  } else if (home.starts_with('/')) {
    places.push_back(home + "/.config/taskmesh/taskmesh.toml");
  }
  places.emplace_back("/etc/taskmesh/taskmesh.toml");
  return places;
}

Result<ConfigFile> find_config(const std::string& path, const std::vector<std::string>& places) {
  if (!path.empty()) return read_config(path);
  for (const std::string& place : places) {
    if (exists(place)) return read_config(place);
  }
  return ConfigFile{};
}

}  // namespace taskmesh::cli
