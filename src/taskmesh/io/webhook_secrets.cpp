#include "taskmesh/io/webhook_secrets.hpp"

#include <fcntl.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/runtime_files.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

namespace {

constexpr std::string_view blanks = " \t\r";

std::string_view next_word(std::string_view& line) {
  line.remove_prefix(std::min(line.find_first_not_of(blanks), line.size()));
  const std::string_view word = line.substr(0, line.find_first_of(blanks));
  line.remove_prefix(word.size());
  return word;
}

Error in_line(const std::string& name, std::size_t line, std::string why) {
  return {.kind = ErrorKind::invalid,
          .what = name + ":" + std::to_string(line) + " cannot be used",
          .why = std::move(why),
          .fix = "write an address or *, then its secrets: https://example.org/hooks whsec_..."};
}

/// "/hooks" is above "/hooks", "/hooks/a" and "/hooks?x", and not above "/hooksmith".
bool is_below(std::string_view target, std::string_view path) {
  if (!target.starts_with(path)) return false;
  const std::string_view rest = target.substr(path.size());
  return rest.empty() || path.ends_with('/') || rest.front() == '/' || rest.front() == '?';
}

}  // namespace

Result<WebhookSecrets> WebhookSecrets::parse(std::string_view text, const std::string& name) {
  WebhookSecrets secrets;
  for (std::size_t number = 1; !text.empty(); ++number) {
    std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(line.size() + 1, text.size()));
    const std::string_view where = next_word(line);
    if (where.empty() || where.front() == '#') continue;
    Entry entry;
    if (where != "*") {
      const auto url = parse_http_url(where);
      if (!url)
        return fail(in_line(name, number, "its first word is neither * nor a URL: " + url.error().why));
      entry.origin = url->origin();
      entry.path = url->target;
    }
    for (std::string_view word = next_word(line); !word.empty(); word = next_word(line)) {
      auto key = wire::WebhookKey::parse(word);
      if (!key) return fail(in_line(name, number, std::move(key.error().why)));
      if (!key->can_sign()) return fail(in_line(name, number, "whpk_ verifies, and cannot sign"));
      entry.keys.push_back(std::move(*key));
    }
    if (entry.keys.empty()) return fail(in_line(name, number, "no secret stands behind the address"));
    secrets.entries_.push_back(std::move(entry));
  }
  // The longest path first, * last.
  std::ranges::stable_sort(secrets.entries_,
                           [](const Entry& a, const Entry& b) { return a.path.size() > b.path.size(); });
  return secrets;
}

Result<WebhookSecrets> WebhookSecrets::read(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    return fail({ErrorKind::unavailable, path + " cannot be read", std::strerror(errno),
                 "give the file with the secrets of your webhooks"});
  }
  struct stat status {};
  if (::fstat(fd.get(), &status) != 0 || (status.st_mode & 077) != 0) {
    return fail({ErrorKind::refused, path + " is not used", "others than its owner may read or write it",
                 "chmod 600 " + path});
  }
  const auto text = read_all(fd.get(), limits::webhook_secrets_bytes);
  if (!text) {
    return fail({ErrorKind::invalid, path + " is not used", text.error().what,
                 "give a file of at most " + std::to_string(limits::webhook_secrets_bytes) + " bytes"});
  }
  return parse(*text, path);
}

const std::vector<wire::WebhookKey>& WebhookSecrets::keys_for(const HttpUrl& url) const {
  static const std::vector<wire::WebhookKey> none;
  const std::string origin = url.origin();
  for (const Entry& entry : entries_) {
    if (entry.origin.empty() || (entry.origin == origin && is_below(url.target, entry.path)))
      return entry.keys;
  }
  return none;
}

}  // namespace taskmesh::io
