#include "cli/callback_rows.hpp"

#include "cli/output.hpp"
#include "cli/table.hpp"
#include "cli/task_document.hpp"

namespace taskmesh::cli {

namespace {

void write_span(JsonWriter& writer, std::string_view name, Duration span) {
  writer.key(name);
  writer.number(static_cast<std::int64_t>(span / 1ms));
}

void write_callback(JsonWriter& writer, const UndeliveredCallback& one) {
  writer.begin_object();
  writer.member("task_id", to_string(one.task_id));
  writer.member("name", one.name);
  writer.member("status", to_string(one.state));
  writer.member("stage", to_string(one.stage));
  writer.member("deliveries", one.deliveries);
  write_span(writer, "age_ms", one.age);
  write_span(writer, "left_ms", one.left);
  writer.member("trouble", one.trouble);
  writer.member("worker", one.worker);
  writer.member("worker_id", to_string(one.worker_id));
  writer.member("address", one.address);
  writer.member("listener", to_string(one.listener));
  write_span(writer, "retry_in_ms", one.retry_in);
  writer.member("in_flight", one.in_flight);
  writer.member("window", one.window);
  writer.member("in_flight_bytes", one.in_flight_bytes);
  writer.member("window_bytes", one.window_bytes);
  writer.end_object();
}

}  // namespace

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
  for (const UndeliveredCallback& one : callbacks) write_callback(writer, one);
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
