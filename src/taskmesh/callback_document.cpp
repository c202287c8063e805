#include "taskmesh/callback_document.hpp"

#include <utility>

#include "taskmesh/core/tasks/spans.hpp"
#include "taskmesh/task_result.hpp"
#include "taskmesh/wire/completion_json.hpp"

namespace taskmesh {

std::string_view to_string(ListenerState state) {
  switch (state) {
    case ListenerState::idle:
      return "idle";
    case ListenerState::away:
      return "away";
    case ListenerState::greeting:
      return "greeting";
    case ListenerState::ready:
      return "ready";
    case ListenerState::broken:
      return "broken";
  }
  return "unknown";
}

std::string_view to_string(EventStage stage) {
  switch (stage) {
    case EventStage::waiting:
      return "waiting";
    case EventStage::in_flight:
      return "in_flight";
    case EventStage::refused:
      return "refused";
    case EventStage::dead:
      return "dead";
  }
  return "unknown";
}

std::string_view to_string(PostFailure failure) {
  switch (failure) {
    case PostFailure::none:
      return "none";
    case PostFailure::forbidden:
      return "forbidden";
    case PostFailure::name:
      return "name";
    case PostFailure::connect:
      return "connect";
    case PostFailure::tls:
      return "tls";
    case PostFailure::silent:
      return "silent";
    case PostFailure::broken:
      return "broken";
  }
  return "unknown";
}

std::string_view to_string(PostOutcome outcome) {
  switch (outcome) {
    case PostOutcome::delivered:
      return "delivered";
    case PostOutcome::again:
      return "again";
    case PostOutcome::held:
      return "held";
    case PostOutcome::dead:
      return "dead";
    case PostOutcome::allowed:
      return "allowed";
  }
  return "unknown";
}

namespace detail {

namespace {

void write_span(JsonWriter& writer, std::string_view name, Duration span) {
  writer.key(name);
  writer.number(static_cast<std::int64_t>(span / 1ms));
}

}  // namespace

UndeliveredCallback callback_of(const proto::CallbackRow& row, const proto::ListenerRow& listener,
                                const NodeId& worker, const std::string& worker_name) {
  return {.task_id = row.id,
          .name = row.name,
          .state = row.state,
          .stage = row.stage,
          .deliveries = row.deliveries,
          .age = core::span_of_ms(row.age_ms),
          .left = core::span_of_ms(row.left_ms),
          .trouble = listener.trouble,
          .worker = worker_name,
          .worker_id = worker,
          .address = listener.address,
          .listener = listener.state,
          .retry_in = core::span_of_ms(listener.retry_ms),
          .in_flight = listener.in_flight,
          .window = listener.window_records,
          .in_flight_bytes = listener.in_flight_bytes,
          .window_bytes = listener.window_bytes};
}

WebhookAttempt attempt_of(proto::PostRow row, const NodeId& worker, const std::string& worker_name) {
  return {.task_id = row.id,
          .event_id = wire::event_id_of(row.id),
          .asked = row.asked != 0,
          .delivery = row.delivery,
          .endpoint = std::move(row.endpoint),
          .at = row.at,
          .took = core::span_of_ms(row.took_ms),
          .status = row.status,
          .failure = row.failure,
          .why = std::move(row.why),
          .outcome = row.outcome,
          .next_at = row.next,
          .worker = worker_name,
          .worker_id = worker};
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

void write_attempt(JsonWriter& writer, const WebhookAttempt& one) {
  writer.begin_object();
  writer.member("task_id", to_string(one.task_id));
  writer.member("event_id", one.event_id);
  writer.member("kind", one.asked ? "consent" : "event");
  writer.member("delivery", one.delivery);
  writer.member("endpoint", one.endpoint);
  writer.member("at", to_rfc3339(one.at));
  write_span(writer, "took_ms", one.took);
  writer.key("status");
  if (one.status == 0) {
    writer.null();
  } else {
    writer.number(std::uint64_t{one.status});
  }
  writer.member("failure", one.failure == PostFailure::none ? std::string_view() : to_string(one.failure));
  writer.member("why", one.why);
  writer.member("outcome", to_string(one.outcome));
  writer.member("next_at", to_rfc3339(one.next_at));
  writer.member("worker", one.worker);
  writer.member("worker_id", to_string(one.worker_id));
  writer.end_object();
}

}  // namespace detail

}  // namespace taskmesh
