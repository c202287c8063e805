#include "taskmesh/http/order.hpp"

#include <algorithm>
#include <array>

#include "taskmesh/base/moment.hpp"
#include "taskmesh/http/limits.hpp"
#include "taskmesh/io/address.hpp"
#include "taskmesh/task_result.hpp"

namespace taskmesh::http {

namespace {

using Reason = std::optional<std::string>;
using Setter = Reason (*)(Order&, const std::string&);

Reason set_duration(std::optional<Duration>& into, const std::string& text) {
  auto duration = parse_duration(text);
  if (!duration) return "'" + text + "' is no duration such as 500ms, 5s or 2m";
  into = *duration;
  return {};
}

Reason set_pause(Duration& into, const std::string& text) {
  std::optional<Duration> pause;
  Reason wrong = set_duration(pause, text);
  if (pause) into = *pause;
  return wrong;
}

template <class Number>
Reason set_count(Number& into, const std::string& text, std::uint64_t most) {
  const auto count = parse_count(text, most);
  if (!count) return "'" + text + "' is no whole number up to " + std::to_string(most);
  into = static_cast<Number>(*count);
  return {};
}

Reason set_flag(bool& into, const std::string& text) {
  if (text != "true" && text != "false") return "'" + text + "' is neither true nor false";
  into = text == "true";
  return {};
}

Reason set_priority(Order& order, const std::string& text) {
  const auto priority = parse_priority(text);
  if (!priority) return "'" + text + "' is not critical, high, normal or low";
  order.options.priority = *priority;
  return {};
}

Reason set_replicas(Order& order, const std::string& text) {
  int replicas = 0;
  Reason wrong = set_count(replicas, text, limits::replicas_max);
  if (!wrong) order.options.replicas = replicas;
  return wrong;
}

/// Looking a name up may take seconds, and nobody else would be answered meanwhile.
Reason set_callback(Order& order, const std::string& text) {
  if (text.starts_with("tcp://") && io::needs_resolver(text)) {
    return "its host is a name: give its address in numbers, or localhost";
  }
  order.callback.address = text;
  return {};
}

Reason set_callback_attempts(Order& order, const std::string& text) {
  std::uint32_t attempts = 0;
  Reason wrong = set_count(attempts, text, limits::callback_attempts_max);
  if (!wrong) order.options.callback_attempts = attempts;
  return wrong;
}

/// In a query a + is a plus, not a blank: a zone is written as it is.
Reason set_eta(Order& order, const std::string& text) {
  const auto moment = parse_moment(text, Zone::needed);
  if (!moment) return to_string(moment.error());
  order.options.eta = *moment;
  return {};
}

constexpr std::uint64_t retries_max = 1'000'000;

const std::array<std::pair<std::string_view, Setter>, 15> setters{{
    {"priority", set_priority},
    {"countdown", [](Order& o, const std::string& t) { return set_duration(o.options.countdown, t); }},
    {"eta", set_eta},
    {"deadline", [](Order& o, const std::string& t) { return set_duration(o.options.deadline, t); }},
    {"time_limit", [](Order& o, const std::string& t) { return set_duration(o.options.time_limit, t); }},
    {"retries",
     [](Order& o, const std::string& t) { return set_count(o.options.retries.count, t, retries_max); }},
    {"retry_delay", [](Order& o, const std::string& t) { return set_pause(o.options.retries.delay, t); }},
    {"retry_delay_max",
     [](Order& o, const std::string& t) { return set_pause(o.options.retries.max_delay, t); }},
    {"replicas", set_replicas},
    {"once", [](Order& o, const std::string& t) { return set_flag(o.options.once, t); }},
    {"result_ttl", [](Order& o, const std::string& t) { return set_duration(o.options.result_ttl, t); }},
    {"callback", set_callback},
    {"callback_data",
     [](Order& o, const std::string& t) {
       o.callback.data = t;
       return Reason{};
     }},
    {"callback_ttl", [](Order& o, const std::string& t) { return set_duration(o.options.callback_ttl, t); }},
    {"callback_attempts", set_callback_attempts},
}};

/// The arguments as they came, checked: one JSON array. A tree of them is made only to say what is wrong.
void set_arguments(Order& order, std::string_view body, const std::string& field,
                   std::vector<FieldError>& errors) {
  if (body.empty()) body = "[]";
  if (body.size() > limits::payload_bytes) {
    return errors.push_back({field, "it is longer than " + std::to_string(limits::payload_bytes) + " bytes"});
  }
  const std::size_t first = body.find_first_not_of(" \t\r\n");
  if (first != std::string_view::npos && body[first] == '[' && is_json(body)) {
    order.call.args = detail::finish_json(std::string(body));
    return;
  }
  const auto json = parse_json(body);
  if (json)
    return errors.push_back(
        {field, "it is " + std::string(json->kind()) + ", not an array with all arguments"});
  errors.push_back({field, json.error().why.empty() ? json.error().what : json.error().why});
}

/// As set_option takes it.
std::string text_of(const std::string& name, const Json& value) {
  const bool as_it_is = value.string() != nullptr && name != "callback_data";
  return as_it_is ? *value.string() : to_text(value);
}

Order read_spec(const Json& spec, const std::string& place, std::vector<FieldError>& errors) {
  Order order;
  order.call.reply_codec = Codec::json;
  order.call.args = detail::finish_json("[]");
  if (spec.object() == nullptr) {
    errors.push_back({place, "it is " + std::string(spec.kind()) + ", not an object with name and args"});
    return order;
  }
  for (const auto& [name, value] : *spec.object()) {
    if (name == "args") {
      set_arguments(order, to_text(value), place + ".args", errors);
    } else if (name == "key" && value.string() != nullptr) {
      order.options.key = *value.string();
    } else if (name == "name" && value.string() != nullptr) {
      order.call.name = *value.string();
    } else if (auto reason = set_option(order, name, text_of(name, value))) {
      errors.push_back({place + "." + name, *reason});
    }
  }
  if (order.call.name.empty()) errors.push_back({place + ".name", "the name of the task is missing"});
  return order;
}

}  // namespace

const std::vector<std::string>& option_names() {
  static const std::vector<std::string> names = [] {
    std::vector<std::string> all;
    for (const auto& [name, setter] : setters) all.emplace_back(name);
    return all;
  }();
  return names;
}

std::optional<std::string> set_option(Order& order, std::string_view name, const std::string& text) {
  for (const auto& [known, setter] : setters) {
    if (known == name) return setter(order, text);
  }
  return "there is no option of that name";
}

Order read_order(const std::string& name, const Parameters& query, std::string_view body,
                 std::vector<FieldError>& errors) {
  Order order;
  order.call.name = name;
  order.call.reply_codec = Codec::json;
  for (const auto& [option, text] : query) {
    if (auto reason = set_option(order, option, text)) errors.push_back({"query " + option, *reason});
  }
  set_arguments(order, body, "body", errors);
  return order;
}

std::vector<Order> read_batch(std::string_view body, std::vector<FieldError>& errors) {
  std::vector<Order> orders;
  const auto json = parse_json(body);
  if (!json || json->array() == nullptr) {
    errors.push_back(
        {"body", json ? "it is " + std::string(json->kind()) + ", not an array of tasks" : json.error().why});
    return orders;
  }
  if (json->array()->empty() || json->array()->size() > limits::http_batch_max) {
    errors.push_back({"body", "a batch has 1 to " + std::to_string(limits::http_batch_max) + " tasks"});
    return orders;
  }
  for (const Json& spec : *json->array()) {
    orders.push_back(read_spec(spec, "body[" + std::to_string(orders.size()) + "]", errors));
  }
  return orders;
}

}  // namespace taskmesh::http
