// HostSurvey: what the runtime directory of a mesh looks like to a node that would join now. Changes nothing: it
// makes no directory and no token, and deletes no entry.
//
// For people who ask why a mesh is not seen (`taskmesh doctor`). It asks the same questions as HostDirectory, by the
// same functions. Threads: any. Errors: inside the answer, one per thing that was looked at.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"
#include "taskmesh/io/host_entry.hpp"

namespace taskmesh::io {

/// A file whose name is an entry's.
struct SurveyedEntry {
  enum class State { live, stale, unusable };
  std::string file;
  State state = State::unusable;
  ParsedEntry parsed;  ///< Of a live or stale one.
};

struct HostSurvey {
  std::string path;              ///< The mesh's directory.
  std::string missing;           ///< The first directory on the way that is not there; empty: none.
  std::optional<Error> trouble;  ///< Why the directory is not used; of a missing one: none.
  bool writable = false;
  std::uint64_t free_bytes = 0;          ///< Of the file system, for this user...
  std::uint64_t free_files = 0;          ///< ...and how many more files it takes.
  std::optional<Error> token_trouble;    ///< Why the token is not used.
  std::string token;                     ///< 32 octets, or empty.
  WallTime newest;                       ///< The latest change of a file in it.
  std::vector<SurveyedEntry> entries;    ///< At most limits::peers_max.
  std::vector<std::string> other_roots;  ///< Where meshes of other sessions of this user may be.

  bool usable() const { return missing.empty() && !trouble; }
};

/// Of $XDG_RUNTIME_DIR as it is. `mesh` is a mesh name that was checked.
HostSurvey survey_host(std::string_view mesh);

struct SurveyedMesh {
  std::string name;
  std::size_t live = 0;  ///< Workers.
};

/// The meshes in a directory of meshes that is this user's; none if there is no such directory.
std::vector<SurveyedMesh> meshes_below(const std::string& root);

/// Connects to a numeric tcp endpoint and hangs up. Error: unavailable, timed_out. Anything else than tcp is fine.
Result<void> try_connect(const std::string& endpoint, Duration wait);

/// How many of the ports that tcp://127.0.0.1:* tries are free; looks at no more than `enough`.
struct FreePorts {
  std::uint16_t first = 0;
  std::uint16_t last = 0;
  std::size_t free = 0;
};
FreePorts free_ports(std::size_t enough);

}  // namespace taskmesh::io
