#include "taskmesh/http/api_keys.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "taskmesh/http/digest.hpp"
#include "taskmesh/http/limits.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::http {

namespace {

Error unusable(ErrorKind kind, const std::string& file, std::string why, std::string fix) {
  return {.kind = kind,
          .what = "the API keys in " + file + " cannot be used",
          .why = std::move(why),
          .fix = std::move(fix)};
}

std::vector<std::string_view> words_of(std::string_view line) {
  std::vector<std::string_view> words;
  while (true) {
    const std::size_t begin = line.find_first_not_of(" \t\r");
    if (begin == std::string_view::npos) return words;
    line.remove_prefix(begin);
    const std::size_t end = std::min(line.find_first_of(" \t\r"), line.size());
    words.push_back(line.substr(0, end));
    line.remove_prefix(end);
  }
}

Role role_of(std::string_view text) {
  for (const Role role : {Role::read, Role::submit, Role::admin}) {
    if (role_name(role) == text) return role;
  }
  return Role::nobody;
}

/// Empty: nothing is.
std::string wrong_in(const std::vector<std::string_view>& words) {
  if (words.size() != 3) return "it is not ROLE NAME KEY";
  if (role_of(words[0]) == Role::nobody) return "its role is not read, submit or admin";
  if (words[1].size() > limits::http_key_name_bytes) return "its name is too long";
  if (words[2].size() < limits::http_key_bytes_min) {
    return "its key is shorter than " + std::to_string(limits::http_key_bytes_min) + " characters";
  }
  const auto printable = [](std::string_view word) {
    return std::all_of(word.begin(), word.end(), [](char c) { return c > 0x20 && c < 0x7F; });
  };
  if (!printable(words[1]) || !printable(words[2]))
    return "name and key may hold printable ASCII characters only";
  return {};
}

}  // namespace

Result<ApiKeys> ApiKeys::parse(std::string_view text, const std::string& file) {
  const std::string fix = "write one line for each key, for example: submit shop $(openssl rand -hex 24)";
  ApiKeys keys;
  for (std::size_t number = 1; !text.empty(); ++number) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const auto words = words_of(line);
    if (words.empty() || words.front().starts_with('#')) continue;
    if (const std::string wrong = wrong_in(words); !wrong.empty()) {  // The line itself is a secret.
      return fail(unusable(ErrorKind::invalid, file, "line " + std::to_string(number) + ": " + wrong, fix));
    }
    keys.entries_.push_back({sha256(words[2]), {std::string(words[1]), role_of(words[0])}});
    if (keys.entries_.size() > limits::http_keys_max) {
      return fail(unusable(ErrorKind::invalid, file,
                           "there are more than " + std::to_string(limits::http_keys_max),
                           "remove old ones"));
    }
  }
  if (keys.entries_.empty()) return fail(unusable(ErrorKind::invalid, file, "there are none", fix));
  return keys;
}

Result<ApiKeys> ApiKeys::read(const std::string& file) {
  const io::UniqueFd fd(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat about {};
  if (!fd || ::fstat(fd.get(), &about) != 0) {
    return fail(unusable(ErrorKind::unavailable, file, std::strerror(errno), "give a file that can be read"));
  }
  if (!S_ISREG(about.st_mode)) {
    return fail(
        unusable(ErrorKind::invalid, file, "it is not a regular file", "give a file with one key a line"));
  }
  if ((about.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return fail(
        unusable(ErrorKind::refused, file, "others than its owner may use it", "say: chmod 600 " + file));
  }
  std::string text(limits::http_key_file_bytes + 1, '\0');
  const ssize_t size = ::read(fd.get(), text.data(), text.size());
  if (size < 0) return fail(unusable(ErrorKind::unavailable, file, std::strerror(errno), "check the disk"));
  if (static_cast<std::size_t>(size) > limits::http_key_file_bytes) {
    return fail(
        unusable(ErrorKind::invalid, file, "it is too large to hold keys", "give the file with the keys"));
  }
  return parse(std::string_view(text).substr(0, static_cast<std::size_t>(size)), file);
}

const Principal* ApiKeys::find(std::string_view key) const {
  const std::string digest = sha256(key);
  const Principal* found = nullptr;
  for (const Entry& entry : entries_) {  // All of them, so that the time tells nothing.
    if (same_digest(entry.digest, digest)) found = &entry.principal;
  }
  return found;
}

}  // namespace taskmesh::http
