#include "taskmesh/http/documents.hpp"

#include <algorithm>
#include <tuple>

#include "taskmesh/http/limits.hpp"
#include "taskmesh/payload.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::http {

namespace {

/// Null where there is nothing to say.
void write_text(JsonWriter& writer, std::string_view name, std::string_view text) {
  writer.key(name);
  if (text.empty())
    writer.null();
  else
    writer.string(text);
}

void write_number(JsonWriter& writer, std::string_view name, std::uint64_t number) {
  writer.key(name);
  writer.number(number);
}

void write_flag(JsonWriter& writer, std::string_view name, bool flag) {
  writer.key(name);
  writer.boolean(flag);
}

void write_links(JsonWriter& writer, const TaskId& id) {
  const std::string self = task_path(id);
  writer.key("links");
  writer.begin_object();
  write_text(writer, "self", self);
  write_text(writer, "result", self + "/result");
  write_text(writer, "cancel", self + "/cancel");
  write_text(writer, "events", self + "/events");
  writer.end_object();
}

void write_error(JsonWriter& writer, const proto::TaskReport& report) {
  writer.key("error");
  const bool has = is_terminal(report.state) && report.state != TaskState::success;
  if (!has) return writer.null();
  const Error error = detail::error_of(report);
  writer.begin_object();
  writer.key("kind");
  writer.string(to_string(error.kind));
  writer.key("what");
  writer.string(error.what);
  writer.key("why");
  writer.string(error.why);
  writer.key("fix");
  writer.string(error.fix);
  writer.end_object();
}

std::string event_type(TaskState state) {
  std::string_view word = to_string(state);
  if (state == TaskState::success) word = "succeeded";
  if (state == TaskState::failure) word = "failed";
  return "taskmesh.task." + std::string(word) + ".v1";
}

std::string id_or_nothing(const TaskId& id) { return id ? to_string(id) : std::string{}; }
std::string id_or_nothing(const NodeId& id) { return id ? to_string(id) : std::string{}; }

void write_names(JsonWriter& writer, std::string_view name, const std::vector<std::string>& texts) {
  writer.key(name);
  writer.begin_array();
  for (const std::string& text : texts) writer.string(text);
  writer.end_array();
}

void write_worker(JsonWriter& writer, const core::MemberView& view) {
  writer.begin_object();
  write_text(writer, "id", to_string(view.member.node));
  write_text(writer, "name", view.member.name);
  write_text(writer, "state", core::to_string(view.liveness));
  write_number(writer, "slots", view.member.slots);
  write_number(writer, "running", view.load.running);
  write_number(writer, "stuck", view.load.stuck);
  write_number(writer, "queued", view.load.queued);
  write_number(writer, "scheduled", view.load.scheduled);
  write_flag(writer, "short_of_memory", (view.load.flags & proto::Load::memory_flag) != 0);
  write_text(writer, "host", view.member.host);
  write_number(writer, "pid", view.member.pid);
  write_names(writer, "endpoints", view.member.endpoints);
  write_names(writer, "tasks", view.member.serves);
  writer.end_object();
}

}  // namespace

std::string task_path(const TaskId& id) { return "/v1/tasks/" + to_string(id); }

std::string result_json(const proto::TaskReport& report) {
  return detail::payload_to_json({report.codec, report.result});
}

std::string task_document(const proto::TaskReport& report) {
  const bool gone = (report.flags & proto::TaskReport::value_gone_flag) != 0;
  JsonWriter writer;
  writer.begin_object();
  write_text(writer, "task_id", to_string(report.id));
  write_text(writer, "name", report.name);
  write_text(writer, "status", to_string(report.state));
  write_flag(writer, "stopping", (report.flags & proto::TaskReport::stopping_flag) != 0);
  writer.key("result");
  if (report.state == TaskState::success && !gone)
    writer.raw(result_json(report));
  else
    writer.null();
  write_error(writer, report);
  write_text(writer, "worker", report.worker_name);
  write_text(writer, "worker_id", id_or_nothing(report.worker));
  write_number(writer, "attempt", report.attempt);
  write_text(writer, "submitted_at", to_rfc3339(report.submitted_at));
  write_text(writer, "started_at", to_rfc3339(report.started_at));
  write_text(writer, "completed_at", to_rfc3339(report.completed_at));
  write_text(writer, "joined", id_or_nothing(report.joined->first));
  write_text(writer, "callback", to_string(report.callback));
  write_links(writer, report.id);
  writer.end_object();
  return writer.take();
}

