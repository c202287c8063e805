// WebhookConsent: whether an endpoint is asked before anything is posted there.  Spec: proto/06-webhooks.md section 5.
#pragma once

#include <cstdint>
#include <string_view>

#include "taskmesh/base/result.hpp"

namespace taskmesh {

enum class WebhookConsent : std::uint8_t {
  off,           ///< Nobody is asked.
  if_supported,  ///< It is asked; who does not know the question gets its events.
  required,      ///< Nothing is posted to whom does not plainly allow it.
};

/// "off", "if-supported", "required".
std::string_view to_string(WebhookConsent consent);
/// Errors: invalid.
Result<WebhookConsent> parse_webhook_consent(std::string_view text);

}  // namespace taskmesh
