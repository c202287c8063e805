// Files of the runtime directory: made, checked and read so that no other user of the host can plant anything.
//
// Everything is opened without following links and without waiting, and its owner and mode are checked on what was
// opened. Threads: any. Errors: refused (somebody else's, or open to others), unavailable (the system says no),
// corrupt (not what it should be).
#pragma once

#include <string>
#include <string_view>

#include "taskmesh/base/result.hpp"
#include "taskmesh/io/unique_fd.hpp"

namespace taskmesh::io {

/// Opens the directory, making its last two levels (0700) where they are missing.
Result<UniqueFd> open_private_directory(const std::string& path);

/// The same, making nothing. Error also: not_found.
Result<UniqueFd> open_existing_directory(const std::string& path);

/// The token file of an open directory, made by whoever comes first.
Result<std::string> shared_token(int directory, const std::string& path);

/// The same, but where there is none `token` is put there.
Result<std::string> kept_token(int directory, const std::string& path, std::string_view token);

/// All of a file that is at most `bytes_max` long. Never waits.
Result<std::string> read_all(int fd, std::size_t bytes_max);

/// Writes all of `text`; false with errno otherwise.
bool write_all(int fd, std::string_view text);

/// `count` octets that nobody can guess.
std::string random_octets(std::size_t count);

/// Takes the lock that proves life. False: somebody holds it.
bool take_life_lock(int fd);
/// True if nobody else holds it.
bool life_lock_is_free(int fd);

}  // namespace taskmesh::io