std::string event_id(const proto::TaskReport& report) {
  const std::string id = to_string(report.id);
  if (is_terminal(report.state)) return id + "-end";
  return id + "-" + std::string(to_string(report.state)) + "-" + std::to_string(report.attempt);
}

std::string server_event(const proto::TaskReport& report, std::string_view mesh) {
  const bool large = report.result.size() > limits::http_event_bytes;
  proto::TaskReport told = report;
  if (large) told.flags |= proto::TaskReport::value_gone_flag;
  const std::string type = event_type(report.state);
  const WallTime at = report.completed_at ? report.completed_at
                                          : (report.started_at ? report.started_at : report.submitted_at);
  JsonWriter writer;
  writer.begin_object();
  write_text(writer, "specversion", "1.0");
  write_text(writer, "id", event_id(report));
  write_text(writer, "source", "/meshes/" + std::string(mesh));
  write_text(writer, "type", type);
  write_text(writer, "subject", to_string(report.id));
  if (at) write_text(writer, "time", to_rfc3339(at));
  write_text(writer, "datacontenttype", "application/json");
  if (large) write_text(writer, "dataref", task_path(report.id) + "/result");
  writer.key("data");
  writer.raw(task_document(told));
  writer.end_object();
  std::string text = "id: " + event_id(report) + "\nevent: " + type + "\ndata: ";
  for (const char c : writer.text()) {  // A result's own line ends are white space.
    if (c == '\n')
      text += "\ndata: ";
    else if (c != '\r')
      text += c;
  }
  return text + "\n\n";
}

std::string receipt_document(const TaskId& id, std::string_view name, TaskState state,
                             const std::vector<NodeId>& nodes, bool minimal) {
  JsonWriter writer;
  writer.begin_object();
  write_text(writer, "task_id", to_string(id));
  if (!minimal) {
    write_text(writer, "name", name);
    write_text(writer, "status", to_string(state));
    writer.key("nodes");
    writer.begin_array();
    for (const NodeId& node : nodes) writer.string(to_string(node));
    writer.end_array();
    write_links(writer, id);
  }
  writer.end_object();
  return writer.take();
}

std::string cancel_document(const core::Cancellation& answer) {
  JsonWriter writer;
  writer.begin_object();
  write_text(writer, "task_id", to_string(answer.id));
  write_text(writer, "status", to_string(answer.state));
  write_flag(writer, "stopping", answer.stopping);
  write_links(writer, answer.id);
  writer.end_object();
  return writer.take();
}

void write_row(JsonWriter& writer, const proto::TaskRow& row, const core::MemberView& worker) {
  const WallTime submitted{static_cast<std::int64_t>(created_unix_ms(row.id)) * 1000};
  writer.begin_object();
  write_text(writer, "task_id", to_string(row.id));
  write_text(writer, "name", row.name);
  write_text(writer, "status", to_string(row.state));
  write_flag(writer, "stopping", (row.flags & proto::TaskReport::stopping_flag) != 0);
  write_number(writer, "attempt", row.attempt);
  write_text(writer, "callback", to_string(row.callback));
  write_text(writer, "worker", worker.member.name);
  write_text(writer, "worker_id", to_string(worker.member.node));
  write_text(writer, "submitted_at", to_rfc3339(submitted));
  write_text(writer, "started_at", to_rfc3339(row.started_at));
  write_text(writer, "completed_at", to_rfc3339(row.completed_at));
  write_links(writer, row.id);
  writer.end_object();
}

std::string workers_document(std::vector<core::MemberView> members) {
  std::sort(members.begin(), members.end(), [](const core::MemberView& a, const core::MemberView& b) {
    return std::tie(a.member.name, a.member.node) < std::tie(b.member.name, b.member.node);
  });
  JsonWriter writer;
  writer.begin_array();
  for (const core::MemberView& view : members) write_worker(writer, view);
  writer.end_array();
  return writer.take();
}

std::string entity_tag(std::string_view body) {
  std::uint64_t hash =
      14'695'981'039'346'656'037ULL;  // FNV-1a: the same everywhere, and nobody gains by a collision.
  for (const char c : body) hash = (hash ^ static_cast<unsigned char>(c)) * 1'099'511'628'211ULL;
  constexpr std::string_view digits = "0123456789abcdef";
  std::string tag = "\"";
  for (int shift = 60; shift >= 0; shift -= 4) tag += digits[(hash >> static_cast<unsigned>(shift)) & 15U];
  return tag + "\"";
}

}  // namespace taskmesh::http
