// What RESTinio's log says of connections that it ends, as the problem that their other end is told. Pure; any thread.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "taskmesh/http/problem.hpp"

namespace taskmesh::http {

struct Refusal {
  std::uint64_t connection = 0;
  Problem problem = Problem::bad_request;
};
/// Of a parser's complaint: "[connection:7] parser error HPE_CB_header_value: ...". Nothing: it is none.
std::optional<Refusal> refusal_in(std::string_view logged);

}  // namespace taskmesh::http
