// CallbackDocument: undelivered callbacks and attempts at webhooks, from what travels and as JSON. Internal to the face.
//
// The one place where their members are named: the command line's --json and the web interface both write them here.
// Pure; threads: any.
#pragma once

#include <string>

#include "taskmesh/base/json.hpp"
#include "taskmesh/listing.hpp"

namespace taskmesh::detail {

/// `worker` and `worker_name`: who said it. `listener`: that of the row.
UndeliveredCallback callback_of(const proto::CallbackRow& row, const proto::ListenerRow& listener,
                                const NodeId& worker, const std::string& worker_name);
WebhookAttempt attempt_of(proto::PostRow row, const NodeId& worker, const std::string& worker_name);

/// One JSON object.
void write_callback(JsonWriter& writer, const UndeliveredCallback& one);
void write_attempt(JsonWriter& writer, const WebhookAttempt& one);

}  // namespace taskmesh::detail
