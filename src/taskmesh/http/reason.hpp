// The words after a status, as RFC 9110 has them. Pure; any thread.
#pragma once

#include <string_view>

namespace taskmesh::http {

/// "Not Found" of 404; "Status" of one that no answer of ours has.
std::string_view reason_of(int status);

}  // namespace taskmesh::http
