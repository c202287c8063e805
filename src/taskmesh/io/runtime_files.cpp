#include "taskmesh/io/runtime_files.hpp"

#include <fcntl.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>

#include "taskmesh/base/check.hpp"
#include "taskmesh/io/host_directory.hpp"

namespace taskmesh::io {

namespace {

constexpr std::size_t token_bytes = 32;
constexpr int token_attempts = 8;

std::string mode_text(mode_t mode) {
  std::array<char, 8> text{};
  std::snprintf(text.data(), text.size(), "%04o", static_cast<unsigned>(mode & 07777));
  return text.data();
}

Error unavailable(const std::string& what) {
  return {ErrorKind::unavailable, what, std::strerror(errno),
          "check the path, or set XDG_RUNTIME_DIR to a directory of yours"};
}

Result<void> check_private(int fd, const std::string& path, mode_t wanted) {
  struct stat status {};
  if (::fstat(fd, &status) != 0) return fail(unavailable(path + " cannot be read"));
  if (status.st_uid != ::geteuid()) {
    return fail(
        {ErrorKind::refused, path + " is not used",
         "it belongs to user " + std::to_string(status.st_uid) + ", not to " + std::to_string(::geteuid()),
         "remove it, or set XDG_RUNTIME_DIR to a directory of yours"});
  }
  if ((status.st_mode & 0777) != wanted) {
    return fail({ErrorKind::refused, path + " is not used",
                 "its mode is " + mode_text(status.st_mode) + ", so others might have changed or read it",
                 "chmod " + mode_text(wanted) + " it if you trust what is in there, or remove it"});
  }
  return {};
}

/// One level, made where it is missing. `parent` may be AT_FDCWD with an absolute name.
Result<UniqueFd> open_level(int parent, const std::string& name, const std::string& path, bool make) {
  if (make && ::mkdirat(parent, name.c_str(), 0700) != 0 && errno != EEXIST) {
    return fail(unavailable(path + " cannot be made"));
  }
  UniqueFd fd(::openat(parent, name.c_str(), O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC));
  if (!fd && (errno == ELOOP || errno == ENOTDIR)) {
    return fail({ErrorKind::refused, path + " is not used", "it is a link or a file, not a directory",
                 "remove it, or set XDG_RUNTIME_DIR to a directory of yours"});
  }
  if (!fd && errno == ENOENT) {
    return fail({ErrorKind::not_found, path + " is not there", std::strerror(errno),
                 "the first node of the mesh on this host makes it"});
  }
  if (!fd) return fail(unavailable(path + " cannot be opened"));
  if (auto checked = check_private(fd.get(), path, 0700); !checked) return fail(std::move(checked.error()));
  return fd;
}

Result<std::string> read_token_fd(int fd, const std::string& path) {
  if (auto checked = check_private(fd, path, 0600); !checked) return fail(std::move(checked.error()));
  auto token = read_all(fd, token_bytes);
  if (token && token->size() == token_bytes) return token;
  return fail({ErrorKind::corrupt, path + " is no mesh token", "a token is a file of 32 octets",
               "remove it when no node of the mesh runs; the next one makes a new token"});
}

/// Puts a complete file in place, unless somebody was faster.
bool put_token(int directory, std::string_view token) {
  std::string name = ".token-";
  for (const char octet : random_octets(8)) {
    std::array<char, 3> hex{};
    std::snprintf(hex.data(), hex.size(), "%02x", static_cast<unsigned>(static_cast<unsigned char>(octet)));
    name += hex.data();
  }
  const UniqueFd fd(
      ::openat(directory, name.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (!fd) return false;
  const bool written = ::fchmod(fd.get(), 0600) == 0 && write_all(fd.get(), token);
  const bool placed =
      written && (::linkat(directory, name.c_str(), directory, "token", 0) == 0 || errno == EEXIST);
  const int why = errno;
  ::unlinkat(directory, name.c_str(), 0);
  errno = why;
  return placed;
}

struct flock whole_file(short type) {
  struct flock lock {};
  lock.l_type = type;
  lock.l_whence = SEEK_SET;
  return lock;
}

}  // namespace

namespace {

Result<UniqueFd> open_two_levels(const std::string& path, bool make) {
  const std::size_t last = path.rfind('/');
  TASKMESH_CHECK(last != std::string::npos && last > 0);
  const std::string upper = path.substr(0, last);
  auto level = open_level(AT_FDCWD, upper, upper, make);
  if (!level) return level;
  return open_level(level->get(), path.substr(last + 1), path, make);
}

}  // namespace

Result<UniqueFd> open_private_directory(const std::string& path) { return open_two_levels(path, true); }

Result<UniqueFd> open_existing_directory(const std::string& path) { return open_two_levels(path, false); }

Result<std::string> kept_token(int directory, const std::string& path, std::string_view token) {
  for (int i = 0; i < token_attempts; ++i) {
    const UniqueFd fd(::openat(directory, "token", O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
    if (fd) return read_token_fd(fd.get(), path + "/token");
    if (errno != ENOENT || !put_token(directory, token)) break;
  }
  return fail(unavailable(path + "/token cannot be made or read"));
}

Result<std::string> shared_token(int directory, const std::string& path) {
  return kept_token(directory, path, random_octets(token_bytes));
}

Result<std::string> read_token(const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd) {
    return fail({ErrorKind::unavailable, path + " cannot be read", std::strerror(errno),
                 "give the path of a copy of the mesh's token file"});
  }
  return read_token_fd(fd.get(), path);
}

Result<std::string> read_all(int fd, std::size_t bytes_max) {
  struct stat status {};
  const bool usable = ::fstat(fd, &status) == 0 && S_ISREG(status.st_mode) &&
                      static_cast<std::uint64_t>(status.st_size) <= bytes_max;
  if (!usable) return fail({ErrorKind::corrupt, "not a plain file within its limit", "", ""});
  std::string text(bytes_max + 1, '\0');
  std::size_t size = 0;
  while (size < text.size()) {
    const ssize_t got = ::pread(fd, text.data() + size, text.size() - size, static_cast<off_t>(size));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    size += static_cast<std::size_t>(got);
  }
  if (size > bytes_max) return fail({ErrorKind::corrupt, "it grows while it is read", "", ""});
  text.resize(size);
  return text;
}

bool write_all(int fd, std::string_view text) {
  while (!text.empty()) {
    const ssize_t written = ::write(fd, text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written <= 0) return false;
    text.remove_prefix(static_cast<std::size_t>(written));
  }
  return true;
}

std::string random_octets(std::size_t count) {
  std::string octets(count, '\0');
  // Up to 256 octets come whole, or not at all before the kernel has gathered randomness at boot.
  TASKMESH_CHECK(count <= 256 && ::getrandom(octets.data(), count, 0) == static_cast<ssize_t>(count));
  return octets;
}

bool take_life_lock(int fd) {
  struct flock lock = whole_file(F_WRLCK);
  return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool life_lock_is_free(int fd) {
  struct flock lock = whole_file(F_WRLCK);
  return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type == F_UNLCK;
}

}  // namespace taskmesh::io
