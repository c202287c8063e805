#include "taskmesh/signature.hpp"

#include <string_view>

namespace taskmesh::detail {

namespace {

std::string describe_one(std::string_view& rest);

std::string describe_list(std::string_view& rest, char until) {
  std::string out;
  while (!rest.empty() && rest.front() != until) {
    if (!out.empty()) out += ", ";
    out += describe_one(rest);
  }
  if (!rest.empty()) rest.remove_prefix(1);
  return out;
}

std::string_view scalar_name(char letter) {
  switch (letter) {
    case 'b':
      return "bool";
    case 'c':
      return "int8";
    case 'C':
      return "uint8";
    case 'h':
      return "int16";
    case 'H':
      return "uint16";
    case 'i':
      return "int32";
    case 'I':
      return "uint32";
    case 'l':
      return "int64";
    case 'L':
      return "uint64";
    case 'f':
      return "float";
    case 'd':
      return "double";
    case 's':
      return "string";
    case 'o':
      return "a type of its own";
    default:
      return "?";
  }
}

std::string describe_one(std::string_view& rest) {
  if (rest.empty()) return "...";
  const char letter = rest.front();
  rest.remove_prefix(1);
  switch (letter) {
    case 'v':
      return "sequence of " + describe_one(rest);
    case '?':
      return "optional " + describe_one(rest);
    case '(':
      return "(" + describe_list(rest, ')') + ")";
    case 'm': {
      std::string key = describe_one(rest);
      return "map of " + key + " to " + describe_one(rest);
    }
    default:
      return std::string(scalar_name(letter));
  }
}

}  // namespace

std::string describe_signature(std::string_view signature) {
  if (signature.size() > 255) signature = signature.substr(0, 255);
  return "(" + describe_list(signature, '\0') + ")";
}

}  // namespace taskmesh::detail
