#include "cli/mesh.hpp"

namespace taskmesh::cli {

ClientOptions client_options(const Arguments& arguments) {
  ClientOptions options;
  options.mesh = arguments.text("--mesh");
  options.seeds = arguments.list("--seed");
  options.token_file = arguments.text("--token-file");
  options.flush_timeout = Duration::zero();  // Every verb waits for what it promises itself.
  return options;
}

std::string mesh_name(const Arguments& arguments) {
  return "mesh '" + (arguments.given("--mesh") ? arguments.text("--mesh") : "default") + "'";
}

}  // namespace taskmesh::cli
