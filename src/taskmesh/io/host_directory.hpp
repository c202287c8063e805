// HostDirectory: who is there on this host, without configuration, multicast or timeouts.
// Spec: proto/02-membership.md, "The runtime directory".
//
//   $XDG_RUNTIME_DIR/taskmesh/<mesh>/      else <tmp>/taskmesh-<uid>/<mesh>/; mode 0700, owned by this user
//     token                                32 random octets, 0600, made by the first node
//     <node id>.json                       one per worker: node, incarnation, endpoints, pid, pid_namespace
//
// A worker holds an OFD lock on its entry for life. The lock is the proof of life: the kernel drops it with the
// process, whatever kills it. An entry whose lock is free is stale and deleted by whoever sees it.
// The directory may be deleted or replaced under a running node: each look asks whether the path still leads to the
// one that is open. A worker makes it again, puts the token back and publishes itself; who only watches waits for it.
// Watching: inotify for entries that come and go, a pidfd per worker of the same pid namespace for its exit, and a
// look at everything each second for what neither tells. Each of them only leads to testing the lock.
// Entries are written by others: a link, a pipe, a huge or a wrong file is ignored and counted, never waited for.
// Threads: opened anywhere, then the reactor's. Errors: open() says what is wrong with the directory or token; what goes
// wrong later is one warning in the log, and is tried again.
#pragma once

#include <map>
#include <set>
#include <string>
#include <string_view>

#include "taskmesh/base/log.hpp"
#include "taskmesh/io/discovery.hpp"
#include "taskmesh/io/host_entry.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

/// A mesh name has 1 to 64 letters, digits, '.', '_' or '-', and does not start with a dot. Error: invalid.
Result<void> check_mesh_name(std::string_view mesh);

/// Reads a mesh token: 32 octets in a file that is its owner's alone. Error: unavailable, refused or corrupt.
Result<std::string> read_token(const std::string& path);

/// Where a mesh's directory is, whether or not it exists.
std::string runtime_directory(std::string_view mesh);
/// Where the meshes of this user's other sessions may be: started with another XDG_RUNTIME_DIR, or without one.
std::vector<std::string> other_runtime_roots();

class HostDirectory final : public Discovery {
 public:
  /// Makes the directory and the token where they are missing.
  static Result<std::unique_ptr<HostDirectory>> open(std::string_view mesh, Log log = Log(LogLevel::off));
  ~HostDirectory() override;

  const std::string& path() const { return path_; }
  const std::string& token() const { return token_; }

  /// Publishes a worker from now to stop(). Without it one only watches. Error: unavailable.
  Result<void> publish(HostEntry entry);

  void start(Poller& poller, Mailbox& mailbox) override;
  void collect(TimePoint now, std::vector<core::Event>& out) override;
  std::optional<TimePoint> wake_at() const override { return next_look_; }
  void stop() override;
  std::uint64_t ignored() const override { return ignored_; }

 private:
  /// A worker that is alive: its entry stays open, so its lock can be tested although the file may be gone.
  struct Known {
    HostEntry entry;
    UniqueFd file;
    UniqueFd process;  // A pidfd; none in another pid namespace.
  };
  /// What a file was when it was found unusable.
  struct Identity {
    std::uint64_t inode = 0;
    std::int64_t changed_ns = 0;
    auto operator<=>(const Identity&) const = default;
  };

  HostDirectory(std::string path, UniqueFd directory, std::string token, Log log);
  Result<void> write_entry();
  bool published() const;
  bool watch();
  bool is_current() const;
  bool follow_path();
  void restore_token();
  void warn(const Error& error);
  void look(std::vector<core::Event>& out);
  std::vector<std::string> list() const;
  void drop_ended(std::vector<core::Event>& out);
  bool follow(const std::string& name, Known& known) const;
  UniqueFd open_entry(const std::string& name) const;
  void consider(const std::string& name, std::vector<core::Event>& out);
  void ignore(const std::string& name, Identity identity);
  void remember(const std::string& name, HostEntry entry, UniqueFd file, int pid,
                std::vector<core::Event>& out);
  void remove_leftover(const std::string& name) const;

  std::string path_;
  UniqueFd directory_;
  std::string token_;
  std::optional<HostEntry> own_;
  UniqueFd own_file_;
  UniqueFd
      former_file_;  // Still locked: who knows the entry of the directory before takes us for alive by it.
  Log log_;
  std::set<std::string> warned_;  // What the log was told of.
  UniqueFd inotify_;
  int watch_ = -1;
  Poller* poller_ = nullptr;
  std::map<std::string, Known> known_;   // By file name.
  std::map<std::string, Identity> bad_;  // Those seen in the last look, so that each is counted once.
  std::map<std::string, Identity> bad_before_;
  std::optional<TimePoint> next_look_;
  bool look_now_ = true;
  bool look_again_ = false;
  std::uint64_t ignored_ = 0;
};

}  // namespace taskmesh::io
