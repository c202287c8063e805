#include "taskmesh/io/host_survey.hpp"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netdb.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statvfs.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <limits>
#include <memory>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/io/host_directory.hpp"
#include "taskmesh/io/runtime_files.hpp"

namespace taskmesh::io {

namespace {

constexpr std::size_t names_max = 4 * limits::peers_max;  // Looked at in one directory.

std::vector<std::string> names_in(const std::string& path) {
  std::vector<std::string> names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::opendir(path.c_str()), &::closedir);
  if (!stream) return names;
  for (const dirent* at = nullptr; names.size() < names_max && (at = ::readdir(stream.get())) != nullptr;) {
    if (at->d_name[0] != '.') names.emplace_back(at->d_name);
  }
  std::sort(names.begin(), names.end());
  return names;
}

std::int64_t changed_us(const struct stat& status) {
  return status.st_ctim.tv_sec * 1'000'000 + status.st_ctim.tv_nsec / 1'000;
}

SurveyedEntry look_at(int directory, const std::string& name, HostSurvey& survey) {
  SurveyedEntry entry{.file = name};
  const UniqueFd file(::openat(directory, name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
  struct stat status {};
  if (!file || ::fstat(file.get(), &status) != 0) return entry;
  survey.newest.unix_us = std::max(survey.newest.unix_us, changed_us(status));
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid()) return entry;
  const auto text = read_all(file.get(), limits::directory_entry_bytes);
  auto parsed = text ? parse_entry(*text, entry_node(name)) : std::nullopt;
  if (!parsed) return entry;
  entry.parsed = std::move(*parsed);
  entry.state = life_lock_is_free(file.get()) ? SurveyedEntry::State::stale : SurveyedEntry::State::live;
  return entry;
}

void look_at_space(int directory, HostSurvey& survey) {
  struct statvfs space {};
  if (::fstatvfs(directory, &space) != 0) return;
  survey.free_bytes = space.f_bavail * space.f_frsize;
  // Some file systems do not count files.
  survey.free_files = space.f_files == 0 ? std::numeric_limits<std::uint64_t>::max() : space.f_favail;
  survey.writable =
      (space.f_flag & ST_RDONLY) == 0 && ::faccessat(directory, ".", W_OK | X_OK, AT_EACCESS) == 0;
}

/// The first of the directories on the way that is not there.
std::string first_missing(const std::string& path) {
  for (std::size_t slash = path.find('/', 1);; slash = path.find('/', slash + 1)) {
    std::string part = path.substr(0, slash);
    struct stat status {};
    if (::stat(part.c_str(), &status) != 0 && errno == ENOENT) return part;
    if (slash == std::string::npos) return {};
  }
}

/// What stands behind "tcp://", as a socket address.
struct Target {
  std::string host;
  std::string port;
};

std::optional<Target> tcp_target(const std::string& endpoint) {
  constexpr std::string_view scheme = "tcp://";
  const std::size_t colon = endpoint.rfind(':');
  if (!endpoint.starts_with(scheme) || colon == std::string::npos || colon < scheme.size())
    return std::nullopt;
  std::string host = endpoint.substr(scheme.size(), colon - scheme.size());
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  return Target{std::move(host), endpoint.substr(colon + 1)};
}

Error not_connected(const std::string& endpoint, int error) {
  const bool late = error == ETIMEDOUT;
  return {.kind = late ? ErrorKind::timed_out : ErrorKind::unavailable,
          .what = endpoint + " cannot be reached",
          .why = late ? "nobody answered in time" : std::strerror(error),
          .fix = "check that a worker is bound there, and that no firewall is in between"};
}

int connect_error(const addrinfo& to, Duration wait) {
  const UniqueFd fd(::socket(to.ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!fd) return errno;
  if (::connect(fd.get(), to.ai_addr, to.ai_addrlen) == 0) return 0;
  if (errno != EINPROGRESS) return errno;
  pollfd done{.fd = fd.get(), .events = POLLOUT, .revents = 0};
  if (::poll(&done, 1, static_cast<int>(wait / 1ms)) != 1) return ETIMEDOUT;
  int error = 0;
  socklen_t size = sizeof error;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error, &size) == 0 ? error : errno;
}

bool port_is_free(std::uint16_t port) {
  const UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const int yes = 1;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

HostSurvey survey_host(std::string_view mesh) {
  HostSurvey survey{.path = runtime_directory(mesh)};
  survey.other_roots = other_runtime_roots();
  if (!survey.path.starts_with('/')) {
    survey.trouble =
        Error{ErrorKind::invalid, "the runtime directory " + survey.path + " is not used",
              "its path is not absolute", "set XDG_RUNTIME_DIR to an absolute path, or unset it"};
    return survey;
  }
  auto directory = open_existing_directory(survey.path);
  if (!directory) {
    if (directory.error().kind == ErrorKind::not_found) survey.missing = first_missing(survey.path);
    if (survey.missing.empty()) survey.trouble = std::move(directory.error());
    return survey;
  }
  look_at_space(directory->get(), survey);
  auto token = read_token(survey.path + "/token");
  if (token) {
    survey.token = std::move(*token);
  } else {
    survey.token_trouble = std::move(token.error());
  }
  for (const std::string& name : names_in(survey.path)) {
    if (!entry_node(name) || survey.entries.size() == limits::peers_max) continue;
    survey.entries.push_back(look_at(directory->get(), name, survey));
  }
  return survey;
}

std::vector<SurveyedMesh> meshes_below(const std::string& root) {
  std::vector<SurveyedMesh> meshes;
  for (const std::string& name : names_in(root)) {
    if (!check_mesh_name(name)) continue;
    std::string path = root;
    path.append("/").append(name);
    const auto directory = open_existing_directory(path);
    if (!directory) continue;
    HostSurvey survey;
    SurveyedMesh mesh{.name = name};
    for (const std::string& file : names_in(path)) {
      if (!entry_node(file)) continue;
      if (look_at(directory->get(), file, survey).state == SurveyedEntry::State::live) ++mesh.live;
    }
    meshes.push_back(std::move(mesh));
  }
  return meshes;
}

Result<void> try_connect(const std::string& endpoint, Duration wait) {
  const auto target = tcp_target(endpoint);
  if (!target) return {};
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* raw = nullptr;
  if (::getaddrinfo(target->host.c_str(), target->port.c_str(), &hints, &raw) != 0) {
    return fail(not_connected(endpoint, EINVAL));
  }
  const std::unique_ptr<addrinfo, void (*)(addrinfo*)> list(raw, &::freeaddrinfo);
  const int error = connect_error(*list, wait);
  if (error != 0) return fail(not_connected(endpoint, error));
  return {};
}

FreePorts free_ports(std::size_t enough) {
  FreePorts ports;
  const auto range = bind_address("tcp://127.0.0.1:*", false);
  if (!range) return ports;
  ports.first = range->port_first;
  ports.last = range->port_last;
  for (std::uint32_t port = ports.first; port <= ports.last && ports.free < enough; ++port) {
    if (port_is_free(static_cast<std::uint16_t>(port))) ++ports.free;
  }
  return ports;
}

}  // namespace taskmesh::io
