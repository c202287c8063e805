#include "taskmesh/wire/completion_json.hpp"

#include <algorithm>
#include <array>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/trace_context.hpp"

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

void write_time(JsonWriter& out, std::string_view name, WallTime time) {
  out.member(name, time ? to_rfc3339(time) : std::string{});
}

/// Never null: what is empty is a string.
void write_string(JsonWriter& out, std::string_view name, std::string_view text) {
  out.key(name);
  out.string(text);
}

void write_completion(JsonWriter& out, const Completion& completion) {
  out.begin_object();
  out.member("event_id", event_id(completion));
  out.member("type", event_type(completion));
  out.member("task_id", to_string(completion.task_id));
  write_string(out, "name", completion.name);
  out.member("status", word_of(completion.state));
  out.key("result");
  out.raw(completion.result_json.empty() ? "null" : completion.result_json);
  if (completion.result_bytes > 0) out.member("result_omitted_bytes", completion.result_bytes);
  out.key("error");
  out.error(completion.error);
  write_time(out, "submitted_at", completion.submitted_at);
  write_time(out, "started_at", completion.started_at);
  write_time(out, "completed_at", completion.completed_at);
  if (completion.delivery > 0) {
    out.key("callback_data");
    out.raw(is_json(completion.callback_data) ? completion.callback_data : "null");
  }
  out.member("attempt", std::uint64_t{completion.attempt});
  write_string(out, "worker", completion.worker);
  out.member("worker_id", completion.worker_id ? to_string(completion.worker_id) : std::string{});
  if (completion.delivery > 0) out.member("delivery", std::uint64_t{completion.delivery});
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

std::string event_id(const Completion& told) {
  const std::string id = to_string(told.task_id);
  if (told.moved_epoch > 0) return id + "-moved-" + std::to_string(told.moved_epoch);
  if (is_terminal(told.state)) return event_id_of(told.task_id);
  return id + "-" + std::string(word_of(told.state)) + "-" + std::to_string(told.attempt);
}

std::string_view event_type_of(TaskState state) {
  for (const EventKind& kind : event_kinds) {
    if (kind.state == state) return kind.type;
  }
  return "taskmesh.task.lost.v1";
}

std::string_view event_type(const Completion& told) {
  return told.moved_epoch > 0 ? event_kinds.back().type : event_type_of(told.state);
}

std::optional<std::uint32_t> event_bit(std::string_view word) {
  constexpr std::string_view before = "taskmesh.task.";
  constexpr std::string_view after = ".v1";
  if (word.starts_with(before) && word.ends_with(after)) {
    word = word.substr(before.size(), word.size() - before.size() - after.size());
  } else if (word == word_of(TaskState::success) || word == word_of(TaskState::failure)) {
    word = word == word_of(TaskState::success) ? "succeeded" : "failed";
  }
  for (const EventKind& kind : event_kinds) {
    const std::string_view type = kind.type.substr(before.size());
    if (type.substr(0, type.size() - after.size()) == word) return kind.bit();
  }
  return std::nullopt;
}

std::string payload_json(const Payload& payload) {
  if (payload.codec == Codec::json) return std::string(payload.bytes.view());
  if (payload.codec == Codec::none) return "null";
  JsonWriter writer;
  writer.begin_object();
  write_string(writer, "codec", payload.codec == Codec::cereal ? "cereal" : "opaque");
  write_string(writer, "base64", base64(payload.bytes.view()));
  writer.end_object();
  return writer.take();
}

std::string completion_json(const Completion& completion) {
  JsonWriter out;
  write_completion(out, completion);
  return out.take();
}

std::string cloud_event(const Completion& completion, std::string_view mesh) {
  const WallTime at = completion.completed_at ? completion.completed_at : completion.at;
  JsonWriter out;
  out.begin_object();
  out.member("specversion", "1.0");
  out.member("id", event_id(completion));
  out.member("source", "/meshes/" + std::string(mesh));
  out.member("type", event_type(completion));
  out.member("subject", to_string(completion.task_id));
  if (at) out.member("time", to_rfc3339(at));
  out.member("datacontenttype", "application/json");
  if (!completion.dataref.empty()) out.member("dataref", completion.dataref);
  if (!completion.traceparent.empty()) out.member("traceparent", completion.traceparent);
  if (!completion.tracestate.empty()) out.member("tracestate", completion.tracestate);
  out.key("data");
  write_completion(out, completion);
  out.end_object();
  return out.take();
}

Completion completion_of(const proto::TaskEvent& event, NodeId worker, std::string_view worker_name,
                         const Error* error) {
  const bool moved = (event.flags & proto::TaskEvent::moved_flag) != 0;
  const bool traced = is_traceparent(event.trace->parent);  // Others say it.
  return {.task_id = event.id,
          .name = event.name,
          .state = event.state,
          .error = error,
          .attempt = event.attempt,
          .worker = worker_name,
          .worker_id = worker,
          .delivery = 0,
          .submitted_at = {static_cast<std::int64_t>(created_unix_ms(event.id)) * 1000},
          .started_at = event.started_at,
          .completed_at = event.completed_at,
          .at = event.at,
          .moved_epoch = moved ? std::max(event.epoch, 1U) : 0,
          .traceparent = traced ? std::string_view(event.trace->parent) : std::string_view{},
          .tracestate = traced && is_tracestate(event.trace->state) ? std::string_view(event.trace->state)
                                                                    : std::string_view{}};
}

std::optional<Error> error_of(const proto::TaskEvent& event) {
  if (event.fault.has_value()) return event.fault->to_error();
  if (!is_terminal(event.state) || event.state == TaskState::success) return std::nullopt;
  return error_of(proto::TaskReport{.id = event.id, .state = event.state});
}

std::string gap_event(const Gap& gap, std::string_view mesh) {
  JsonWriter out;
  out.begin_object();
  out.member("specversion", "1.0");
  out.member("id", gap.id);
  out.member("source", "/meshes/" + std::string(mesh));
  out.member("type", gap_type);
  out.member("time", to_rfc3339(gap.at));
  out.member("datacontenttype", "application/json");
  out.key("data");
  out.begin_object();
  out.key("missed");
  gap.missed > 0 ? out.number(gap.missed) : out.null();
  out.member("worker", gap.worker);
  out.member("worker_id", gap.worker_id ? to_string(gap.worker_id) : std::string{});
  out.end_object();
  out.end_object();
  return out.take();
}

}  // namespace taskmesh::wire
