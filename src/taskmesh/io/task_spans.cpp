#include "taskmesh/io/task_spans.hpp"

#include <algorithm>
#include <variant>

#include "taskmesh/base/http_url.hpp"
#include "taskmesh/core/tasks/task_record.hpp"

namespace taskmesh::io {

namespace {

constexpr std::size_t trouble_bytes_max = 1'024;

template <std::size_t N>
void put(std::array<std::uint8_t, N>& to, std::size_t at, std::uint64_t number) {
  for (std::size_t i = 0; i < 8; ++i) to[at + i] = static_cast<std::uint8_t>(number >> (56 - 8 * i));
}

std::uint64_t mixed(std::uint64_t value) {
  value = (value ^ value >> 30) * 0xBF58476D1CE4E5B9ULL;
  value = (value ^ value >> 27) * 0x94D049BB133111EBULL;
  return value ^ value >> 31;
}

/// The trace of a task that came without one: every node that has it finds the same.
TraceIdOctets trace_of_task(const TaskId& id) {
  std::uint64_t words[2] = {0, 0};
  for (std::size_t i = 0; i < id.bytes.size(); ++i) words[i / 8] = words[i / 8] << 8 | id.bytes[i];
  TraceIdOctets trace{};
  put(trace, 0, mixed(words[0] ^ mixed(words[1] + 0x9E3779B97F4A7C15ULL)) | 1);
  put(trace, 8, mixed(words[1] ^ mixed(words[0])));
  return trace;
}

const std::string* find(const std::vector<Header>& headers, std::string_view name) {
  const auto found = std::ranges::find(headers, name, &Header::name);
  return found == headers.end() ? nullptr : &found->value;
}

/// False: there is no room for one more.
bool set(std::vector<Header>& headers, const std::string& name, std::string value) {
  const auto found = std::ranges::find(headers, name, &Header::name);
  if (found != headers.end()) {
    found->value = std::move(value);
    return true;
  }
  if (headers.size() >= limits::headers_max) return false;
  std::size_t bytes = name.size() + value.size();
  for (const Header& header : headers) bytes += header.name.size() + header.value.size();
  if (bytes > limits::headers_bytes) return false;
  headers.push_back({name, std::move(value)});
  return true;
}

void fail_with(wire::Span& span, std::string type, std::string trouble) {
  trouble.resize(std::min(trouble.size(), trouble_bytes_max));
  span.status = wire::SpanStatus::error;
  span.trouble = std::move(trouble);
  span.attributes.emplace_back("error.type", std::move(type));
}

void name_server(wire::Span& span, const std::string& address) {
  const auto url = parse_http_url(address);
  if (!url) return;
  span.attributes.emplace_back("server.address", url->host);
  span.attributes.emplace_back("server.port", std::int64_t{url->port});
  span.attributes.emplace_back("url.scheme", std::string(url->tls ? "https" : "http"));
  span.attributes.emplace_back("http.request.method", std::string("POST"));
}

}  // namespace

SpanIdOctets TaskSpans::new_span_id() const {
  SpanIdOctets id{};
  std::uint64_t number = 0;
  while (number == 0) number = setup_.random();
  put(id, 0, number);
  return id;
}

TraceIdOctets TaskSpans::new_trace_id() const {
  TraceIdOctets id{};
  std::uint64_t number = 0;
  while (number == 0) number = setup_.random();
  put(id, 0, setup_.random());
  put(id, 8, number);
  return id;
}

wire::Span TaskSpans::make(std::string_view operation, std::string_view type, const std::string& name,
                           const TaskId& task) const {
  wire::Span span;
  span.name = std::string(operation) + " " + name;
  span.attributes = {
      {"messaging.system", std::string("taskmesh")},   {"messaging.operation.name", std::string(operation)},
      {"messaging.operation.type", std::string(type)}, {"messaging.destination.name", name},
      {"messaging.message.id", to_string(task)},       {"messaging.client.id", setup_.node}};
  return span;
}

/// Where it is: below `parent`, or at the root of its task's trace. False: it is not recorded.
bool TaskSpans::place(wire::Span& span, const TaskId& task, const proto::Trace& trace) const {
  const auto context = parse_traceparent(trace.parent);
  span.context.trace_id = context ? context->trace_id : trace_of_task(task);
  if (!setup_.sampler.samples(span.context.trace_id, context)) return false;
  span.context.span_id = new_span_id();
  span.context.flags = static_cast<std::uint8_t>((context ? context->flags : 0) | TraceContext::sampled_flag);
  if (!context) return true;
  span.parent = context->span_id;
  span.links.push_back(*context);
  span.state = trace.state;
  return true;
}

bool TaskSpans::has_room() const {
  if (open() < limits::trace_open_max) return true;
  setup_.left_out();
  return false;
}

// ---- Sent ------------------------------------------------------------------------------------------------

void TaskSpans::submitted(core::SubmitTask& task, WallTime now) const {
  wire::Span span = make("send", "send", task.name, task.id);
  const std::string* given = find(task.terms->headers, "traceparent");
  const auto parent = given != nullptr ? parse_traceparent(*given) : std::nullopt;
  span.context.trace_id = parent ? parent->trace_id : new_trace_id();
  const bool sampled = setup_.sampler.samples(span.context.trace_id, parent);
  if (!sampled && parent) return;  // It is handed on as it came.
  span.context.span_id = new_span_id();
  span.context.flags = sampled ? TraceContext::sampled_flag : 0;
  if (!set(task.terms.edit().headers, "traceparent", to_traceparent(span.context)) || !sampled) return;
  if (parent) span.parent = parent->span_id;
  if (const std::string* state = find(task.terms->headers, "tracestate")) span.state = *state;
  span.kind = wire::SpanKind::producer;
  span.begun_us = span.ended_us = now.unix_us;
  setup_.sink(std::move(span));
}

// ---- Attempts --------------------------------------------------------------------------------------------

void TaskSpans::begin_attempt(core::Run& run) {
  Running running{.span = make("process", "process", run.name, run.id)};
  wire::Span& span = running.span;
  if (!place(span, run.id, core::trace_of(*run.headers)) || !has_room()) return;
  span.kind = wire::SpanKind::consumer;
  span.attributes.emplace_back("taskmesh.attempt", std::int64_t{run.attempt});
  set(run.headers.edit(), "traceparent", to_traceparent(span.context));
  attempts_.insert_or_assign({run.id, run.attempt}, std::move(running));
}

void TaskSpans::end_attempt(const core::Finished& finished) {
  auto node = attempts_.extract({finished.id, finished.attempt});
  if (node.empty() || !finished.started_at) return;  // It was taken back before it was started.
  wire::Span span = std::move(node.mapped().span);
  span.begun_us = finished.started_at.unix_us;
  span.ended_us = std::max(finished.completed_at.unix_us, span.begun_us);
  if (finished.error) {
    fail_with(span, std::string(to_string(finished.error->kind)),
              finished.error->what + ": " + finished.error->why);
  } else if (node.mapped().stopped) {
    fail_with(span, "stopped", "it was asked to stop: cancelled, or out of time");
  }
  setup_.sink(std::move(span));
}

// ---- Callbacks -------------------------------------------------------------------------------------------

void TaskSpans::begin_post(core::Post& post, WallTime now) {
  if (post.asks) return;  // For consent: it tells nothing of the task.
  const proto::TaskReport& report = post.ended->report;
  wire::Span span = make("callback", "send", report.name, report.id);
  if (!place(span, report.id, post.ended->callback->trace) || !has_room()) return;
  span.kind = wire::SpanKind::client;
  span.begun_us = now.unix_us;
  name_server(span, post.ended->callback_address);
  span.attributes.emplace_back("taskmesh.delivery", std::int64_t{post.delivery});
  post.traceparent = to_traceparent(span.context);
  posts_.insert_or_assign(post.number, std::move(span));
}

void TaskSpans::end_post(const core::PostAnswered& answered, WallTime now) {
  auto node = posts_.extract(answered.number);
  if (node.empty()) return;
  wire::Span span = std::move(node.mapped());
  span.ended_us = std::max(now.unix_us, span.begun_us);
  if (answered.status != 0) {
    span.attributes.emplace_back("http.response.status_code", std::int64_t{answered.status});
  }
  if (answered.status == 0) fail_with(span, "unanswered", answered.trouble);
  if (answered.status >= 300) fail_with(span, std::to_string(answered.status), "it was not taken");
  setup_.sink(std::move(span));
}

void TaskSpans::begin_notify(const core::Send& send, WallTime now) {
  const auto* notify = std::get_if<proto::Notify>(&send.message);
  if (notify == nullptr || !notify->trace.has_value()) return;
  const auto before = notifies_.find({send.link, notify->seq});
  if (before != notifies_.end()) end_notify(before, "it was not acknowledged", now);
  const proto::TaskReport& report = *notify->report;
  wire::Span span = make("callback", "send", report.name, report.id);
  if (!place(span, report.id, *notify->trace) || !has_room()) return;
  span.kind = wire::SpanKind::producer;
  span.begun_us = now.unix_us;
  span.attributes.emplace_back("taskmesh.delivery", std::int64_t{notify->delivery});
  notifies_.insert_or_assign({send.link, notify->seq}, std::move(span));
}

void TaskSpans::end_notify(std::map<Notified, wire::Span>::iterator at, std::string_view trouble,
                           WallTime now) {
  wire::Span span = std::move(at->second);
  notifies_.erase(at);
  span.ended_us = std::max(now.unix_us, span.begun_us);
  if (!trouble.empty()) fail_with(span, "unanswered", std::string(trouble));
  setup_.sink(std::move(span));
}

void TaskSpans::on_acked(core::LinkId link, const proto::NotifyAck& ack, WallTime now) {
  for (const proto::Range& range : ack.seqs) {
    auto at = notifies_.lower_bound({link, range.first});
    while (at != notifies_.end() && at->first.first == link && at->first.second <= range.last) {
      end_notify(at++, {}, now);
    }
  }
}

void TaskSpans::lose_link(core::LinkId link, WallTime now) {
  auto at = notifies_.lower_bound({link, 0});
  while (at != notifies_.end() && at->first.first == link) end_notify(at++, "its connection broke", now);
}

// ---- On their way ----------------------------------------------------------------------------------------

void TaskSpans::on_received(const core::Received& received, WallTime now) {
  if (const auto* ack = std::get_if<proto::NotifyAck>(&received.message)) on_acked(received.link, *ack, now);
  const auto* nack = std::get_if<proto::NotifyNack>(&received.message);
  if (nack == nullptr) return;
  const auto at = notifies_.find({received.link, nack->seq});
  if (at != notifies_.end()) end_notify(at, "the listener wants it later", now);
}

void TaskSpans::on_event(const core::Event& event, WallTime now) {
  if (const auto* finished = std::get_if<core::Finished>(&event)) return end_attempt(*finished);
  if (const auto* received = std::get_if<core::Received>(&event)) return on_received(*received, now);
  if (const auto* answered = std::get_if<core::PostAnswered>(&event)) return end_post(*answered, now);
  if (const auto* down = std::get_if<core::LinkDown>(&event)) return lose_link(down->link, now);
  const auto* returned = std::get_if<core::Returned>(&event);
  if (returned == nullptr) return;
  for (const TaskId& id : returned->ids) {  // The one attempt of it that was not started.
    const auto next = attempts_.upper_bound({id, ~std::uint32_t{0}});
    if (next != attempts_.begin() && std::prev(next)->first.first == id) attempts_.erase(std::prev(next));
  }
}

void TaskSpans::on_effects(core::Effects& effects, WallTime now) {
  for (const core::Send& send : effects.send) begin_notify(send, now);
  for (core::Run& run : effects.run) begin_attempt(run);
  for (const core::Stop& stop : effects.stop) {
    const auto running = attempts_.find({stop.id, stop.attempt});
    if (running != attempts_.end()) running->second.stopped = true;
  }
  for (core::Post& post : effects.post) begin_post(post, now);
  for (const core::LinkId link : effects.close) lose_link(link, now);
}

}  // namespace taskmesh::io
