#include "taskmesh/wire/otlp_json.hpp"

#include <charconv>

#include "taskmesh/base/json.hpp"

namespace taskmesh::wire {

namespace {

// Of Span.flags: it is known whether the parent is in another process, and it is.
constexpr std::uint64_t remote_known_flag = 0x100;
constexpr std::uint64_t remote_flag = 0x200;

void text(JsonWriter& out, std::string_view name, std::string_view value) {
  out.key(name);
  out.string(value);
}

void write(JsonWriter& out, const AttributeValue& value) {
  out.begin_object();
  if (const auto* words = std::get_if<std::string>(&value)) text(out, "stringValue", *words);
  if (const auto* number = std::get_if<std::int64_t>(&value)) text(out, "intValue", std::to_string(*number));
  if (const auto* truth = std::get_if<bool>(&value)) {
    out.key("boolValue");
    out.boolean(*truth);
  }
  out.end_object();
}

void write(JsonWriter& out, const Attributes& attributes) {
  out.key("attributes");
  out.begin_array();
  for (const auto& [key, value] : attributes) {
    out.begin_object();
    text(out, "key", key);
    out.key("value");
    write(out, value);
    out.end_object();
  }
  out.end_array();
}

void write_links(JsonWriter& out, const std::vector<TraceContext>& links) {
  out.key("links");
  out.begin_array();
  for (const TraceContext& link : links) {
    out.begin_object();
    text(out, "traceId", to_hex(link.trace_id));
    text(out, "spanId", to_hex(link.span_id));
    out.key("flags");
    out.number(link.flags | remote_known_flag | remote_flag);
    out.end_object();
  }
  out.end_array();
}

std::string nanoseconds(std::int64_t us) { return std::to_string(us * 1000); }

void write(JsonWriter& out, const Span& span) {
  out.begin_object();
  text(out, "traceId", to_hex(span.context.trace_id));
  text(out, "spanId", to_hex(span.context.span_id));
  if (!span.state.empty()) text(out, "traceState", span.state);
  if (span.parent) text(out, "parentSpanId", to_hex(*span.parent));
  out.key("flags");
  out.number(span.context.flags | remote_known_flag | (span.parent ? remote_flag : 0));
  text(out, "name", span.name);
  out.key("kind");
  out.number(static_cast<std::uint64_t>(span.kind));
  text(out, "startTimeUnixNano", nanoseconds(span.begun_us));
  text(out, "endTimeUnixNano", nanoseconds(span.ended_us));
  write(out, span.attributes);
  if (!span.links.empty()) write_links(out, span.links);
  out.key("status");
  out.begin_object();
  if (span.status != SpanStatus::unset) {
    out.key("code");
    out.number(static_cast<std::uint64_t>(span.status));
  }
  if (!span.trouble.empty()) text(out, "message", span.trouble);
  out.end_object();
  out.end_object();
}

std::int64_t whole(const Json* json) {
  if (json == nullptr) return 0;
  if (const auto* number = std::get_if<std::int64_t>(&json->value())) return *number;
  if (const auto* number = std::get_if<std::uint64_t>(&json->value()))
    return static_cast<std::int64_t>(*number);
  std::int64_t read = 0;
  if (const std::string* digits = json->string()) {
    std::from_chars(digits->data(), digits->data() + digits->size(), read);
  }
  return read;
}

}  // namespace

std::string otlp_request(const Attributes& resource, std::string_view version,
                         const std::vector<Span>& spans) {
  JsonWriter out;
  out.begin_object();
  out.key("resourceSpans");
  out.begin_array();
  out.begin_object();
  out.key("resource");
  out.begin_object();
  write(out, resource);
  out.end_object();
  out.key("scopeSpans");
  out.begin_array();
  out.begin_object();
  out.key("scope");
  out.begin_object();
  text(out, "name", "taskmesh");
  text(out, "version", version);
  out.end_object();
  out.key("spans");
  out.begin_array();
  for (const Span& span : spans) write(out, span);
  out.end_array();
  out.end_object();
  out.end_array();
  out.end_object();
  out.end_array();
  out.end_object();
  return out.take();
}

Result<OtlpAnswer> read_otlp_answer(std::string_view body) {
  if (body.empty()) return OtlpAnswer{};
  const auto read = parse_json(body);
  if (!read) return fail(read.error());
  const Json* partial = read->at("partialSuccess");
  if (partial == nullptr) return OtlpAnswer{};
  OtlpAnswer answer{.refused = whole(partial->at("rejectedSpans"))};
  const Json* why = partial->at("errorMessage");
  if (why != nullptr && why->string() != nullptr) answer.why = *why->string();
  return answer;
}

}  // namespace taskmesh::wire
