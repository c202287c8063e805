#include "cli/callback_rows.hpp"

#include "cli/output.hpp"
#include "cli/table.hpp"
#include "taskmesh/callback_document.hpp"

namespace taskmesh::cli {

std::string callback_table(const std::vector<UndeliveredCallback>& callbacks) {
  std::vector<Row> rows{
      {"TASK", "STAGE", "SENT", "AGE", "LEFT", "WORKER", "ADDRESS", "LISTENER", "WINDOW", "TROUBLE"}};
  for (const UndeliveredCallback& one : callbacks) {
    rows.push_back({to_string(one.task_id), std::string(to_string(one.stage)), std::to_string(one.deliveries),
                    rough(one.age), rough(one.left), harmless(one.worker), harmless(one.address),
                    std::string(to_string(one.listener)),
                    std::to_string(one.in_flight) + "/" + std::to_string(one.window),
                    one.trouble.empty() ? "-" : harmless(one.trouble)});
  }
  return table_of(rows);
}

std::string callback_array(const std::vector<UndeliveredCallback>& callbacks) {
  JsonWriter writer;
  writer.begin_array();
  for (const UndeliveredCallback& one : callbacks) detail::write_callback(writer, one);
  writer.end_array();
  return writer.take();
}

std::string attempt_table(const std::vector<WebhookAttempt>& attempts) {
  std::vector<Row> rows{
      {"WHEN", "TASK", "KIND", "DELIVERY", "ENDPOINT", "ANSWER", "TOOK", "THEN", "NEXT", "WORKER", "WHY"}};
  for (const WebhookAttempt& one : attempts) {
    rows.push_back({to_rfc3339(one.at), to_string(one.task_id), one.asked ? "consent" : "event",
                    std::to_string(one.delivery), harmless(one.endpoint),
                    one.status != 0 ? std::to_string(one.status) : std::string(to_string(one.failure)),
                    rough(one.took), std::string(to_string(one.outcome)),
                    one.next_at.unix_us == 0 ? "-" : to_rfc3339(one.next_at), harmless(one.worker),
                    one.why.empty() ? "-" : harmless(one.why)});
  }
  return table_of(rows);
}

std::string attempt_array(const std::vector<WebhookAttempt>& attempts) {
  JsonWriter writer;
  writer.begin_array();
  for (const WebhookAttempt& one : attempts) detail::write_attempt(writer, one);
  writer.end_array();
  return writer.take();
}

std::string retried_text(const RetryAnswer& retried, bool as_document) {
  if (!as_document) {
    return std::to_string(retried.tried) + " tried now, " + std::to_string(retried.revived) +
           " of them given up before";
  }
  JsonWriter writer;
  writer.begin_object();
  writer.member("tried", retried.tried);
  writer.member("revived", retried.revived);
  writer.key("silent");
  writer.begin_array();
  for (const std::string& name : retried.silent) writer.string(name);
  writer.end_array();
  writer.end_object();
  return writer.take();
}

}  // namespace taskmesh::cli
