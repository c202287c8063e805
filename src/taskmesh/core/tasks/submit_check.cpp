#include "taskmesh/core/tasks/submit_check.hpp"

#include <algorithm>
#include <string>

#include "taskmesh/core/mesh/numeric_address.hpp"

namespace taskmesh::core {

namespace {

Error refused(std::string_view address, std::string why, std::string fix) {
  return {.kind = ErrorKind::refused,
          .what = "callback address '" + std::string(address.substr(0, 100)) + "' is refused",
          .why = std::move(why),
          .fix = std::move(fix)};
}

Refusal malformed(std::string why) {
  return {proto::Code::malformed,
          {ErrorKind::invalid, "the SUBMIT cannot be taken", std::move(why),
           "use a client that keeps to the protocol"}};
}

Refusal too_large(std::string_view what, std::size_t bytes, std::size_t max) {
  return {proto::Code::too_large,
          {ErrorKind::invalid, std::string(what) + " are too large",
           std::to_string(bytes) + " octets, the limit is " + std::to_string(max),
           "send less, or a reference to the data"}};
}

}  // namespace

std::optional<Error> check_callback_address(std::string_view address, bool loopback_only) {
  const std::optional<Reach> reach = reach_of_address(address);
  if (!reach) {
    return refused(address,
                   "it is neither tcp://<numeric address>:<port> nor ipc://@<name> nor a URL of HTTP",
                   "give it like tcp://127.0.0.1:6000 or tcp://[::1]:6000");
  }
  if (*reach == Reach::never) {
    return refused(address, "nobody can listen there: it is no address of a single reachable host",
                   "give the address that the listener is bound to");
  }
  if (*reach == Reach::beyond && loopback_only) {
    return refused(address, "it is beyond this host and this worker calls back on loopback only",
                   "let the listener bind a loopback address, or open the worker to the network");
  }
  return std::nullopt;
}

namespace {

std::optional<Refusal> check_terms(const proto::Terms& terms) {
  if (terms.jitter_percent > 100) return malformed("its jitter is above 100 percent");
  if (terms.key.size() > limits::key_bytes) {
    return too_large("the octets of the key", terms.key.size(), limits::key_bytes);
  }
  if (terms.headers.size() > limits::headers_max) {
    return too_large("the headers", terms.headers.size(), limits::headers_max);
  }
  std::size_t bytes = 0;
  for (const Header& header : terms.headers) {
    if (header.name.empty()) return malformed("one of its headers has no name");
    bytes += header.name.size() + header.value.size();
  }
  if (bytes > limits::headers_bytes) return too_large("the headers", bytes, limits::headers_bytes);
  return std::nullopt;
}

}  // namespace

std::optional<Refusal> check_submit(const proto::Submit& submit, const NodeConfig& config) {
  if (submit.seq == 0) return malformed("its seq is 0; numbers start at 1");
  if ((submit.id.bytes[6] >> 4) != 1) return malformed("its task id is not of version 1");
  if (submit.name.empty()) return malformed("it names no task");
  if (submit.name.size() > limits::name_bytes) {
    return too_large("the octets of the task name", submit.name.size(), limits::name_bytes);
  }
  if (submit.priority > Priority::low) return malformed("its priority is none of 0 to 3");
  if (submit.codec > Codec::json) return malformed("the codec of its arguments is unknown");
  if (submit.reply_codec != Codec::cereal && submit.reply_codec != Codec::json) {
    return malformed("it asks for a result in neither cereal nor JSON");
  }
  if (submit.args.size() > config.payload_max) {
    return too_large("the arguments", submit.args.size(), config.payload_max);
  }
  if (submit.callback_data.size() > limits::callback_data_bytes) {
    return too_large("the callback data", submit.callback_data.size(), limits::callback_data_bytes);
  }
  if (submit.terms.has_value()) {
    if (auto refusal = check_terms(*submit.terms)) return refusal;
  }
  if (submit.callback_address.empty()) return std::nullopt;
  if (submit.callback_address.size() > limits::address_bytes) {
    return too_large("the octets of the callback address", submit.callback_address.size(),
                     limits::address_bytes);
  }
  if (is_http_address(submit.callback_address)) {
    auto checked = check_webhook_address(submit.callback_address, config.webhooks);
    if (!checked) return Refusal{proto::Code::callback_refused, std::move(checked.error())};
    return std::nullopt;
  }
  if (auto error = check_callback_address(submit.callback_address, config.loopback_only)) {
    return Refusal{proto::Code::callback_refused, std::move(*error)};
  }
  return std::nullopt;
}

}  // namespace taskmesh::core
