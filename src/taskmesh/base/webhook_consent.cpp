#include "taskmesh/base/webhook_consent.hpp"

#include <string>

namespace taskmesh {

std::string_view to_string(WebhookConsent consent) {
  switch (consent) {
    case WebhookConsent::off:
      return "off";
    case WebhookConsent::if_supported:
      return "if-supported";
    case WebhookConsent::required:
      return "required";
  }
  return "unknown";
}

Result<WebhookConsent> parse_webhook_consent(std::string_view text) {
  for (const auto consent : {WebhookConsent::off, WebhookConsent::if_supported, WebhookConsent::required}) {
    if (text == to_string(consent)) return consent;
  }
  return fail({.kind = ErrorKind::invalid,
               .what = "'" + std::string(text.substr(0, 100)) +
                       "' does not say whether endpoints are asked for consent",
               .why = "it is none of the three words for that",
               .fix = "write off, if-supported or required"});
}

}  // namespace taskmesh
