// Webhooks, the receiving side: is what was posted to me really from my mesh, and does it belong to now?
//
//   const auto checked = taskmesh::verify_webhook({id, timestamp, signature}, body, {"whsec_..."});
//   if (!checked) return answer(401);
//
// The check of Standard Webhooks 1.0.0, which libraries in other languages make just so: docs/guide/webhooks.md. The
// body is the octets as they came, before anything parses them. Compares in constant time. Remember the id of what you
// have handled: an event comes at least once, and the same event has the same id.
// Threads: any; no state. Errors: refused (not to be believed), invalid (a secret that is none).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "taskmesh/base/result.hpp"
#include "taskmesh/base/time.hpp"

namespace taskmesh {

/// The three headers of a webhook, as they came.
struct WebhookHeaders {
  std::string_view id;         ///< webhook-id
  std::string_view timestamp;  ///< webhook-timestamp
  std::string_view signature;  ///< webhook-signature: one or more, separated by blanks
};

/// Checks a webhook against the secrets of its endpoint: whsec_ (shared) and whpk_ (ed25519). During a rotation give the
/// old and the new one. A timestamp further than `tolerance` from now, before or after, is refused.
Result<void> verify_webhook(const WebhookHeaders& headers, std::string_view body,
                            const std::vector<std::string>& secrets, Duration tolerance = 5min);

/// The same at another time than now, for tests and recorded webhooks.
Result<void> verify_webhook_at(const WebhookHeaders& headers, std::string_view body,
                               const std::vector<std::string>& secrets, WallTime now,
                               Duration tolerance = 5min);

}  // namespace taskmesh
