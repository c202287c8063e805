// What `taskmesh gateway` and `taskmesh worker --http` have in common: the flags of the web side.
#pragma once

#include <vector>

#include "cli/verb.hpp"
#include "taskmesh/http/gateway.hpp"

namespace taskmesh::cli {

/// Those beside --http and the mesh's own.
std::vector<Flag> gateway_flags();
/// What they say; `--http` names the address.
http::GatewayOptions gateway_options(const Arguments& arguments);

/// A connection is a descriptor, and the usual soft limit is 1024. Not above what a node uses: commands inherit the
/// limit, and some close every descriptor below it before they start.
void raise_file_limit();

}  // namespace taskmesh::cli
