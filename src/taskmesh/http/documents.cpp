#include "taskmesh/http/documents.hpp"

#include <algorithm>
#include <cstring>
#include <tuple>

#include "taskmesh/base/hex.hpp"
#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/http/limits.hpp"
#include "taskmesh/payload.hpp"
#include "taskmesh/task_result.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh::http {

namespace {

void write_flag(JsonWriter& writer, std::string_view name, bool flag) {
  writer.key(name);
  writer.boolean(flag);
}

void write_links(JsonWriter& writer, const TaskId& id) {
  const std::string self = task_path(id);
  writer.key("links");
  std::string links;  // Nothing in them needs an escape.
  links.reserve(4 * self.size() + 64);
  links.append(R"({"self":")").append(self);
  links.append(R"(","result":")").append(self).append(R"(/result)");
  links.append(R"(","cancel":")").append(self).append(R"(/cancel)");
  links.append(R"(","events":")").append(self).append(R"(/events"})");
  writer.raw(links);
}

void write_error(JsonWriter& writer, const proto::TaskReport& report) {
  writer.key("error");
  const bool has = is_terminal(report.state) && report.state != TaskState::success;
  if (!has) return writer.null();
  const Error error = detail::error_of(report);
  writer.error(&error);
}

std::string id_or_nothing(const TaskId& id) { return id ? to_string(id) : std::string{}; }
std::string id_or_nothing(const NodeId& id) { return id ? to_string(id) : std::string{}; }

void write_worker(JsonWriter& writer, const core::MemberView& view) {
  writer.begin_object();
  writer.member("id", to_string(view.member.node));
  writer.member("name", view.member.name);
  writer.member("state", core::to_string(view.liveness));
  writer.member("slots", view.member.slots);
  writer.member("running", view.load.running);
  writer.member("stuck", view.load.stuck);
  writer.member("queued", view.load.queued);
  writer.member("scheduled", view.load.scheduled);
  write_flag(writer, "short_of_memory", (view.load.flags & proto::Load::memory_flag) != 0);
  writer.member("host", view.member.host);
  writer.member("pid", view.member.pid);
  writer.member("endpoints", view.member.endpoints);
  writer.member("tasks", view.member.serves);
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
  writer.member("task_id", to_string(report.id));
  writer.member("name", report.name);
  writer.member("status", to_string(report.state));
  write_flag(writer, "stopping", (report.flags & proto::TaskReport::stopping_flag) != 0);
  writer.key("result");
  if (report.state == TaskState::success && !gone)
    writer.raw(result_json(report));
  else
    writer.null();
  write_error(writer, report);
  writer.member("worker", report.worker_name);
  writer.member("worker_id", id_or_nothing(report.worker));
  writer.member("attempt", report.attempt);
  writer.member("submitted_at", to_rfc3339(report.submitted_at));
  writer.member("started_at", to_rfc3339(report.started_at));
  writer.member("completed_at", to_rfc3339(report.completed_at));
  writer.member("joined", id_or_nothing(report.joined->first));
  writer.member("callback", to_string(report.callback));
  write_links(writer, report.id);
  writer.end_object();
  return writer.take();
}

std::string event_id(const proto::TaskReport& report) {
  return wire::event_id({.task_id = report.id, .state = report.state, .attempt = report.attempt});
}

EventText event_text(const proto::TaskEvent& event, const core::EventsTold& told, std::string_view mesh) {
  const auto error = wire::error_of(event);
  wire::Completion view =
      wire::completion_of(event, told.worker, told.worker_name, error ? &*error : nullptr);
  const std::string ref = event.state == TaskState::success ? task_path(event.id) + "/result" : "";
  view.dataref = ref;
  return {.id = wire::event_id(view), .type = wire::event_type(view), .json = wire::cloud_event(view, mesh)};
}

std::string server_event(const proto::TaskReport& report, std::string_view mesh, const proto::Trace& trace) {
  const bool traced = is_traceparent(trace.parent);
  const bool good = report.state == TaskState::success;
  const bool large = report.result.size() > limits::http_event_bytes;
  const std::string result = good && !large ? result_json(report) : "";
  const bool failed = is_terminal(report.state) && !good;
  const Error error = failed ? detail::error_of(report) : Error{};
  const std::string ref = large ? task_path(report.id) + "/result" : "";
  const wire::Completion told{
      .task_id = report.id,
      .name = report.name,
      .state = report.state,
      .result_json = result,
      .result_bytes = large ? report.result.size() : 0,
      .error = failed ? &error : nullptr,
      .attempt = report.attempt,
      .worker = report.worker_name,
      .worker_id = report.worker,
      .delivery = 0,
      .submitted_at = report.submitted_at,
      .started_at = report.started_at,
      .completed_at = report.completed_at,
      .at = report.started_at ? report.started_at : report.submitted_at,
      .dataref = ref,
      .traceparent = traced ? trace.parent : std::string_view{},
      .tracestate = traced && is_tracestate(trace.state) ? trace.state : std::string_view{}};
  return server_event(wire::event_id(told), wire::event_type(told), wire::cloud_event(told, mesh));
}

std::string server_event(std::string_view id, std::string_view type, std::string_view data) {
  std::string text = "id: " + std::string(id) + "\nevent: " + std::string(type) + "\ndata: ";
  for (const char c : data) {  // A result's own line ends are white space.
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
  writer.member("task_id", to_string(id));
  if (!minimal) {
    writer.member("name", name);
    writer.member("status", to_string(state));
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
  writer.member("task_id", to_string(answer.id));
  writer.member("status", to_string(answer.state));
  write_flag(writer, "stopping", answer.stopping);
  write_links(writer, answer.id);
  writer.end_object();
  return writer.take();
}

void write_row(JsonWriter& writer, const proto::TaskRow& row, const core::MemberView& worker) {
  const WallTime submitted{static_cast<std::int64_t>(created_unix_ms(row.id)) * 1000};
  writer.begin_object();
  writer.member("task_id", to_string(row.id));
  writer.member("name", row.name);
  writer.member("status", to_string(row.state));
  write_flag(writer, "stopping", (row.flags & proto::TaskReport::stopping_flag) != 0);
  writer.member("attempt", row.attempt);
  writer.member("callback", to_string(row.callback));
  writer.member("worker", worker.member.name);
  writer.member("worker_id", to_string(worker.member.node));
  writer.member("submitted_at", to_rfc3339(submitted));
  writer.member("started_at", to_rfc3339(row.started_at));
  writer.member("completed_at", to_rfc3339(row.completed_at));
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
  // Eight octets at a time, multiplied and folded: the same at every gateway, and nobody gains by a collision.
  constexpr std::uint64_t prime = 0x9E37'79B9'7F4A'7C15ULL;
  std::uint64_t hash = prime ^ body.size();
  const auto mix = [&hash](const char* octets, std::size_t count) {
    std::uint64_t word = 0;
    std::memcpy(&word, octets, count);
    hash = (hash ^ word) * prime;
    hash ^= hash >> 29U;
  };
  std::size_t at = 0;
  for (; at + 8 <= body.size(); at += 8) mix(body.data() + at, 8);
  mix(body.data() + at, body.size() - at);
  std::string tag = "\"";
  for (int shift = 60; shift >= 0; shift -= 4)
    tag += hex_digits[(hash >> static_cast<unsigned>(shift)) & 15U];
  return tag + "\"";
}

}  // namespace taskmesh::http
