#include "taskmesh/version.hpp"

namespace taskmesh {

static_assert(std::string_view(TASKMESH_HEADER_VERSION) == TASKMESH_VERSION,
              "version.hpp names another version than project() in CMakeLists.txt");

std::string_view version() { return TASKMESH_VERSION; }

}  // namespace taskmesh
