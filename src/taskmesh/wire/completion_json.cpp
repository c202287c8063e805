#include "taskmesh/wire/completion_json.hpp"

#include <array>

#include "taskmesh/base/json.hpp"

namespace taskmesh::wire {

namespace {

std::string base64(std::string_view bytes) {
  constexpr std::string_view letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const std::size_t left = bytes.size() - i;
    const auto octet = [&](std::size_t k) -> unsigned {
      return k < left ? static_cast<unsigned char>(bytes[i + k]) : 0U;
    };
    const unsigned word = octet(0) << 16 | octet(1) << 8 | octet(2);
    out += letters[word >> 18];
    out += letters[word >> 12 & 63];
    out += left > 1 ? letters[word >> 6 & 63] : '=';
    out += left > 2 ? letters[word & 63] : '=';
  }
  return out;
}

void write_text(JsonWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  out.string(text);
}

void write_number(JsonWriter& out, std::string_view name, std::uint64_t number) {
  out.key(name);
  out.number(number);
}

void write_time(JsonWriter& out, std::string_view name, WallTime time) {
  out.key(name);
  time ? out.string(to_rfc3339(time)) : out.null();
}

void write_error(JsonWriter& out, const Error* error) {
  out.key("error");
  if (error == nullptr) return out.null();
  out.begin_object();
  write_text(out, "kind", to_string(error->kind));
  write_text(out, "what", error->what);
  write_text(out, "why", error->why);
  write_text(out, "fix", error->fix);
  out.end_object();
}

void write_completion(JsonWriter& out, const Completion& completion) {
  out.begin_object();
  write_text(out, "event_id", event_id_of(completion.task_id));
  write_text(out, "type", event_type_of(completion.state));
  write_text(out, "task_id", to_string(completion.task_id));
  write_text(out, "name", completion.name);
  write_text(out, "status", word_of(completion.state));
  out.key("result");
  out.raw(completion.result_json.empty() ? "null" : completion.result_json);
  if (completion.result_bytes > 0) write_number(out, "result_omitted_bytes", completion.result_bytes);
  write_error(out, completion.error);
  write_time(out, "submitted_at", completion.submitted_at);
  write_time(out, "started_at", completion.started_at);
  write_time(out, "completed_at", completion.completed_at);
  out.key("callback_data");
  out.raw(is_json(completion.callback_data) ? completion.callback_data : "null");
  write_number(out, "attempt", completion.attempt);
  write_text(out, "worker", completion.worker);
  write_number(out, "delivery", completion.delivery);
  out.end_object();
}

}  // namespace

std::string_view word_of(TaskState state) {
  constexpr std::array<std::string_view, 11> names{"pending",  "scheduled", "queued",  "running",
                                                   "retrying", "success",   "failure", "cancelled",
                                                   "expired",  "lost",      "unknown"};
  const auto index = static_cast<std::size_t>(state);
  return index < names.size() ? names[index] : "unknown";
}

Error error_of(const proto::TaskReport& report) {
  if (*report.fault) return report.fault->to_error();
  const std::string id = to_string(report.id);
  switch (report.state) {
    case TaskState::success:
      return {.kind = ErrorKind::not_found,
              .what = "the result of task " + id + " is no longer kept",
              .why = "its time to live or the worker's bounds for results have passed",
              .fix = "fetch it sooner, or raise result_ttl and results_max"};
    case TaskState::cancelled:
      return {.kind = ErrorKind::cancelled,
              .what = "task " + id + " was cancelled",
              .why = "somebody did not want it any more",
              .fix = "submit it again if it is wanted after all"};
    case TaskState::expired:
      return {.kind = ErrorKind::timed_out,
              .what = "task " + id + " expired",
              .why = "its deadline passed",
              .fix = "give it more time, or add workers"};
    case TaskState::lost:
      return {.kind = ErrorKind::lost,
              .what = "task " + id + " is lost",
              .why = "the worker that held it is gone; it may or may not have run",
              .fix = "submit it again if running it twice does no harm"};
    case TaskState::unknown:
      return {.kind = ErrorKind::not_found,
              .what = "no worker remembers task " + id,
              .why = "it was never submitted, or ended so long ago that it is forgotten",
              .fix = "check the id and the mesh"};
    default:
      return {.kind = ErrorKind::unavailable,
              .what = "task " + id + " has not ended",
              .why = "it is " + std::string(word_of(report.state)),
              .fix = "wait for it with wait_for"};
  }
}

std::string event_id_of(const TaskId& id) { return to_string(id) + "-end"; }

std::string_view event_type_of(TaskState state) {
  switch (state) {
    case TaskState::success:
      return "taskmesh.task.succeeded.v1";
    case TaskState::failure:
      return "taskmesh.task.failed.v1";
    case TaskState::cancelled:
      return "taskmesh.task.cancelled.v1";
    case TaskState::expired:
      return "taskmesh.task.expired.v1";
    default:
      return "taskmesh.task.lost.v1";
  }
}

std::string payload_json(const Payload& payload) {
  if (payload.codec == Codec::json) return std::string(payload.bytes.view());
  if (payload.codec == Codec::none) return "null";
  JsonWriter writer;
  writer.begin_object();
  write_text(writer, "codec", payload.codec == Codec::cereal ? "cereal" : "opaque");
  write_text(writer, "base64", base64(payload.bytes.view()));
  writer.end_object();
  return writer.take();
}

std::string completion_json(const Completion& completion) {
  JsonWriter out;
  write_completion(out, completion);
  return out.take();
}

std::string cloud_event(const Completion& completion, std::string_view mesh) {
  JsonWriter out;
  out.begin_object();
  write_text(out, "specversion", "1.0");
  write_text(out, "id", event_id_of(completion.task_id));
  write_text(out, "source", "/meshes/" + std::string(mesh));
  write_text(out, "type", event_type_of(completion.state));
  write_text(out, "subject", to_string(completion.task_id));
  if (completion.completed_at) write_text(out, "time", to_rfc3339(completion.completed_at));
  write_text(out, "datacontenttype", "application/json");
  if (!completion.traceparent.empty()) write_text(out, "traceparent", completion.traceparent);
  if (!completion.tracestate.empty()) write_text(out, "tracestate", completion.tracestate);
  out.key("data");
  write_completion(out, completion);
  out.end_object();
  return out.take();
}

}  // namespace taskmesh::wire
