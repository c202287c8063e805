#include "taskmesh/webhook.hpp"

#include <utility>

#include "taskmesh/io/clock.hpp"
#include "taskmesh/wire/webhook_signature.hpp"

namespace taskmesh {

Result<void> verify_webhook_at(const WebhookHeaders& headers, std::string_view body,
                               const std::vector<std::string>& secrets, WallTime now, Duration tolerance) {
  std::vector<wire::WebhookKey> keys;
  for (const std::string& secret : secrets) {
    auto key = wire::WebhookKey::parse(secret);
    if (!key) return fail(std::move(key.error()));
    keys.push_back(std::move(*key));
  }
  if (keys.empty()) {
    return fail({.kind = ErrorKind::invalid,
                 .what = "the webhook cannot be checked",
                 .why = "no secret was given",
                 .fix = "give the secret of this endpoint, whsec_... or whpk_..."});
  }
  return wire::check_webhook({.id = headers.id, .timestamp = headers.timestamp, .body = body},
                             headers.signature, keys, now, tolerance);
}

Result<void> verify_webhook(const WebhookHeaders& headers, std::string_view body,
                            const std::vector<std::string>& secrets, Duration tolerance) {
  return verify_webhook_at(headers, body, secrets, io::wall_now(), tolerance);
}

}  // namespace taskmesh
