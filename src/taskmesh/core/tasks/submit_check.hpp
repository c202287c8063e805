// Can this SUBMIT be taken by anybody like us? What is said here does not depend on the moment.
// Spec: proto/03-tasks.md sections 4 and 9.  Pure functions.
#pragma once

#include <optional>
#include <string_view>

#include "taskmesh/core/config.hpp"

namespace taskmesh::core {

struct Refusal {
  proto::Code code = proto::Code::malformed;
  Error error;
};

/// Why it is refused for good; nullopt: it is well formed, within limits, and its callback is allowed.
std::optional<Refusal> check_submit(const proto::Submit& submit, const NodeConfig& config);

/// Callback addresses are `tcp://<numeric address>:<port>` (IPv6 in brackets) and `ipc://@<name>`: a worker
/// resolves no names for others. With `loopback_only` nothing beyond this host. Never unspecified, multicast,
/// broadcast or link-local addresses, also where IPv6 wraps them.
std::optional<Error> check_callback_address(std::string_view address, bool loopback_only);

}  // namespace taskmesh::core
