#include "taskmesh/io/host_directory.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <memory>

#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/clock.hpp"
#include "taskmesh/io/runtime_files.hpp"

namespace taskmesh::io {

namespace {

constexpr Duration look_every = 1s;             // Covers what no notification tells.
constexpr Duration look_every_unaided = 250ms;  // Without inotify: its instances are limited per user.
constexpr Duration look_again_after = 20ms;     // A file is told closed just before its lock is dropped.
constexpr Duration leftover_age = 1min;
constexpr std::size_t mesh_name_bytes = 64;
constexpr std::string_view temporary_suffix = ".tmp";

std::string environment(const char* name) {
  const char* value = std::getenv(name);
  return value != nullptr ? value : "";
}

/// Where the meshes of this user are on a host without $XDG_RUNTIME_DIR.
std::string temporary_root() {
  const std::string base = environment("TMPDIR");
  return (base.empty() ? "/tmp" : base) + "/taskmesh-" + std::to_string(::geteuid());
}

}  // namespace

Result<void> check_mesh_name(std::string_view mesh) {
  const auto allowed = [](char c) {
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '.' ||
           c == '_' || c == '-';
  };
  const bool good = !mesh.empty() && mesh.size() <= mesh_name_bytes && mesh.front() != '.' &&
                    std::all_of(mesh.begin(), mesh.end(), allowed);
  if (good) return {};
  return fail({ErrorKind::invalid, "the mesh name cannot be used",
               "it has 1 to 64 letters, digits, dots, dashes and underscores, and starts with no dot",
               "choose a name like default or my-mesh"});
}

std::string runtime_directory(std::string_view mesh) {
  const std::string base = environment("XDG_RUNTIME_DIR");
  return (base.empty() ? temporary_root() : base + "/taskmesh") + "/" + std::string(mesh);
}

std::vector<std::string> other_runtime_roots() {
  const std::string base = environment("XDG_RUNTIME_DIR");
  const std::string usual = "/run/user/" + std::to_string(::geteuid());
  std::vector<std::string> roots;
  if (!base.empty()) roots.push_back(temporary_root());
  if (base != usual) roots.push_back(usual + "/taskmesh");
  return roots;
}

HostDirectory::HostDirectory(std::string path, UniqueFd directory, std::string token, Log log)
    : path_(std::move(path)),
      directory_(std::move(directory)),
      token_(std::move(token)),
      log_(std::move(log)) {}

HostDirectory::~HostDirectory() { HostDirectory::stop(); }

Result<std::unique_ptr<HostDirectory>> HostDirectory::open(std::string_view mesh, Log log) {
  if (auto checked = check_mesh_name(mesh); !checked) return fail(std::move(checked.error()));
  std::string path = runtime_directory(mesh);
  if (path.front() != '/') {
    return fail({ErrorKind::invalid, "the runtime directory " + path + " is not used",
                 "its path is not absolute", "set XDG_RUNTIME_DIR to an absolute path, or unset it"});
  }
  auto directory = open_private_directory(path);
  if (!directory) return fail(std::move(directory.error()));
  auto token = shared_token(directory->get(), path);
  if (!token) return fail(std::move(token.error()));
  return std::unique_ptr<HostDirectory>(
      new HostDirectory(std::move(path), std::move(*directory), std::move(*token), std::move(log)));
}

// ---- Publishing -----------------------------------------------------------------------------------------

Result<void> HostDirectory::publish(HostEntry entry) {
  own_ = std::move(entry);
  return write_entry();
}

/// Written and locked under another name first: whoever sees the entry sees it whole and held.
Result<void> HostDirectory::write_entry() {
  const std::string name = entry_file(own_->node);
  const std::string temporary = "." + name + std::string(temporary_suffix);
  UniqueFd file(::openat(directory_.get(), temporary.c_str(),
                         O_RDWR | O_CREAT | O_TRUNC | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0600));
  const bool done = file && take_life_lock(file.get()) && write_all(file.get(), entry_text(*own_)) &&
                    ::renameat(directory_.get(), temporary.c_str(), directory_.get(), name.c_str()) == 0;
  if (!done) {
    return fail({ErrorKind::unavailable, "this worker cannot be published in " + path_, std::strerror(errno),
                 "check that the file system has room and keeps locks"});
  }
  own_file_ = std::move(file);
  return {};
}

bool HostDirectory::published() const {
  struct stat status {};
  return ::fstatat(directory_.get(), entry_file(own_->node).c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
}

// ---- A directory that was deleted or replaced ------------------------------------------------------------

bool HostDirectory::is_current() const {
  struct stat open {};
  struct stat named {};
  return ::fstat(directory_.get(), &open) == 0 && ::lstat(path_.c_str(), &named) == 0 &&
         open.st_ino == named.st_ino && open.st_dev == named.st_dev;
}

/// Goes to the directory that the path leads to now. Only workers make one: a client that made it first would choose
/// a token that the mesh does not have. False: there is none that can be used.
bool HostDirectory::follow_path() {
  if (is_current()) return true;
  auto directory = own_ ? open_private_directory(path_) : open_existing_directory(path_);
  if (!directory) {
    if (own_ || directory.error().kind != ErrorKind::not_found) warn(directory.error());
    return false;
  }
  if (own_) ::unlinkat(directory_.get(), entry_file(own_->node).c_str(), 0);  // It was moved, not deleted.
  directory_ = std::move(*directory);
  former_file_ = std::move(own_file_);
  warned_.clear();
  log_.info("the runtime directory " + path_ + " is another one than before: it is followed");
  static_cast<void>(watch());
  return true;
}

/// Nodes that start later are to read the token of those that run.
void HostDirectory::restore_token() {
  const auto token = kept_token(directory_.get(), path_, token_);
  if (!token) return warn(token.error());
  if (*token == token_) return;
  warn({ErrorKind::refused, path_ + "/token is another one than this worker's",
        "it was made after the former one had been deleted, so nodes started since then are refused",
        "delete that file: this worker puts its own back; then start again what was started since"});
}

void HostDirectory::warn(const Error& error) {
  if (!warned_.insert(error.what).second) return;
  log_.warning(error.what + ": " + error.why + "; " + error.fix);
}

// ---- Watching -------------------------------------------------------------------------------------------

void HostDirectory::start(Poller& poller, Mailbox&) {
  poller_ = &poller;
  inotify_.reset(::inotify_init1(IN_NONBLOCK | IN_CLOEXEC));
  if (!inotify_) return;
  if (!watch()) {
    inotify_.reset();
    return;
  }
  poller.add(inotify_.get(), [this] {
    std::array<char, 4096> events{};
    while (::read(inotify_.get(), events.data(), events.size()) > 0) {
    }
    look_now_ = true;  // What happened does not matter: the look compares everything.
  });
}

/// Watches what the path leads to now, and nothing else.
bool HostDirectory::watch() {
  if (!inotify_) return false;
  const std::uint32_t wanted =
      IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_CLOSE_WRITE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;
  const int former = std::exchange(watch_, ::inotify_add_watch(inotify_.get(), path_.c_str(), wanted));
  if (former >= 0 && former != watch_) ::inotify_rm_watch(inotify_.get(), former);  // A deleted one has none.
  return watch_ >= 0;
}

void HostDirectory::collect(TimePoint now, std::vector<core::Event>& out) {
  if (!poller_ || (!look_now_ && next_look_ && now < *next_look_)) return;
  look_again_ = std::exchange(look_now_, false);
  look(out);
  next_look_ = now + (look_again_ ? look_again_after : inotify_ ? look_every : look_every_unaided);
}

void HostDirectory::look(std::vector<core::Event>& out) {
  const bool usable =
      follow_path();  // First: the entry of a worker that went there is to be found there, not missed here.
  drop_ended(out);
  bad_before_.swap(bad_);
  bad_.clear();
  for (const std::string& name : list()) {
    if (name.ends_with(temporary_suffix)) remove_leftover(name);
    const NodeId node = entry_node(name);
    if (!node || known_.contains(name) || (own_ && own_->node == node)) continue;
    consider(name, out);
  }
  // Somebody cleaned up: others need the entry. If it cannot be written now, the next look tries again.
  if (!own_ || !usable) return;
  restore_token();
  if (published()) return;
  if (const auto written = write_entry(); !written) warn(written.error());
}

std::vector<std::string> HostDirectory::list() const {
  std::vector<std::string> names;
  // A descriptor of its own: reading a directory moves its position.
  const int fd = ::openat(directory_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return names;
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(fd), &::closedir);
  if (!stream) {
    ::close(fd);
    return names;
  }
  for (const dirent* at = nullptr; (at = ::readdir(stream.get())) != nullptr;) names.emplace_back(at->d_name);
  return names;
}

void HostDirectory::drop_ended(std::vector<core::Event>& out) {
  for (auto at = known_.begin(); at != known_.end();) {
    Known& known = at->second;
    if (!life_lock_is_free(known.file.get()) || follow(at->first, known)) {
      ++at;
      continue;
    }
    out.emplace_back(core::Gone{known.entry.node, known.entry.incarnation});
    ::unlinkat(directory_.get(), at->first.c_str(), 0);
    if (known.process) poller_->remove(known.process.get());
    at = known_.erase(at);
  }
}

/// A worker that published itself again holds another file under its name, and did so before it let go of the first.
bool HostDirectory::follow(const std::string& name, Known& known) const {
  UniqueFd file = open_entry(name);
  if (!file) return false;
  const auto text = read_all(file.get(), limits::directory_entry_bytes);
  const auto parsed = text ? parse_entry(*text, entry_node(name)) : std::nullopt;
  if (!parsed || parsed->entry.incarnation != known.entry.incarnation || life_lock_is_free(file.get())) {
    return false;
  }
  known.file = std::move(file);
  return true;
}

UniqueFd HostDirectory::open_entry(const std::string& name) const {
  return UniqueFd(::openat(directory_.get(), name.c_str(), O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC));
}

void HostDirectory::consider(const std::string& name, std::vector<core::Event>& out) {
  struct stat status {};
  if (::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) != 0) return;  // Gone again.
  const Identity identity{status.st_ino, status.st_ctim.tv_sec * 1'000'000'000 + status.st_ctim.tv_nsec};
  const auto before = bad_before_.find(name);
  if (before != bad_before_.end() && before->second == identity) {
    bad_.emplace(name, identity);
    return;
  }
  if (!S_ISREG(status.st_mode) || status.st_uid != ::geteuid() || known_.size() >= limits::peers_max) {
    return ignore(name, identity);
  }
  UniqueFd file = open_entry(name);
  if (!file) return ignore(name, identity);
  const auto text = read_all(file.get(), limits::directory_entry_bytes);
  auto parsed = text ? parse_entry(*text, entry_node(name)) : std::nullopt;
  if (!parsed) return ignore(name, identity);
  if (life_lock_is_free(file.get())) {
    ::unlinkat(directory_.get(), name.c_str(), 0);
    return;
  }
  remember(name, std::move(parsed->entry), std::move(file), parsed->pid, out);
}

void HostDirectory::ignore(const std::string& name, Identity identity) {
  ++ignored_;
  bad_.emplace(name, identity);
}

void HostDirectory::remember(const std::string& name, HostEntry entry, UniqueFd file, int pid,
                             std::vector<core::Event>& out) {
  Known known{std::move(entry), std::move(file), {}};
  if (pid > 0) known.process.reset(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  // Held after the pid was opened: the pid is the holder's, not a later process's.
  if (life_lock_is_free(known.file.get())) {
    look_now_ = true;
    return;
  }
  if (known.process) {
    const int fd = known.process.get();
    poller_->add(fd, [this, fd] {
      poller_->remove(fd);  // It stays readable; the lock decides.
      look_now_ = true;
    });
  }
  out.emplace_back(core::Found{known.entry.node, known.entry.incarnation, known.entry.endpoints});
  known_.insert_or_assign(name, std::move(known));
}

/// A process that died while it wrote its entry leaves a file that nobody holds.
void HostDirectory::remove_leftover(const std::string& name) const {
  struct stat status {};
  const bool there = ::fstatat(directory_.get(), name.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  const std::int64_t changed_us = status.st_ctim.tv_sec * 1'000'000 + status.st_ctim.tv_nsec / 1'000;
  const auto age = std::chrono::microseconds(wall_now().unix_us - changed_us);
  if (there && S_ISREG(status.st_mode) && age > leftover_age) ::unlinkat(directory_.get(), name.c_str(), 0);
}

void HostDirectory::stop() {
  if (own_ && own_file_) ::unlinkat(directory_.get(), entry_file(own_->node).c_str(), 0);
  own_.reset();
  own_file_.reset();
  former_file_.reset();
  if (poller_ == nullptr) return;
  if (inotify_) poller_->remove(inotify_.get());
  for (const auto& [name, known] : known_) {
    if (known.process) poller_->remove(known.process.get());
  }
  inotify_.reset();
  watch_ = -1;
  known_.clear();
  next_look_.reset();
  poller_ = nullptr;
}

}  // namespace taskmesh::io
