#include "taskmesh/io/host_entry.hpp"

#include <unistd.h>

#include <array>
#include <limits>

#include "taskmesh/base/json.hpp"
#include "taskmesh/base/limits.hpp"
#include "taskmesh/io/address.hpp"

namespace taskmesh::io {

namespace {

constexpr std::string_view suffix = ".json";
constexpr std::size_t id_digits = 32;

std::string own_pid_namespace() {
  std::array<char, 64> text{};
  const ssize_t size = ::readlink("/proc/self/ns/pid", text.data(), text.size());
  return size > 0 ? std::string(text.data(), static_cast<std::size_t>(size)) : std::string{};
}

std::optional<std::uint64_t> number_at(const Json& json, std::string_view name) {
  const Json* member = json.at(name);
  if (member == nullptr) return std::nullopt;
  if (const auto* natural = std::get_if<std::uint64_t>(&member->value())) return *natural;
  const auto* integer = std::get_if<std::int64_t>(&member->value());
  if (integer == nullptr || *integer < 0) return std::nullopt;
  return static_cast<std::uint64_t>(*integer);
}

}  // namespace

std::string entry_file(const NodeId& node) { return to_string(node) + std::string(suffix); }

NodeId entry_node(std::string_view name) {
  if (name.size() != id_digits + suffix.size() || !name.ends_with(suffix)) return {};
  const auto id = NodeId::parse(name.substr(0, id_digits));
  return id && entry_file(*id) == name ? *id : NodeId{};
}

std::string entry_text(const HostEntry& entry) {
  JsonWriter json;
  json.begin_object();
  json.key("node");
  json.string(to_string(entry.node));
  json.key("incarnation");
  json.number(entry.incarnation);
  json.key("endpoints");
  json.begin_array();
  for (const std::string& endpoint : entry.endpoints) json.string(endpoint);
  json.end_array();
  json.key("pid");
  json.number(static_cast<std::uint64_t>(::getpid()));
  json.key("pid_namespace");
  json.string(own_pid_namespace());
  json.end_object();
  return json.take() + "\n";
}

std::optional<ParsedEntry> parse_entry(std::string_view text, const NodeId& node) {
  const auto json = parse_json(text, limits::directory_entry_bytes);
  if (!json) return std::nullopt;
  const Json* id = json->at("node");
  const Json* endpoints = json->at("endpoints");
  const auto incarnation = number_at(*json, "incarnation");
  const bool shaped = id != nullptr && id->string() != nullptr && *id->string() == to_string(node) &&
                      incarnation && endpoints != nullptr && endpoints->array() != nullptr &&
                      !endpoints->array()->empty() &&
                      endpoints->array()->size() <= limits::entry_endpoints_max;
  if (!shaped) return std::nullopt;
  ParsedEntry parsed{{.node = node, .incarnation = *incarnation}};
  for (const Json& endpoint : *endpoints->array()) {
    if (endpoint.string() == nullptr || !is_numeric_endpoint(*endpoint.string())) return std::nullopt;
    parsed.entry.endpoints.push_back(*endpoint.string());
  }
  const Json* pid_namespace = json->at("pid_namespace");
  const auto pid = number_at(*json, "pid");
  const bool ours = pid_namespace != nullptr && pid_namespace->string() != nullptr &&
                    *pid_namespace->string() == own_pid_namespace();
  if (ours && pid && *pid <= static_cast<std::uint64_t>(std::numeric_limits<int>::max())) {
    parsed.pid = static_cast<int>(*pid);
  }
  return parsed;
}

}  // namespace taskmesh::io
