# cmake -DOUT=<file.cpp> -DFILES=<file;...> -P embed_files.cmake: see taskmesh_embed.cmake.
set(arrays "")
set(entries "")
set(number 0)
foreach(file IN LISTS FILES)
  get_filename_component(name "${file}" NAME)
  file(READ "${file}" octets HEX)
  string(LENGTH "${octets}" length)
  math(EXPR length "${length} / 2")
  string(REGEX REPLACE "([0-9a-f][0-9a-f])" "'\\\\x\\1'," octets "${octets}")
  string(APPEND arrays "constexpr char file_${number}[] = {${octets}'\\0'};\n")
  string(APPEND entries "    {\"${name}\", {file_${number}, ${length}}},\n")
  math(EXPR number "${number} + 1")
endforeach()
file(WRITE "${OUT}" "// Made by cmake/embed_files.cmake.
#include \"taskmesh/http/dashboard.hpp\"

namespace taskmesh::http {
namespace {
${arrays}constexpr EmbeddedFile files[] = {
${entries}};
}  // namespace
std::span<const EmbeddedFile> embedded_files() { return files; }
}  // namespace taskmesh::http
")
