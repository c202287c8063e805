// The flags of mesh_flags() as the library's options.
#pragma once

#include "cli/verb.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::cli {

/// For one command: nothing is waited for at its end.
ClientOptions client_options(const Arguments& arguments);

/// "mesh 'default'", for notes and errors.
std::string mesh_name(const Arguments& arguments);

}  // namespace taskmesh::cli
