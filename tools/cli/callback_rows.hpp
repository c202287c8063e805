// CallbackRows: undelivered callbacks as people and programs read them; what `callbacks` and `webhook` share.
#pragma once

#include <string>
#include <vector>

#include "taskmesh/client.hpp"

namespace taskmesh::cli {

/// A table with a line for each.
std::string callback_table(const std::vector<UndeliveredCallback>& callbacks);
/// A JSON array.
std::string callback_array(const std::vector<UndeliveredCallback>& callbacks);
/// The same of what was posted to webhooks.
std::string attempt_table(const std::vector<WebhookAttempt>& attempts);
std::string attempt_array(const std::vector<WebhookAttempt>& attempts);
/// What was done about them, for people or as a JSON object.
std::string retried_text(const RetryAnswer& retried, bool as_document);

}  // namespace taskmesh::cli
