// Digests, by OpenSSL. Pure; any thread.
#pragma once

#include <string>
#include <string_view>

namespace taskmesh::http {

/// 32 octets.
std::string sha256(std::string_view text);

/// Takes the same time wherever they differ.
bool same_digest(std::string_view a, std::string_view b);

}  // namespace taskmesh::http
