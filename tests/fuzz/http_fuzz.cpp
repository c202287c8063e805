// What a request of the web side is made of: read, or refused with a reason. What is read survives being written.
//
// Input: an octet for the parser, then its text.
#include <cstdint>
#include <string>
#include <string_view>

#include "fuzz/input.hpp"
#include "taskmesh/base/check.hpp"
#include "taskmesh/base/trace_context.hpp"
#include "taskmesh/http/api_keys.hpp"
#include "taskmesh/http/documents.hpp"
#include "taskmesh/http/exposition.hpp"
#include "taskmesh/http/fields.hpp"
#include "taskmesh/http/limits.hpp"
#include "taskmesh/http/order.hpp"
#include "taskmesh/http/routes.hpp"

namespace {

using namespace taskmesh;
using namespace taskmesh::http;

void check_reasons(const std::vector<FieldError>& errors) {
  for (const FieldError& error : errors) TASKMESH_CHECK(!error.field.empty() && !error.why.empty());
  // Whatever others said is in the complaint, which is JSON all the same.
  const auto json = parse_json(to_json({.problem = Problem::bad_request, .errors = errors}, "/"));
  TASKMESH_CHECK(json.has_value());
}

void check_target(std::string_view text) {
  const auto target = parse_target(text);
  if (!target) {
    TASKMESH_CHECK(!target.error().why.empty());
    return;
  }
  TASKMESH_CHECK(target->path.size() <= limits::http_segments_max);
  std::string again = target->path.empty() ? "/" : "";
  for (const std::string& part : target->path) {
    TASKMESH_CHECK(!part.empty() && part != "." && part != "..");
    again += "/" + percent_encoded(part);
  }
  char before = '?';
  for (const auto& [name, value] : target->query) {
    again += before + percent_encoded(name) + "=" + percent_encoded(value);
    before = '&';
  }
  const auto reread = parse_target(again);
  // Encoding makes it longer, perhaps too long; an empty name without a value vanishes from a query.
  TASKMESH_CHECK(!reread.has_value() || *reread == *target);
  TASKMESH_CHECK(reread.has_value() || again.size() > limits::http_target_bytes);
  for (const char* method : {"GET", "POST", "DELETE"}) match(method, target->path);
}

void check_key(std::string_view text) {
  const auto key = parse_idempotency_key(text);
  if (!key) return;
  TASKMESH_CHECK(!key->empty() && key->size() <= limits::key_bytes);
  std::string quoted = "\"";
  for (const char c : *key) {
    if (c == '"' || c == '\\') quoted += '\\';
    quoted += c;
  }
  TASKMESH_CHECK(parse_idempotency_key(quoted + "\"").value() == *key);
}

void check_fields(std::string_view text) {
  const Preferences preferences = parse_prefer(text);
  TASKMESH_CHECK(!preferences.wait || *preferences.wait >= Duration::zero());
  if (const auto trace = parse_traceparent(text))
    TASKMESH_CHECK(parse_traceparent(to_traceparent(*trace)) == trace);
  if (is_traceparent(text) || is_tracestate(text))
    TASKMESH_CHECK(text.find_first_of("\r\n") == std::string_view::npos);
  if (is_request_id(text)) TASKMESH_CHECK(text.find('\n') == std::string_view::npos);
  const std::string tag = entity_tag(text);
  TASKMESH_CHECK(tag_matches(tag, tag) && tag_matches("\"x\", W/" + tag, tag));
  tag_matches(text, tag);
  is_json_type(text);
  is_local_host(text);
  if (const auto key = bearer_key(text)) TASKMESH_CHECK(text.find(*key) != std::string_view::npos);
  Exposition out(Exposition::format_for(text));
  out.begin("x", Exposition::Type::gauge, "", text);
  out.sample({{"label", text}}, std::uint64_t{1});
  const std::string written = out.take();
  TASKMESH_CHECK(written.find("} 1\n") != std::string::npos);
}

void check_order(std::string_view text) {
  const std::size_t line = text.find('\n');
  const auto target = parse_target("/v1?" + std::string(text.substr(0, line)));
  std::vector<FieldError> errors;
  const std::string_view body = line == std::string_view::npos ? std::string_view{} : text.substr(line + 1);
  const Order order = read_order("add", target ? target->query : Parameters{}, body, errors);
  check_reasons(errors);
  if (errors.empty()) TASKMESH_CHECK(parse_json(order.call.args.bytes.view())->array() != nullptr);
}

void check_batch(std::string_view text) {
  std::vector<FieldError> errors;
  const auto orders = read_batch(text, errors);
  check_reasons(errors);
  TASKMESH_CHECK(orders.size() <= limits::http_batch_max);
  if (errors.empty()) TASKMESH_CHECK(!orders.empty() && !orders.front().call.name.empty());
}

void check_keys(std::string_view text) {
  const auto keys = ApiKeys::parse(text, "keys");
  if (keys) {
    TASKMESH_CHECK(keys->size() >= 1 && keys->find("") == nullptr);
  } else {
    TASKMESH_CHECK(!keys.error().why.empty());
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  fuzz::Input input(data, size);
  const std::size_t which = input.pick(6);
  const std::string_view text = input.rest();
  if (which == 0) check_target(text);
  if (which == 1) check_key(text);
  if (which == 2) check_fields(text);
  if (which == 3) check_order(text);
  if (which == 4) check_batch(text);
  if (which == 5) check_keys(text);
  return 0;
}
