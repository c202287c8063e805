// The flags of mesh_flags() as the library's options.
#pragma once

#include "cli/verb.hpp"
#include "taskmesh/client.hpp"

namespace taskmesh::cli {

/// For one command: nothing is waited for at its end.
ClientOptions client_options(const Arguments& arguments);

/// --log; none where the library's default is right.
std::optional<LogLevel> log_level(const Arguments& arguments);

/// For a wait that ended before the task: what became of it meanwhile, or where it is now and how to ask again.
void look_again(Client& client, TaskResult<Json>& task);

/// Says which workers have not told everything of a list.
void print_silent(const std::vector<std::string>& workers);

}  // namespace taskmesh::cli
