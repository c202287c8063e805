// The version of taskmesh: of these headers, for the preprocessor, and of the library that is linked.
#pragma once

#include <string_view>

/// Of the headers that a program or task module is compiled with. The library does not compile if it is another one.
#define TASKMESH_HEADER_VERSION "0.1.0"

namespace taskmesh {

/// Of the library, as "0.1.0". Lives as long as the program.
std::string_view version();

}  // namespace taskmesh
